import { Argument, type Command } from 'commander';
import { examples } from '../context.ts';

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('completion of commands and options for your shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      examples('source <(longhaul completion bash)', 'longhaul completion fish > ~/.config/fish/completions/longhaul.fish'),
    )
    .action((shell: 'bash' | 'zsh' | 'fish') => void process.stdout.write(script(shell, words(program))));
}

interface Words {
  readonly name: string;
  readonly description: string;
  readonly options: readonly string[];
}

const words = (program: Command): Words[] =>
  program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: [...command.options, ...program.options]
      .map((option) => option.long)
      .filter((long): long is string => typeof long === 'string'),
  }));

function script(shell: 'bash' | 'zsh' | 'fish', commands: readonly Words[]): string {
  if (shell === 'fish') {
    const quoted = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
    return commands
      .flatMap(({ name, description, options }) => [
        `complete -c longhaul -n __fish_use_subcommand -f -a ${name} -d ${quoted(description)}`,
        ...options.map((option) => `complete -c longhaul -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`),
      ])
      .join('\n')
      .concat('\n');
  }
  const cases = commands.map(({ name, options }) => `    ${name}) words="${options.join(' ')}" ;;`).join('\n');
  const bash = `_longhaul() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="${commands.map(({ name }) => name).join(' ')}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "\${COMP_WORDS[1]}" in
${cases}
    *) words="" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "\${#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _longhaul longhaul
`;
  return shell === 'bash' ? bash : `autoload -U +X bashcompinit && bashcompinit\n${bash}`;
}
