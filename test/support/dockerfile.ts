/** As much of a Dockerfile as tells what it takes from where it is built (https://docs.docker.com/reference/dockerfile/). */
interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** Comments are left out, lines that go on are joined. */
function instructionsOf(text: string): Instruction[] {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ word: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1).trim() }));
}

/** What is copied out of the folder that the image is built from. */
export const copiedBy = (text: string): string[] =>
  instructionsOf(text)
    .filter(({ word, rest }) => (word === 'COPY' || word === 'ADD') && !rest.includes('--from='))
    .flatMap(({ rest }) =>
      rest
        .split(/\s+/)
        .filter((each) => !each.startsWith('--'))
        .slice(0, -1),
    );

/** Presets of its build arguments by name: bases among them. */
export const argumentsOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    instructionsOf(text).flatMap(({ word, rest }): [string, string][] => {
      const [, name = '', preset] = /^(\w+)(?:=(.*))?$/.exec(rest) ?? [];
      return word === 'ARG' && preset !== undefined ? [[name, preset]] : [];
    }),
  );
