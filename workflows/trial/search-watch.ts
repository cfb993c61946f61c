/** A search that was terminated tells its trials nothing: now and then they look whether it is still there. */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { searching } from '../policies.ts';
import type { TrialRun } from './state.ts';
import { WAITS } from '../../src/rules/durations.ts';

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
  for (let wait = WAITS.searchLookFirstMs; ; wait = Math.min(wait * 2, WAITS.searchLookLongestMs)) {
    await sleep(wait);
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
