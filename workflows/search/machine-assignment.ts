/** A machine that goes, or comes, is a rung: which of the trials that lost theirs goes on, and when another one deserves the next machine more. */
import type { TrialRecord } from '../../src/contract/search.ts';
import { afterFound } from '../../src/rules/placement.ts';
import { bestWithoutMachine, nextWithoutMachine, type Rungs, type Trained } from '../../src/rules/halving.ts';
import { emptyCarried } from '../../src/rules/reopened-trials.ts';
import { breaksOf } from './candidates.ts';
import { isHeld, isWithoutMachine } from './held-trials.ts';
import { decided } from './state.ts';
import type { SearchRun } from './state.ts';
import { contextOf } from './stopping.ts';

/** One that deserves it, if there is one, goes into the queue. What a person keeps comes first. */
export function assignMachine(run: SearchRun, { scheduler }: Rungs): boolean {
  const waiting = waitingOf(run);
  if (waiting.length === 0) return false;
  const kept = waiting.find(({ state }) => state.kept);
  if (kept) return give(run, kept, 'is kept');
  const trials = trainedOf(run);
  const next = nextWithoutMachine(among(trials, waiting), trials, run.input.spec.objective.goal, scheduler.factor);
  return next !== null && give(run, run.memory.records[next.trial], next.rungs > 0 ? 'a rung let it through' : 'is among the best');
}

/** Nobody else is to have one: the best of those that are left goes on to its next rung. */
export function assignMachineToBest(run: SearchRun, { scheduler }: Rungs): boolean {
  const waiting = waitingOf(run);
  if (waiting.length === 0) return false;
  const best = bestWithoutMachine(among(trainedOf(run), waiting), run.input.spec.objective.goal, scheduler.factor);
  return best !== null && give(run, run.memory.records[best.trial], 'is the best of those that wait');
}

const waitingOf = (run: SearchRun): TrialRecord[] => run.memory.records.filter((record) => isWithoutMachine(record) && !record.held);

const among = (trials: readonly Trained[], records: readonly TrialRecord[]): Trained[] =>
  records.flatMap(({ state }) => trials[state.trial] ?? []);

/** By number; a fork's curve has its parent's before it. */
const trainedOf = (run: SearchRun): Trained[] =>
  contextOf(run).trials.map(({ trial, curve }) => {
    const record = run.memory.records[trial];
    const waits = record !== undefined && (isHeld(record) || isWithoutMachine(record));
    return { trial, curve, rungs: record?.halving?.rungs.length ?? 0, waits, ...(record ? breaksOf(run, record) : {}) };
  });

/** The pool that was just seen to have a machine is asked first, whoever saw it. */
function give(run: SearchRun, record: TrialRecord | undefined, why: string): boolean {
  if (!record) return false;
  delete record.withoutMachine;
  record.lastProgress = null;
  const { pools } = run.input.profile;
  const found = pools.find(({ name }) => name === run.foundPool);
  if (found) {
    const carried = record.carried ?? emptyCarried();
    record.carried = { ...carried, placement: afterFound(carried.placement, found) };
  }
  run.foundPool = null;
  decided(run, record.state.trial, `gets the next machine: ${why}`);
  record.state.reason = null;
  return true;
}
