/**
 * When a search continues as new: at a quiet moment. What came while the closing command was under way would fail its task
 * (UNHANDLED_COMMAND), and each further try replays everything while still more arrives.
 */
import { allHandlersFinished, condition, workflowInfo } from '@temporalio/workflow';
import type { SearchRun } from './state.ts';
import { WAITS } from '../../src/rules/durations.ts';

/** Scoring may last for hours; a history of this length does not wait for it. */
const HISTORY_THAT_CANNOT_WAIT = 20_000;

export function mustContinueAsNew(run: SearchRun): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested && (run.busy.evaluating === 0 || historyLength > HISTORY_THAT_CANNOT_WAIT);
}

/** Nothing is under way that the next run of the workflow would not know of. */
export const idle = (run: SearchRun): boolean =>
  run.stopWatching === null &&
  run.busy.asking + run.busy.starting + run.busy.exploring + run.busy.recording + run.busy.telling + run.busy.decisions === 0 &&
  run.hearing.size === 0 &&
  allHandlersFinished();

/** Whether the workflow may continue as new now; may wait a moment to see. */
export async function isDrained(run: SearchRun): Promise<boolean> {
  run.stopWatching?.();
  if (!run.reconciles) return idle(run);
  run.drainingSince ??= Date.now();
  const waited = Date.now() - run.drainingSince;
  if (waited >= WAITS.drainingPatienceMs) for (const scope of run.slow) scope.cancel();
  if (!idle(run)) return false;
  const disturbed = await condition(() => run.dirty || run.fatal !== null || !idle(run), WAITS.quietMs);
  return (!disturbed || waited >= WAITS.quietWaitLongestMs) && idle(run) && run.fatal === null;
}

/** Null where nothing slow is waited for. */
export function secondsUntilPatienceEnds(run: SearchRun): number | null {
  if (!run.reconciles || run.drainingSince === null || run.slow.size === 0) return null;
  const left = WAITS.drainingPatienceMs - (Date.now() - run.drainingSince);
  return left > 0 ? left / 1000 : null;
}
