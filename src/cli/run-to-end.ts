/** Starts a run, or one again, and stays until it ends, or until Ctrl-C. */
import { renderReport } from '../report/index.ts';
import { reportFile, writeReport } from './commands/report.ts';
import type { Cli } from './context.ts';
import { EXIT, report } from './exit.ts';
import { follow, onInterrupt, wasRefused } from './follow.ts';
import type { Servers } from './own-stack.ts';
import { openRunPorts } from './own-places.ts';
import { askedRun, collectReport } from './run-data.ts';
import { summary } from './summary.ts';
import type { Longhaul, Run } from '../client/index.ts';

export async function runToEnd(servers: Servers, cli: Cli, start: (longhaul: Longhaul) => Promise<Run>): Promise<void> {
  const { longhaul, stack } = servers;
  const run = await start(longhaul);
  cli.terminal.say(`run ${run.id}`);
  if (longhaul.target.ui !== null) cli.terminal.say(`Temporal web UI ${longhaul.target.ui}`);
  const interrupt = onInterrupt();
  const followed = await follow(run, cli, interrupt.signal);
  interrupt.dispose();
  if (followed.detached) {
    cli.terminal.say(comeBack(run, stack?.owned === true));
    process.exitCode = EXIT.interrupted;
    return;
  }
  const { failure } = followed;
  if (failure !== null && wasRefused(failure)) {
    // Told before the servers have stopped, which may take a while, and without a look at places that it may have been refused for.
    process.exitCode = report(failure, cli.terminal, cli.json);
    if (cli.json) cli.terminal.json({ run: run.id, status: failure.status, reason: failure.message });
    await followed.settled;
    return;
  }
  await conclude(longhaul, run, cli).catch(async (error: unknown) => {
    // The run is as good as before: a report that cannot be made changes no exit code.
    const why = error instanceof Error ? error.message : String(error);
    cli.terminal.say(`the report of ${run.id} could not be made: ${why}\n    make it again with: longhaul report ${run.id}`);
    const state = await run.state();
    cli.print(state, () => `${run.id} ${state.status}`);
  });
  if (failure) throw failure;
}

function comeBack(run: Run, ownServers: boolean): string {
  const watch = `longhaul status ${run.id} --watch`;
  if (!ownServers) return `\nthe run goes on; come back with\n  ${watch}`;
  return `\nthe servers stop with this command, the run rests at its checkpoints; go on with\n  longhaul dev\n  ${watch}`;
}

/** The tables, and the report as a file. */
async function conclude(longhaul: Longhaul, run: Run, cli: Cli): Promise<void> {
  await using ports = openRunPorts(cli);
  const data = await collectReport(askedRun(run, { longhaul, ports }), ports);
  const file = await writeReport(reportFile(run.id), await renderReport(data));
  cli.print(
    { ...data.run, trials: data.trials, evaluations: data.evaluations, report: file },
    () => `${summary(data, cli.terminal.colors)}\n\nreport ${file}`,
  );
}
