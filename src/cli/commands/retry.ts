import type { Command } from 'commander';
import { cliOf, examples, who } from '../context.ts';
import { withEmulators } from '../emulators.ts';

interface Options {
  readonly from?: string;
  readonly detach?: boolean;
  readonly by?: string;
  readonly why?: string;
  readonly temporalProfile?: string;
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
      if (options.detach) {
        await using longhaul = await cli.connect();
        const run = await longhaul.retry(id, how);
        cli.terminal.say(`watch it with: longhaul status ${run.id} --watch`);
        cli.print({ run: run.id }, () => run.id);
        return;
      }
      const [{ withServers }, { runToEnd }] = await Promise.all([import('../own-stack.ts'), import('../run-to-end.ts')]);
      const servers = await withServers(cli, command.optsWithGlobals<Options>().temporalProfile);
      try {
        const { profile } = await servers.longhaul.run(id).document();
        await withEmulators(profile, cli.terminal, () => runToEnd(servers, cli, (longhaul) => longhaul.retry(id, how)));
      } finally {
        await servers.stop();
      }
    });
}
