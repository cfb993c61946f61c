/** The gentle end of a run: first its trials come to rest on a checkpoint, then it is cancelled. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Who } from '../contract/search.ts';
import { RefusedError, RunFailedError } from './errors.ts';
import type { Run } from './run.ts';

const POLL_MS = 500;

export interface StopOptions {
  /** For the trials to come to rest; without a limit when left out. */
  readonly patienceMs?: number;
}

/**
 * Resolves when the run has ended.
 *
 * @throws RefusedError the run has ended already, or trials still run after `patienceMs`: it is then paused, and may be stopped again
 */
export async function stopRun(run: Run, who: Who, { patienceMs = Number.POSITIVE_INFINITY }: StopOptions = {}): Promise<void> {
  const { endedAt, status } = await run.state();
  if (endedAt !== null) throw new RefusedError(`${run.id} has already ended: ${status}`);
  await run.pause({ ...who, why: who.why ?? 'stop' });
  const until = Date.now() + patienceMs;
  for (let busy = await runningTrials(run); busy > 0; busy = await runningTrials(run)) {
    if (Date.now() > until)
      throw new RefusedError(
        `${run.id} is paused, but ${busy} of its trials have not committed a checkpoint yet; stop it again in a while`,
      );
    await sleep(POLL_MS);
  }
  await run.cancel();
  await run.result().catch((error: unknown) => {
    if (!(error instanceof RunFailedError)) throw error;
  });
}

/** A paused trial has committed its checkpoint. */
async function runningTrials(run: Run): Promise<number> {
  const { steps } = await run.state();
  const searches = steps.filter((step) => step.kind === 'search' && step.status === 'running');
  const states = await Promise.all(searches.map((step) => run.search(step.id).state()));
  return states.flatMap((search) => search.trials).filter((trial) => trial.status === 'running').length;
}
