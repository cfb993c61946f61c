/** All commands as one program: what runs, and what docs/cli.md is made of. */
import { Command, CommanderError, Option } from 'commander';
import { asksForJson } from './asks-for-json.ts';
import { COMMANDS } from './commands.ts';
import { examples } from './context.ts';
import { UsageError } from './exit.ts';
import OVERVIEW from './overview.json' with { type: 'json' };
import { versions } from './versions.ts';

const GROUPS = ['Pipelines', 'Runs', 'Control', 'Results', 'This machine'] as const;

/** @param word the command that is called: where it is known, only that one is there. `help` and mistakes need all. */
export async function createProgram(word?: string): Promise<Command> {
  const called = Object.values(COMMANDS)
    .flat()
    .find(({ words }) => word !== undefined && words.includes(word));
  const program = withoutCommands();
  program.hook('preAction', (_program, command) => checkPaths(command));
  for (const group of GROUPS) {
    program.commandsGroup(`${group}:`);
    for (const command of called ? COMMANDS[group].filter((each) => each === called) : COMMANDS[group]) await command.register(program);
  }
  return program;
}

/** A command as `--help` lists it: `list|ls [options]`. */
interface Listed {
  readonly group: string;
  readonly name: string;
  readonly term: string;
  readonly about: string;
}

export function listed(program: Command): readonly Listed[] {
  const help = program.createHelp();
  return program.commands
    .filter((command) => command.name() !== 'help')
    .map((command) => ({
      group: command.helpGroup(),
      name: command.name(),
      term: help.subcommandTerm(command),
      about: help.subcommandDescription(command),
    }));
}

/** The program where no command is called: its help is that of all commands, whose modules take four times as long to load as the rest. */
export function createOverview(): Command {
  const terms = new Map(OVERVIEW.map(({ name, term }) => [name, term]));
  const program = withoutCommands();
  const help = program.createHelp();
  program.configureHelp({ subcommandTerm: (command) => terms.get(command.name()) ?? help.subcommandTerm(command) });
  for (const { group, name, about } of OVERVIEW) program.command(name).helpGroup(group).description(about);
  return program;
}

function withoutCommands(): Command {
  const program = new Command('longhaul')
    .description('Durable model-training pipelines on machines that may vanish at any minute')
    .option('-V, --version', 'versions of all parts')
    .addOption(new Option('-o, --output <format>', 'what goes to stdout').choices(['text', 'json']).default('text'))
    .option('--temporal-profile <name>', "profile of Temporal's environment configuration (otherwise TEMPORAL_PROFILE)")
    .option('--trust-profile', 'follow the profile of a run with your account also to places that no profile here names')
    .option('--no-color', 'plain text; the environment variable NO_COLOR does the same')
    .showSuggestionAfterError()
    .showHelpAfterError('(--help shows how)')
    .exitOverride()
    .addHelpText(
      'after',
      `${examples('longhaul init && longhaul run pipeline.yaml', 'longhaul run pipeline.yaml --profile gcp --detach', 'longhaul status --watch')}
Exit codes: 0 ok, 1 the run failed, 2 bad input, 3 refused, 4 cannot connect, 5 an audit found a difference, 130 interrupted (the run goes on).`,
    );
  program.on('option:version', () => {
    const parts = versions();
    const lines = Object.entries(parts).map(([name, version]) => `${name} ${version}`);
    process.stdout.write(`${asksForJson(process.argv) ? JSON.stringify(parts) : lines.join('\n')}\n`);
    throw new CommanderError(0, 'commander.version', '');
  });
  return program;
}

const PATH = /file|path|folder|directory|script/;

/** An empty path is what a variable of a shell leaves that is not set; to the file system it is this folder. */
function checkPaths(command: Command): void {
  const values = command.opts<Record<string, unknown>>();
  const given = [
    ...command.registeredArguments.map((argument, index) => [argument.name(), argument.name(), command.processedArgs[index]] as const),
    ...command.options.map(
      (option) => [option.long ?? option.flags, option.flags.replace(/^.*--[\w-]+/, ''), values[option.attributeName()]] as const,
    ),
  ];
  for (const [name, takes, value] of given)
    if (PATH.test(takes) && [value].flat().includes('')) throw new UsageError(`${name}: expected a path, found ""`);
}
