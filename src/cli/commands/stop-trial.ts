import type { Command } from 'commander';
import { examples, integer } from '../context.ts';
import { searchCommand, sendUpdate, type SearchOptions } from '../search-command.ts';

export function registerStopTrial(program: Command): void {
  searchCommand(program, 'stop-trial', 'end one trial with a checkpoint; what it exported stays')
    .argument('<trial>', 'its number', integer)
    .addHelpText('after', examples("longhaul stop-trial grocery-ranking-20261124-101500-k3f9 3 --why 'loss explodes'"))
    .action((id: string, trial: number, options: SearchOptions, command: Command) =>
      sendUpdate(command, id, options, (search, by) => search.stopTrial({ ...by, trial })),
    );
}
