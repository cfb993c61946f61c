import type { Command } from 'commander';
import { assignments, decimal, examples } from '../context.ts';
import { searchCommand, sendUpdate, type SearchOptions } from '../search-command.ts';

export function registerAddTrial(program: Command): void {
  searchCommand(program, 'add-trial', 'try a set of hyper-parameters of your own')
    .argument('<parameter...>', 'name=value; a value may be JSON')
    .option('--priority <number>', 'higher goes first', decimal)
    .addHelpText('after', examples("longhaul add-trial grocery-ranking-20261124-101500-k3f9 learning_rate=0.001 'hidden=[128,64]'"))
    .action((id: string, pairs: readonly string[], options: SearchOptions & { readonly priority?: number }, command: Command) => {
      const priority = options.priority === undefined ? {} : { priority: options.priority };
      return sendUpdate(command, id, options, (search, by) => search.addTrial({ ...by, ...priority, parameters: assignments(pairs) }));
    });
}
