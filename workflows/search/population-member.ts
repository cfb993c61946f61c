/** A member of a population: where its interval ends, and how it goes on. */
import type { Halving, TrialRecord } from '../../src/contract/search.ts';
import type { TrialSummary } from '../../src/contract/trial-run.ts';
import type { PopulationScheduler } from '../../src/contract/search-space.ts';
import { endsExactly } from '../../src/rules/population.ts';
import { pinning } from '../policies.ts';
import { NO_RUNG } from './held-trials.ts';
import type { SearchRun } from './state.ts';

export const populationOf = ({ input: { spec } }: SearchRun): PopulationScheduler | null =>
  spec.scheduler?.kind === 'pbt' ? spec.scheduler : null;

export const halvingOf = (record: TrialRecord): Halving =>
  (record.halving ??= { bracket: 0, rungs: [], expected: [], held: false, allowed: 0 });

/** Intervals that it, and those that it was forked from, have trained. */
export const generationOf = ({ halving }: TrialRecord): number => (halving ? halving.bracket + halving.rungs.length : 0);

/** Epochs that a member trains in its present life; null: those of the search. */
export function epochsOf(run: SearchRun, { halving }: TrialRecord): number | null {
  const scheduler = populationOf(run);
  if (scheduler === null || !endsExactly(run.input.spec) || halving?.allowed === NO_RUNG) return null;
  const intervals = (halving?.bracket ?? 0) + (halving?.allowed ?? 0) + 1;
  return Math.min(run.input.spec.epochs, scheduler.interval * intervals);
}

/** A member that has ended where it was told to, before its training does, waits for the others. */
export function waitsForOthers(run: SearchRun, record: TrialRecord, { status }: TrialSummary): boolean {
  const epochs = epochsOf(run, record);
  if (status !== 'succeeded' || epochs === null || epochs >= run.input.spec.epochs || run.memory.finishing !== null) return false;
  halvingOf(record).held = true;
  record.stopping = null;
  Object.assign(record.state, { status: 'paused', reason: `held after ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}` });
  return true;
}

/** A member that came to its end goes on. */
export const comesAgain = (run: SearchRun, record: TrialRecord): boolean => endsExactly(run.input.spec) && (record.lives ?? 1) > 1;

export const reopenMember = (run: SearchRun, record: TrialRecord): Promise<void> =>
  pinning.reopenTrial({ profile: run.input.profile, output: record.state.output });
