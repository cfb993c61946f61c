/** What a replayed search came to, beside what was recorded. Pure. */
import type { Objective } from '../../contract/search-space.ts';
import type { RecordedSearch, ReplayedTrial } from './replayed-search.ts';

export interface ReplaySummary {
  readonly trials: number;
  readonly stopped: number;
  /** Recorded as stopped, and not stopped here: what they would have become is not known. */
  readonly unknown: number;
  /** Of machines. */
  readonly seconds: number;
  readonly cost: number;
  /** Share of the recorded machine time of these trials that was not used. */
  readonly saved: number;
  readonly best: { readonly trial: number; readonly objective: number; readonly trials: number; readonly cost: number } | null;
  /** How much worse the best is than the best of the recorded search; 0 = the same. */
  readonly regret: number | null;
}

type Ended = Pick<ReplayedTrial, 'trial' | 'status' | 'reason' | 'seconds' | 'cost' | 'objective' | 'keeps'>;

export function summarise(search: RecordedSearch, ended: readonly Ended[]): ReplaySummary {
  const recordedAs = new Map(search.trials.map((trial) => [trial.trial, trial]));
  const best = bestEnd(ended, search.objective);
  const recorded = bestEnd(asRecorded(search), search.objective);
  const recordedSeconds = sum(ended, ({ trial }) => recordedAs.get(trial)?.seconds ?? 0);
  const seconds = sum(ended, (trial) => trial.seconds);
  return {
    trials: ended.length,
    stopped: ended.filter(({ status }) => status === 'stopped').length,
    unknown: ended.filter(({ trial, reason }) => reason === null && recordedAs.get(trial)?.status === 'stopped').length,
    seconds,
    cost: sum(ended, ({ cost }) => cost),
    saved: recordedSeconds > 0 ? 1 - seconds / recordedSeconds : 0,
    best,
    regret: best === null || recorded === null ? null : regret(best.objective, recorded.objective, search.objective),
  };
}

/** The ends that were recorded, in their order. */
export function asRecorded(search: RecordedSearch): Ended[] {
  return [...search.trials].sort((a, b) => a.endedAt - b.endedAt || a.trial - b.trial).map((trial) => ({ ...trial, reason: null }));
}

function regret(found: number, best: number, { goal }: Objective): number {
  return Math.max(0, goal === 'maximize' ? best - found : found - best);
}

/** As a search answers: a stopped trial counts with its best point, and its best model can win. With the trials and the money it took to find it. */
function bestEnd(ended: readonly Ended[], { goal }: Objective): ReplaySummary['best'] {
  let best: ReplaySummary['best'] = null;
  let cost = 0;
  for (const [i, trial] of ended.entries()) {
    cost += trial.cost;
    const { objective, keeps = 'all' } = trial;
    if (keeps !== 'all') continue;
    if ((trial.status !== 'succeeded' && trial.status !== 'stopped') || objective === null) continue;
    if (best === null || (goal === 'maximize' ? objective > best.objective : objective < best.objective))
      best = { trial: trial.trial, objective, trials: i + 1, cost };
  }
  return best;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
