/** The time limit of a whole step, retries included. */
import { CancellationScope, condition, isCancellation, patched } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { SearchStands } from '../../src/contract/state.ts';
import type { Step } from '../../src/contract/steps.ts';
import { mayWork } from './run.ts';
import type { Run } from './run.ts';

/** @throws Timeout; the work was cancelled, and has ended */
export async function withinTime<T>(run: Run, step: Step, work: () => Promise<T>): Promise<T> {
  const { timeoutSeconds: seconds } = step;
  if (seconds === undefined) return work();
  const outer = CancellationScope.current();
  try {
    if (patched('pauses-take-no-time')) return await withClock(run, step, seconds * 1000, work);
    return await CancellationScope.withTimeout(seconds * 1000, work);
  } catch (error) {
    if (isCancellation(error) && !outer.consideredCancelled)
      throw ApplicationFailure.nonRetryable(`not done within its time limit of ${seconds} s`, 'Timeout');
    throw error;
  }
}

/** Cancels the work when it has gone on for so long, not counting what its run was paused. */
async function withClock<T>(run: Run, step: Step, limitMs: number, work: () => Promise<T>): Promise<T> {
  const scope = new CancellationScope();
  const clock = new CancellationScope();
  const counting = clock.run(async () => {
    for (let left = limitMs; left > 0;) {
      await condition(() => !standsStill(run, step));
      const since = Date.now();
      if (!(await condition(() => standsStill(run, step), left))) break;
      left -= Date.now() - since;
    }
    scope.cancel();
  });
  counting.catch(() => undefined);
  try {
    return await scope.run(work);
  } finally {
    clock.cancel();
  }
}

/** A pause stops searches, and what has not begun to work; a Job or a query of the warehouse goes on. A search may also wait for a person. */
function standsStill(run: Run, { id, spec }: Step): boolean {
  if (run.view.step(id).status !== 'running') return !mayWork(run, id);
  return spec.kind === 'search' && (run.pausedBySomeone || run.stands.get(id)?.still === true);
}

export function receiveStands(run: Run, word: SearchStands): void {
  if (word.at < (run.stands.get(word.step)?.at ?? 0)) return;
  run.stands.set(word.step, word);
  run.changed();
}
