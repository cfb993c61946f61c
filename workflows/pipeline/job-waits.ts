/** What the Job of a step waits for, as its activity tells it: shown in place of how the attempt before ended. Nothing follows from it. */
import type { StepState, StepWaits } from '../../src/contract/state.ts';
import { AWAITS_REGISTRY } from '../../src/rules/attempt-ends.ts';
import type { Run } from './run.ts';

/** @param since it lasts, in ms since 1970 */
export function tellReason(state: StepState, reason: string | null, since?: number): void {
  state.reason = reason;
  if (since === undefined) delete state.waitingSince;
  else state.waitingSince = since;
}

/** A word of an attempt that is over, or of a step that is, comes too late. */
export function receiveJobWait(run: Run, { step, attempt, waiting, since }: StepWaits): void {
  const state = run.view.find(step);
  if (state?.status !== 'running' || state.attempts !== attempt) return;
  const before = run.beforeWaits.get(step) ?? { reason: state.reason, since: state.waitingSince };
  if (waiting === null) {
    run.beforeWaits.delete(step);
    tellReason(state, before.reason);
  } else {
    run.beforeWaits.set(step, before);
    // Attempts before this one have waited for the same.
    const isSame = waiting.startsWith(AWAITS_REGISTRY) && before.reason?.startsWith(AWAITS_REGISTRY) === true;
    tellReason(state, waiting, (isSame ? before.since : undefined) ?? since ?? Date.now());
  }
  run.changed();
}
