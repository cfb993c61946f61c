import { Option, type Command } from 'commander';
import { cliOf, examples, integer, type Cli } from '../context.ts';
import type { RunSummary } from '../../client/index.ts';
import { between, metric, time } from '../../present/format.ts';
import { endedRuns } from '../ended-runs.ts';
import { table } from '../table.ts';
import type { RunStatus } from '../../contract/state.ts';

interface Options {
  readonly pipeline?: string;
  readonly status?: RunStatus;
  readonly limit: number;
  readonly names?: boolean;
}

export function registerList(program: Command): void {
  program
    .command('list')
    .alias('ls')
    .description('runs, newest first')
    .option('-p, --pipeline <name>', 'of this pipeline only')
    .addOption(
      new Option('-s, --status <status>', 'in this state only').choices([
        'running',
        'paused',
        'waiting',
        'succeeded',
        'failed',
        'cancelled',
      ]),
    )
    .option('-n, --limit <count>', 'at most so many', integer, 20)
    .option('--names', 'names only, one a line; starts no servers')
    .addHelpText('after', examples('longhaul list', 'longhaul list --pipeline grocery-ranking --status failed --output json'))
    .action(async (options: Options, command: Command) => {
      const cli = cliOf(command);
      // A shell asks for names while somebody types: it must not start anything.
      const runs = endedRuns(cli.temporalProfile)?.list(options) ?? (await askServer(cli, options));
      if (options.names) {
        for (const { run } of runs) process.stdout.write(`${run}\n`);
        return;
      }
      const now = Date.now();
      cli.print(runs, () =>
        runs.length === 0
          ? 'no runs'
          : table(
              [
                { title: 'run' },
                { title: 'status' },
                { title: 'best', align: 'right' },
                { title: 'started' },
                { title: 'time', align: 'right' },
              ],
              runs.map((run) => [
                run.run,
                run.status,
                metric(run.bestObjective),
                time(run.startedAt),
                between(run.startedAt, run.endedAt, now),
              ]),
              cli.terminal.colors.dim,
            ),
      );
    });
}

async function askServer(cli: Cli, options: Options): Promise<RunSummary[]> {
  await using longhaul = await (options.names ? cli.connect() : cli.connectOrStart());
  return await longhaul.list(options);
}
