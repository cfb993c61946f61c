/** Which trials may be the best one, or on the front. Pure but for the state that it reads. */
import type { TrialRecord } from '../../src/contract/search.ts';
import { breaksMeasured, brokenConstraints, type Candidate } from '../../src/rules/best-trials.ts';
import type { Trained } from '../../src/rules/halving.ts';
import { isReplicate } from './state.ts';
import type { SearchRun } from './state.ts';

/** Finished trials, and stopped ones with their best point, of which there has to be a model. */
export function candidates(run: SearchRun): Candidate[] {
  const ended = (status: string): TrialRecord[] =>
    run.memory.records.filter((record) => record.told !== null && record.state.status === status && !isReplicate(record));
  const finished = ended('succeeded');
  // A trainer that exports nothing has no better models in the one than in the other.
  const exports = finished.length === 0 || run.rules === 1 || finished.some(({ state }) => state.bestExport !== null);
  const stopped = ended('stopped').filter(({ state }) => !exports || state.bestExport !== null);
  const pool =
    run.rules === 1 ? (finished.length > 0 ? finished : stopped) : [...finished, ...stopped].sort((a, b) => a.state.trial - b.state.trial);
  return pool.filter((record) => keepsConstraints(run, record)).map((record) => ({ trial: record.state.trial, values: record.values }));
}

/** Whether what was measured of it breaks a constraint: at a rung it comes after all others then. Not in searches from before. */
export const breaksOf = ({ heedsConstraints, input }: SearchRun, { state }: TrialRecord): Pick<Trained, 'breaks'> =>
  heedsConstraints && breaksMeasured(input.spec.metricConstraints ?? [], state.metrics, state.offline) ? { breaks: true } : {};

export const keepsConstraints = ({ input }: SearchRun, { state }: TrialRecord): boolean =>
  brokenConstraints(input.spec.metricConstraints ?? [], state.metrics, state.offline).length === 0;
