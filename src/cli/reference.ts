/**
 * docs/cli.md, and the list of commands that `longhaul --help` shows: made of the commands' own help, so that they cannot say anything else.
 * `npm run reference` writes them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Argument, Command, Option } from 'commander';
import { EXIT } from './exit.ts';
import { OUTPUTS } from './output-schemas.ts';
import { createProgram, listed } from './program.ts';

export const REFERENCE_FILE = join(import.meta.dirname, '..', '..', 'docs', 'cli.md');
export const OVERVIEW_FILE = join(import.meta.dirname, 'overview.json');

const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done',
  failed: 'the run failed, or something failed that nobody foresaw (`LONGHAUL_DEBUG=1` shows where)',
  badInput: 'bad input: an option, a file or a name; nothing was started',
  refused: 'refused: the server or a workflow said no, and why',
  cannotConnect: 'no Temporal server answers',
  different: 'an audit found a training that comes out different when it is repeated',
  interrupted: 'interrupted by Ctrl-C; the run goes on',
};

export async function reference(): Promise<string> {
  const program = await createProgram();
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const groups = [...new Set(commands.map((command) => command.helpGroup()))];
  return [
    '# The command line',
    "Made from `longhaul --help` by `npm run reference`; do not edit.\n\nstdout is data, stderr is talk: what a command answers can be piped, and what it tells a person does not get in between. There are no colours without a terminal or with `NO_COLOR`, `--no-color` or `TERM=dumb`; nothing is repainted without a terminal or with `CI` set.\n\nThe Temporal server is the one that TEMPORAL_ADDRESS or a profile of the environment configuration names, else the one of `longhaul dev` in this directory or above it. Where neither is there and runs were made, commands about runs start the project's own servers for as long as they take; those that only read need none for runs that have ended.",
    '## Options of every command',
    optionTable(program.options),
    '## Exit codes',
    table(
      ['code', 'meaning'],
      Object.entries(EXIT).map(([name, code]) => [String(code), EXIT_MEANING[name as keyof typeof EXIT]]),
    ),
    ...groups.flatMap((group) => [
      `## ${group.replace(/:$/, '')}`,
      ...commands.filter((command) => command.helpGroup() === group).flatMap((command) => sections(command)),
    ]),
    '## JSON output',
    'With `--output json` every command writes one JSON value to stdout, and a failure writes `{"error": …}` to stderr. These shapes are stable: fields may be added, none is renamed or removed before the next major version. Times are milliseconds since 1970 where they are numbers, ISO 8601 where they are texts.',
    ...OUTPUTS.map(
      ({ title, commands: names, fields }) =>
        `### ${title}\n\n${names.map((name) => `\`longhaul ${name}\``).join(', ')}\n\n${fieldTable(fields)}`,
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

export const overview = async (): Promise<string> => `${JSON.stringify(listed(await createProgram()), null, 2)}\n`;

/** A command and its subcommands. */
function sections(command: Command, parents = 'longhaul'): string[] {
  const name = `${parents} ${command.name()}`;
  return [section(command, name), ...command.commands.filter((one) => one.name() !== 'help').flatMap((one) => sections(one, name))];
}

function section(command: Command, name: string): string {
  const alias = command.alias();
  const parts = [
    `### ${name}`,
    `${command.description()}${alias ? ` (also \`longhaul ${alias}\`)` : ''}`,
    '```\n' + `${name} ${command.usage()}`.trim() + '\n```',
    command.registeredArguments.length === 0 ? '' : argumentTable(command.registeredArguments),
    command.options.length === 0 ? '' : optionTable(command.options),
    after(command),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** The examples and notes that `--help` ends with. */
function after(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  const [, examples = '', notes = ''] = /Examples:\n((?: {2}.*\n)+)([\s\S]*)/.exec(text) ?? [];
  const lines = examples.trimEnd().replaceAll(/^ {2}\$ /gm, '');
  return [lines === '' ? '' : '```\n' + lines + '\n```', notes.trim()].filter((part) => part !== '').join('\n\n');
}

const argumentTable = (list: readonly Argument[]): string =>
  table(
    ['argument', 'meaning'],
    list.map((argument) => [
      `${argument.name()}${argument.variadic ? '…' : ''}${argument.required ? '' : ' (optional)'}`,
      withChoices(argument.description, argument.argChoices),
    ]),
  );

const optionTable = (list: readonly Option[]): string =>
  table(
    ['option', 'meaning', 'default'],
    list.map((option) => [`\`${option.flags}\``, withChoices(option.description, option.argChoices), defaultOf(option)]),
  );

const withChoices = (text: string, choices: readonly string[] | undefined): string =>
  choices ? `${text}: ${choices.map((choice) => `\`${choice}\``).join(', ')}` : text;

function defaultOf({ defaultValue }: Option): string {
  const value: unknown = defaultValue;
  return value === undefined || (Array.isArray(value) && value.length === 0) || typeof value === 'object'
    ? ''
    : `\`${JSON.stringify(value)}\``;
}

const fieldTable = (fields: readonly (readonly [name: string, meaning: string])[]): string =>
  table(
    ['field', 'meaning'],
    fields.map(([name, meaning]) => [`\`${name}\``, meaning]),
  );

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), `| ${head.map(() => '---').join(' | ')} |`, ...rows.map(line)].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(REFERENCE_FILE, await reference());
  writeFileSync(OVERVIEW_FILE, await overview());
}
