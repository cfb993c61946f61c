/** Trials of an ended search that go on, and what a trial begins with that has made no attempt. Pure. */
import type { TrialCarried } from '../contract/trial-run.ts';
import type { TrialRecord } from '../contract/search.ts';
import { initialPlacement } from './placement.ts';

export function emptyCarried(): TrialCarried {
  return {
    attempts: 0,
    preemptions: 0,
    crashes: 0,
    fruitless: 0,
    memoryRetries: 0,
    lastProgress: 0,
    samples: 0,
    cost: 0,
    onDemandCost: 0,
    lostCost: 0,
    seconds: 0,
    trainedSeconds: 0,
    startedAt: null,
    done: null,
    placement: initialPlacement,
  };
}

/** What went wrong before it ended, and for how long it had waited then, is no reason to end it again. */
export const patientAgain = (carried: TrialCarried): TrialCarried => ({
  ...carried,
  crashesInRow: 0,
  fruitless: 0,
  memoryRetries: 0,
  withoutCapacitySince: null,
  registry: null,
});

/** The trial is one that has not ended: it goes on from its last checkpoint, with patience as at first. */
export function reopen(record: TrialRecord, status: 'paused' | 'queued', reason: string | null): void {
  const { state } = record;
  // The search that it was asking has ended.
  delete record.withoutMachine;
  Object.assign(record, {
    told: null,
    stopping: null,
    lastProgress: null,
    values: [],
    ending: null,
    toEvaluate: null,
    asking: null,
    held: false,
    unrecorded: false,
    runningSince: null,
    carried: record.carried ? patientAgain(record.carried) : uncounted(state.attempts),
  });
  Object.assign(state, { status, endedAt: null, reason, objective: null, pool: null });
}

/** Nothing is left of what it had trained: only its attempts are counted on, and what it paid. @returns false: it had not begun */
export function beginAnew(record: TrialRecord): boolean {
  const { carried, state } = record;
  if (state.attempts === 0) return false;
  Object.assign(record, { curve: [], series: {}, progress: 0, lastProgress: null, exports: 0, evaluatedExport: null, weightsSha256: null });
  if (carried) record.carried = { ...carried, lastProgress: 0, samples: 0, done: null };
  delete record.offlineBest;
  Object.assign(state, { points: 0, metrics: {}, offline: {}, bestExport: null });
  return true;
}

/** Not even what it was forked from is left: a trial like any other, whose curve begins with the first point. */
export function beginWithoutFork(record: TrialRecord): boolean {
  const { halving } = record;
  beginAnew(record);
  record.fork = null;
  delete record.forkedAfter;
  // It came to its rungs by way of its parent.
  if (halving) Object.assign(halving, { rungs: [], expected: [], held: false, allowed: 0 });
  return true;
}

/** Of a trial whose workflow was ended from outside nothing is known but how many attempts there were. */
const uncounted = (attempts: number): TrialCarried | null => (attempts === 0 ? null : { ...emptyCarried(), attempts });
