/** What stands of an ended run that is run again, and what of an ended search goes on. Pure. */
import type { Retry } from '../contract/retry.ts';
import type { SearchCarried, TrialRecord } from '../contract/search.ts';
import type { StepState } from '../contract/state.ts';
import type { Step } from '../contract/steps.ts';
import { holdAgain, wasHeld } from './held-trials.ts';
import { reopen } from './reopened-trials.ts';

const needsSignature = (spec: Step['spec']): boolean =>
  spec.kind === 'approval' && (spec.approvers !== undefined || spec.fourEyes === true);

/** Attempts of a step's Jobs that a release before this was counted may have begun. */
const MOST_UNCOUNTED_ATTEMPTS = 1000;

/** States of the steps that are not run again: they succeeded, and do not depend on the step that the retry begins from. */
export function standing(steps: readonly Step[], { from, steps: earlier }: Retry): StepState[] {
  const again = new Set(from === null ? [] : [from]);
  // Steps come after what they depend on.
  for (const { id, dependsOn } of steps) if (dependsOn.some((other) => again.has(other))) again.add(id);
  // Whoever starts the run says how its earlier life ended: of a signed answer that proves nothing.
  const ids = new Set(steps.filter(({ spec }) => !needsSignature(spec)).map(({ id }) => id));
  return earlier.filter(({ id, status }) => ids.has(id) && !again.has(id) && (status === 'succeeded' || status === 'cached'));
}

/** Numbers of attempts go on: Jobs and files of earlier ones have their names. */
export function attemptsBefore(retry: Retry | null, step: string): number {
  const earlier = retry?.steps.find(({ id }) => id === step);
  if (!earlier || earlier.startedAt === null) return 0;
  return earlier.attempts ?? MOST_UNCOUNTED_ATTEMPTS;
}

/**
 * Changes what an ended search knows so that it goes on: trials that failed, were cancelled, or were stopped only because the search ended are
 * queued again, from their last checkpoints; the others stay as they are. Returns the numbers of those that go on.
 *
 * @param holdsAgain those that were held when it ended wait again to be promoted; false while a history from before that is replayed, and where no
 *   scheduler promotes
 * @param pausedSince it was paused when it ended, and has been since then; null also while a history from before that was counted is replayed
 */
export function reopenEnded(memory: SearchCarried, now: number, holdsAgain: boolean, pausedSince: number | null): number[] {
  const endReason = memory.finishing?.reason ?? memory.reason;
  const held = memory.records.filter((record) => holdsAgain && wasHeld(record));
  const again = memory.records.filter((record) => !held.includes(record) && goesOn(record, endReason));
  const lastEnd = pausedSince ?? Math.max(memory.startedAt, ...memory.records.map(({ state }) => state.endedAt ?? 0));
  for (const record of held) holdAgain(record);
  for (const record of again) reopen(record, 'queued', null);
  for (const record of memory.records) Object.assign(record, { active: false, inherited: false, heard: null });
  Object.assign(memory, {
    status: 'running',
    reason: null,
    finishing: null,
    recording: null,
    // Between the lives it used no time.
    pausedMs: memory.pausedMs + Math.max(0, now - lastEnd),
    pausedSince: null,
  });
  return again.map(({ state }) => state.trial);
}

function goesOn({ told, stopping, state }: TrialRecord, endReason: string | null): boolean {
  if (told === null) return state.startedAt !== null;
  if (state.status === 'failed' || state.status === 'cancelled') return true;
  return state.status === 'stopped' && endReason !== null && (stopping === endReason || state.reason === endReason);
}
