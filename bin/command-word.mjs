/** Global options whose value is the next argument (src/cli/program.ts). */
export const WITH_VALUE = ['-o', '--output', '--temporal-profile'];

/** The command among the arguments, wherever global options stand; undefined: none. */
export function commandWord(args) {
  return args.find((argument, index) => !argument.startsWith('-') && !WITH_VALUE.includes(args[index - 1]));
}
