/** A search that was terminated tells its trials nothing: now and then they look whether it is still there. */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { searching } from '../policies.ts';
import type { TrialRun } from './state.ts';

/** A young trial loses little by a look, an old one must keep its history short: some twenty looks in five days. */
const FIRST_LOOK_MINUTES = 30;
const LONGEST_WAIT_MINUTES = 360;
const MS_PER_MINUTE = 60_000;

/** Does the trial's work, and stops it with a checkpoint when nobody is there any more who wants it. */
export async function withSearchWatch<T>(run: TrialRun, work: () => Promise<T>): Promise<T> {
  const { search } = run.input;
  if (!run.reconciles || search === null) return work();
  const watch = new CancellationScope();
  watch.run(() => stopWithoutSearch(run, search)).catch(() => undefined);
  try {
    return await work();
  } finally {
    watch.cancel();
  }
}

async function stopWithoutSearch(run: TrialRun, search: string): Promise<void> {
  for (let minutes = FIRST_LOOK_MINUTES; ; minutes = Math.min(minutes * 2, LONGEST_WAIT_MINUTES)) {
    await sleep(minutes * MS_PER_MINUTE);
    const closed = await searching.closedWorkflows({ workflowIds: [search] }).catch((error: unknown): string[] => {
      if (isCancellation(error)) throw error;
      return [];
    });
    if (closed.length === 0) continue;
    run.stop ??= `its search ${search} is gone`;
    run.interrupt?.();
    return;
  }
}
