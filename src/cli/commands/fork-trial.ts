import type { Command } from 'commander';
import { assignments, examples, integer } from '../context.ts';
import { searchCommand, sendUpdate, type SearchOptions } from '../search-command.ts';

export function registerForkTrial(program: Command): void {
  searchCommand(program, 'fork-trial', 'a new trial that goes on from the checkpoint of another')
    .argument('<trial>', 'the trial to start from', integer)
    .argument('[parameter...]', 'name=value of what changes; a value may be JSON')
    .option('--checkpoint <name>', 'directory under checkpoints/, otherwise the newest')
    .addHelpText('after', examples('longhaul fork-trial grocery-ranking-20261124-101500-k3f9 3 learning_rate=0.0001'))
    .action(
      (
        id: string,
        trial: number,
        pairs: readonly string[],
        options: SearchOptions & { readonly checkpoint?: string },
        command: Command,
      ) => {
        const checkpoint = options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint };
        return sendUpdate(command, id, options, (search, by) =>
          search.forkTrial({ ...by, ...checkpoint, trial, parameters: assignments(pairs) }),
        );
      },
    );
}
