import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { cliOf, examples, who } from '../context.ts';
import { RefusedError, RunFailedError } from '../../client/errors.ts';
import type { Run } from '../../client/run.ts';
import { snapshotOf } from '../follow.ts';

interface Options {
  readonly by?: string;
  readonly why?: string;
}

const POLL_MS = 500;

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
      await using longhaul = await cli.connect();
      const run = longhaul.run(id);
      const before = await run.state();
      if (before.endedAt !== null) throw new RefusedError(`${id} has already ended: ${before.status}`);
      await run.pause(who({ ...options, why: options.why ?? 'stop' }));
      await trialsAtRest(run);
      await run.cancel();
      await run.result().catch((error: unknown) => {
        if (!(error instanceof RunFailedError)) throw error;
      });
      cli.print({ run: id, status: 'cancelled' }, () => `${id} was stopped; its trials' checkpoints and exports are kept`);
    });
}

/** A paused trial has committed its checkpoint. */
async function trialsAtRest(run: Run): Promise<void> {
  for (;;) {
    const { run: state, searches } = await snapshotOf(run);
    const busy = Object.values(searches).some((search) => search.trials.some((trial) => trial.status === 'running'));
    if (!busy || state.endedAt !== null) return;
    await sleep(POLL_MS);
  }
}
