import type { Command } from 'commander';
import { decimal, examples, integer } from '../context.ts';
import { searchCommand, sendUpdate, type SearchOptions } from '../search-command.ts';

export function registerPrioritise(program: Command): void {
  searchCommand(program, 'prioritise', 'which trials get machines first')
    .argument('<trial>', 'its number', integer)
    .argument('<priority>', 'higher goes first; 0 is usual', decimal)
    .addHelpText('after', examples('longhaul prioritise grocery-ranking-20261124-101500-k3f9 3 10'))
    .action((id: string, trial: number, priority: number, options: SearchOptions, command: Command) =>
      sendUpdate(command, id, options, (search, by) => search.prioritise({ ...by, trial, priority })),
    );
}
