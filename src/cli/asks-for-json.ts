/** Whether `--output json` is among the arguments: failures before the arguments were read are told in JSON too. The last one counts. */
export function asksForJson(args: readonly string[]): boolean {
  const formats = args.flatMap((word, index) => {
    if (word === '-o' || word === '--output') return [args[index + 1]];
    return [/^(?:--output=|-o)(.+)$/.exec(word)?.[1]].filter((format) => format !== undefined);
  });
  return formats.at(-1) === 'json';
}
