/** How many trials may still begin. Pure but for the state that it reads. */
import { trialsLeft } from '../../src/rules/budget.ts';
import { startedTrials } from './started-trials.ts';
import type { SearchRun } from './state.ts';

/** Starts that the budget of trials allows. */
export const startsLeft = ({ memory }: SearchRun): number => trialsLeft(memory.budget, startedTrials(memory));

/** Trials that are planned and not yet made. */
export const newTrialsLeft = (run: SearchRun): number =>
  run.memory.exhausted ? 0 : Math.max(0, Math.min(run.memory.plannedTrials, trialsPromised(run)) - run.memory.records.length);

/** Trials that a promised end or cost has room for. */
export const trialsPromised = ({ memory, input }: SearchRun): number =>
  // What one that was taken over had promised is no promise of this one.
  input.spec.promise === undefined ? Number.POSITIVE_INFINITY : (memory.promised?.trials ?? Number.POSITIVE_INFINITY);
