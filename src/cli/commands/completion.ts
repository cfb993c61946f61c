import { Argument, type Command } from 'commander';
import { examples } from '../context.ts';

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('completion of commands, options and names of runs for your shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      examples('source <(longhaul completion bash)', 'longhaul completion fish > ~/.config/fish/completions/longhaul.fish'),
    )
    .action((shell: 'bash' | 'zsh' | 'fish') => {
      const words = program.commands.flatMap((command) => wordsOf(command, program));
      process.stdout.write(
        shell === 'fish' ? fish(words) : shell === 'bash' ? bash(words) : `autoload -U +X bashcompinit && bashcompinit\n${bash(words)}`,
      );
    });
}

/** What can follow a command, e.g. `status` or `schedule create`. */
interface Words {
  readonly path: readonly string[];
  readonly description: string;
  readonly options: readonly string[];
  readonly commands: readonly string[];
  /** Names of runs can follow: they are asked for when they are needed. */
  readonly runs: boolean;
}

function wordsOf(command: Command, program: Command, parents: readonly string[] = []): Words[] {
  const path = [...parents, command.name()];
  const words = {
    path,
    description: command.description(),
    options: [...command.options, ...program.options]
      .map((option) => option.long)
      .filter((long): long is string => typeof long === 'string'),
    commands: command.commands.map((one) => one.name()),
    runs: command.registeredArguments.some((argument) => ['run', 'runs', 'other'].includes(argument.name())),
  };
  return [words, ...command.commands.flatMap((one) => wordsOf(one, program, path))];
}

/** Quiet and quick: without a server there are no names, and none is started. */
const NAMES = 'longhaul list --names --limit 50 2>/dev/null';

function bash(all: readonly Words[]): string {
  const top = all.filter(({ path }) => path.length === 1).map(({ path }) => path[0]);
  // The longer path first: of two patterns that fit, the first one counts.
  const cases = [...all]
    .sort((a, b) => b.path.length - a.path.length)
    .map(({ path, options, commands, runs }) => {
      const pattern = path.length > 1 ? `"${path.join(' ')}"` : `"${path.join(' ')} "*`;
      return `    ${pattern}) words="${[...commands, ...options].join(' ')}"${runs ? ' runs=yes' : ''} ;;`;
    });
  return `_longhaul() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="${top.join(' ')}" runs="" path="\${COMP_WORDS[1]} "
  [ "$COMP_CWORD" -gt 2 ] && path="\${COMP_WORDS[1]} \${COMP_WORDS[2]}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "$path" in
${cases.join('\n')}
    *) words="" ;;
    esac
    case "$current" in
    -*) ;;
    *) [ -n "$runs" ] && words="$words $(${NAMES})" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "\${#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _longhaul longhaul
`;
}

function fish(all: readonly Words[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
  return all
    .flatMap(({ path, description, options, runs }) => {
      const name = path.at(-1) ?? '';
      const seen = quoted(path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and '));
      const parents = path.slice(0, -1);
      const here =
        parents.length === 0
          ? '__fish_use_subcommand'
          : quoted(parents.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and '));
      return [
        `complete -c longhaul -n ${here} -f -a ${name} -d ${quoted(description)}`,
        ...options.map((option) => `complete -c longhaul -n ${seen} -l ${option.slice(2)}`),
        ...(runs ? [`complete -c longhaul -n ${seen} -f -a '(${NAMES})'`] : []),
      ];
    })
    .join('\n')
    .concat('\n');
}
