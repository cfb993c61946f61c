import type { Command } from 'commander';
import { cliOf, examples, runOf, type Cli } from '../context.ts';
import { EXIT } from '../exit.ts';
import { follow, onInterrupt } from '../follow.ts';
import { endedRuns } from '../ended-runs.ts';
import { openRunPorts } from '../own-places.ts';
import { askedRun } from '../run-data.ts';
import { treeLines, type Snapshot } from '../run-tree.ts';
import { RunFailedError } from '../../client/errors.ts';
import { orKept } from '../../client/kept-runs.ts';
import type { Run } from '../../client/index.ts';
import { keptRunProfile, keptRunProfileOption } from '../kept-run-profile.ts';

interface Options {
  readonly watch?: boolean;
  readonly profile?: string;
}

export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('what a run does: steps, trials, cost, what waits for a person')
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('-w, --watch', 'until it ends; the exit code is then that of the run')
    .addOption(keptRunProfileOption())
    .addHelpText(
      'after',
      examples(
        'longhaul status --watch',
        'longhaul status grocery-ranking-20261124-101500-k3f9 --output json',
        'longhaul status grocery-ranking-20261124-101500-k3f9 --profile gcp',
      ),
    )
    .action(async (id: string | undefined, { watch, profile: wanted }: Options, command: Command) => {
      const cli = cliOf(command);
      const ended = endedRuns(cli.temporalProfile);
      const archive = await ended?.archive(id ?? ended.newest() ?? '');
      if (archive && (!watch || archive.run.status === 'succeeded')) {
        if (id === undefined && !cli.json) cli.terminal.say(`run ${archive.run.run} (the newest)`);
        print(cli, { run: archive.run, searches: archive.searches });
        return;
      }
      await using longhaul = await cli.connectOrStart();
      const profile = await keptRunProfile(cli, wanted);
      const run = await runOf(longhaul, cli, id);
      await using ports = openRunPorts(cli, profile);
      const places = { longhaul, ports, profile };
      if (watch) {
        const kept = await orKept<Snapshot | null>(
          places,
          run.id,
          () => run.state().then(() => null),
          ({ run: state, searches }) => ({ run: state, searches }),
        );
        if (kept === null) await watchRun(run, cli);
        else endAs(kept, cli);
        return;
      }
      const snapshot = await askedRun(run, places).snapshot();
      const clusters = snapshot.run.endedAt === null ? await run.unservedClusters() : [];
      print(cli, clusters.length === 0 ? snapshot : { ...snapshot, clusters });
    });
}

function print(cli: Cli, snapshot: Snapshot): void {
  cli.print(snapshot, () => treeLines(snapshot, cli.terminal.colors, Date.now(), Number.MAX_SAFE_INTEGER).join('\n'));
}

/** Of a run that Temporal has forgotten: how it stood at its end, with the exit code that watching it would have had. */
function endAs(kept: Snapshot, cli: Cli): void {
  print(cli, kept);
  const { run, status, reason } = kept.run;
  if (status === 'failed' || status === 'cancelled') throw new RunFailedError(run, status, reason ?? `${run}: ${status}`, null, null);
}

async function watchRun(run: Run, cli: Cli): Promise<void> {
  const interrupt = onInterrupt();
  const followed = await follow(run, cli, interrupt.signal);
  interrupt.dispose();
  if (cli.json && followed.snapshot) cli.terminal.json(followed.snapshot);
  await followed.settled;
  if (followed.failure) throw followed.failure;
  if (followed.detached) process.exitCode = EXIT.interrupted;
}
