import type { Command } from 'commander';
import { cliOf, examples, runOf, type Cli } from '../context.ts';
import { EXIT } from '../exit.ts';
import { follow, onInterrupt } from '../follow.ts';
import { endedRuns } from '../ended-runs.ts';
import { openPorts } from '../../adapters/open.ts';
import { askedRun } from '../run-data.ts';
import { treeLines, type Snapshot } from '../run-tree.ts';
import type { Run } from '../../client/index.ts';

interface Options {
  readonly watch?: boolean;
}

export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('what a run does: steps, trials, cost, what waits for a person')
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('-w, --watch', 'until it ends; the exit code is then that of the run')
    .addHelpText('after', examples('longhaul status --watch', 'longhaul status grocery-ranking-20261124-101500-k3f9 --output json'))
    .action(async (id: string | undefined, { watch }: Options, command: Command) => {
      const cli = cliOf(command);
      const ended = endedRuns(cli.temporalProfile);
      const archive = await ended?.archive(id ?? ended.newest() ?? '');
      if (archive && (!watch || archive.run.status === 'succeeded')) {
        if (id === undefined && !cli.json) cli.terminal.say(`run ${archive.run.run} (the newest)`);
        print(cli, { run: archive.run, searches: archive.searches });
        return;
      }
      await using longhaul = await cli.connectOrStart();
      const run = await runOf(longhaul, cli, id);
      if (watch) {
        await watchRun(run, cli);
        return;
      }
      await using ports = openPorts();
      const snapshot = await askedRun(run, { longhaul, ports }).snapshot();
      const clusters = snapshot.run.endedAt === null ? await run.unservedClusters() : [];
      print(cli, clusters.length === 0 ? snapshot : { ...snapshot, clusters });
    });
}

function print(cli: Cli, snapshot: Snapshot): void {
  cli.print(snapshot, () => treeLines(snapshot, cli.terminal.colors, Date.now(), Number.MAX_SAFE_INTEGER).join('\n'));
}

async function watchRun(run: Run, cli: Cli): Promise<void> {
  await run.state();
  const interrupt = onInterrupt();
  const followed = await follow(run, cli, interrupt.signal);
  interrupt.dispose();
  if (cli.json && followed.snapshot) cli.terminal.json(followed.snapshot);
  if (followed.failure) throw followed.failure;
  if (followed.detached) process.exitCode = EXIT.interrupted;
}
