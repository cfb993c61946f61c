import type { Command } from 'commander';
import { examples, integer } from '../context.ts';
import { searchCommand, sendUpdate, type SearchOptions } from '../search-command.ts';

export function registerKeepTrial(program: Command): void {
  searchCommand(program, 'keep-trial', 'no rule may stop this trial early')
    .argument('<trial>', 'its number', integer)
    .addHelpText('after', examples('longhaul keep-trial grocery-ranking-20261124-101500-k3f9 3'))
    .action((id: string, trial: number, options: SearchOptions, command: Command) =>
      sendUpdate(command, id, options, (search, by) => search.keepTrial({ ...by, trial })),
    );
}
