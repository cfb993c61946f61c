/** Global options whose value is the next argument (src/cli/program.ts). */
export const WITH_VALUE = ['-o', '--output', '--temporal-profile'];

/** The command among the arguments, wherever global options stand; undefined: none. */
export function commandWord(args) {
  return args.find((argument, index) => !argument.startsWith('-') && !WITH_VALUE.includes(args[index - 1]));
}

/** Commands that start or check a pipeline here need Python and Temporal. */
export const WITH_PYTHON = new Set(['example', 'dev', 'run', 'train', 'extend', 'retry', 'plan', 'compile', 'schedule', 'trial', 'doctor']);
