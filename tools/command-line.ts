/** What somebody asks of a developer's command (`npm run …`): its options and words, or one sentence and exit code 2 before anything starts. */
import { parseArgs } from 'node:util';

const BAD_INPUT = 2;

interface Option {
  readonly type: 'string' | 'boolean';
  readonly default?: string | boolean;
  /** What stands for the value in the usage. */
  readonly value?: string;
  readonly about: string;
}

type Value<O extends Option> = O['type'] extends 'boolean' ? boolean : O extends { readonly default: string } ? string : string | undefined;

interface Command<T extends Readonly<Record<string, Option>>> {
  /** How it is called, such as `npm run soak --`. */
  readonly call: string;
  readonly about: string;
  readonly options: T;
  /** What its words are, where it takes some, such as `[NAME…]`. */
  readonly words?: string;
}

interface Asked<T extends Readonly<Record<string, Option>>> {
  readonly values: { readonly [K in keyof T]: Value<T[K]> };
  readonly words: readonly string[];
  /** Ends the process with one sentence. */
  readonly refuse: (problem: string) => never;
  /** A whole number from `least` (1) on. */
  readonly whole: (option: keyof T & string, least?: number) => number;
}

/** For a bench: one line of JSON. */
export const JSON_OPTION = { type: 'boolean', default: false, about: 'one line of JSON' } as const;

/**
 * Reads the arguments of this process. `--help` prints the usage and ends it with 0.
 * @example commandLine({ call: 'npm run soak --', about: 'plays days', options: { seeds: { type: 'string', default: '1', value: 'N', about: 'how many' } } }).whole('seeds')
 */
export function commandLine<const T extends Readonly<Record<string, Option>>>(
  command: Command<T>,
  args: readonly string[] = process.argv.slice(2),
): Asked<T> {
  const refuse = (problem: string): never => {
    process.stderr.write(`${command.call.replace(/^npm (?:run )?| --/g, '')}: ${problem}; see ${command.call} --help\n`);
    process.exit(BAD_INPUT);
  };
  const parse = (): { values: Record<string, unknown>; positionals: string[] } => {
    try {
      const options = Object.entries(command.options).map(([name, { type, default: value }]) => [
        name,
        { type, ...(value === undefined ? {} : { default: value }) },
      ]);
      return parseArgs({
        args: [...args],
        options: { ...(Object.fromEntries(options) as Record<string, { type: Option['type'] }>), help: { type: 'boolean', short: 'h' } },
        allowPositionals: command.words !== undefined,
      });
    } catch (error) {
      // Node explains after its first sentence how to write a word that begins with a dash.
      return refuse((error instanceof Error ? error.message : String(error)).split(/\. |\n/, 1)[0] ?? '');
    }
  };
  const { values, positionals } = parse();
  if (values['help'] === true) {
    process.stdout.write(usage(command));
    process.exit(0);
  }
  const whole = (option: keyof T & string, least = 1): number => {
    const text = values[option];
    const number = typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return number >= least ? number : refuse(`--${option}: expected a whole number from ${least}, found "${String(text)}"`);
  };
  return { values: values as Asked<T>['values'], words: positionals, refuse, whole };
}

function usage<T extends Readonly<Record<string, Option>>>({ call, about, options, words }: Command<T>): string {
  const lines = Object.entries<Option>(options).map(([name, { value, about: what, default: usual }]) => {
    const left = `--${name}${value === undefined ? '' : ` ${value}`}`;
    return `  ${left.padEnd(20)} ${what}${typeof usual === 'string' ? ` (${usual})` : ''}\n`;
  });
  return `usage: ${call} ${[...(words === undefined ? [] : [words]), '[options]'].join(' ')}\n\n${about}\n\n${lines.join('')}  ${'--help'.padEnd(20)} this text, and nothing starts\n`;
}
