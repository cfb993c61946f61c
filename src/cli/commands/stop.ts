import type { Command } from 'commander';
import { cliOf, examples, who } from '../context.ts';

interface Options {
  readonly by?: string;
  readonly why?: string;
}

export function registerStop(program: Command): void {
  program
    .command('stop')
    .description('let every trial commit a checkpoint, then end the run')
    .argument('<run>', 'name of the run')
    .option('--by <person>', 'who does it, otherwise the user name')
    .option('--why <text>', 'kept in the decisions of the run')
    .addHelpText('after', examples("longhaul stop grocery-ranking-20261124-101500-k3f9 --why 'wrong data'"))
    .action(async (id: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      await longhaul.run(id).stop(who(options));
      cli.print({ run: id, status: 'cancelled' }, () => `${id} was stopped; its trials' checkpoints and models are kept`);
    });
}
