import type { Command } from 'commander';
import type { Longhaul } from '../../client/index.ts';
import { beginRun, type Beginning } from '../begin-run.ts';
import { cliOf, examples, who } from '../context.ts';

interface Options {
  readonly from?: string;
  readonly detach?: boolean;
  readonly by?: string;
  readonly why?: string;
}

export function registerRetry(program: Command): void {
  program
    .command('retry')
    .description('run again what failed of a run that has ended, under its name: done steps stand, trials go on from their checkpoints')
    .argument('<run>', 'name of the run')
    .option('--from <step>', 'this step, and what depends on it, although it had succeeded')
    .option('-d, --detach', 'do not wait for the end')
    .option('--by <person>', 'who does it, otherwise the user name')
    .option('--why <text>', 'kept with the run')
    .addHelpText(
      'after',
      examples(
        'longhaul retry grocery-ranking-20261124-101500-k3f9',
        "longhaul retry grocery-ranking-20261124-101500-k3f9 --from evaluate --why 'the test set was wrong'",
      ),
    )
    .action(async (id: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      const how = { ...who(options), ...(options.from === undefined ? {} : { from: options.from }) };
      const prepare = (longhaul: Longhaul): Promise<Beginning> =>
        Promise.resolve({
          profile: async () => (await longhaul.run(id).document()).profile,
          start: () => longhaul.retry(id, how),
        });
      await beginRun(prepare, options.detach, cli, command);
    });
}
