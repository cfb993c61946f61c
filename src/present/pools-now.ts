/** What each pool of a profile is now: of the ledger over all runs, and of what open runs have there. Pure. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { Profile } from '../contract/profile.ts';
import type { PoolRates } from '../contract/trial-run.ts';
import type { RunState, SearchState } from '../contract/state.ts';
import type { JobInfo } from '../ports/compute.ts';
import { poolEvents, poolRates } from '../rules/pool-rates.ts';

export { ratesSince } from '../rules/pool-rates.ts';

export interface PoolNow {
  readonly pool: string;
  readonly cluster: string | null;
  readonly spot: boolean;
  /** Attempts of open runs. */
  readonly running: number;
  readonly waiting: number;
  readonly pricePerHour: number;
  /** Of a machine; null where none was used of late. */
  readonly preemptionsPerHour: number | null;
  /** ms since 1970; null: not of late. */
  readonly lastPreemptedAt: number | null;
  readonly lastEmptyAt: number | null;
}

/** A trial that has a pool now. */
export interface Placed {
  readonly run: string;
  readonly step: string;
  readonly trial: number;
  readonly pool: string;
}

/** The newest open runs; those that are older than so many others are left out. */
export const MOST_OPEN_RUNS = 200;

/** Searches of a run whose trials may have a pool now. */
export const liveSearches = ({ steps }: Pick<RunState, 'steps'>): readonly string[] =>
  steps.filter(({ kind, status }) => kind === 'search' && status === 'running').map(({ id }) => id);

export const placedIn = (run: string, step: string, { trials }: Pick<SearchState, 'trials'>): readonly Placed[] =>
  trials.flatMap(({ trial, pool }) => (pool === null ? [] : [{ run, step, trial, pool }]));

/** @param rows attempts of the ledger since `ratesSince(now)` */
export const ratesOf = (rows: readonly LedgerRow<'attempts'>[], now: number): PoolRates => poolRates(poolEvents(rows), now);

export function poolsNow(
  { pools }: Pick<Profile, 'pools'>,
  rates: PoolRates,
  placed: readonly Placed[],
  jobs: readonly JobInfo[],
): readonly PoolNow[] {
  const key = (run: string, step: string, trial: string): string => JSON.stringify([run, step, trial]);
  const poolOf = new Map(placed.map(({ run, step, trial, pool }) => [key(run, step, String(trial)), pool]));
  // A look for a machine has no number of an attempt.
  const attempts = jobs.flatMap(({ phase, labels: { run = '', step = '', trial = '', attempt } }) =>
    attempt === undefined ? [] : [{ phase, pool: poolOf.get(key(run, step, trial)) }],
  );
  const count = (name: string, phase: JobInfo['phase']): number =>
    attempts.filter((each) => each.pool === name && each.phase === phase).length;
  return pools.map(({ name, cluster = null, spot, pricePerHour }) => {
    const rate = rates.pools[name];
    return {
      pool: name,
      cluster,
      spot,
      running: count(name, 'running'),
      waiting: count(name, 'pending'),
      pricePerHour,
      preemptionsPerHour: rate === undefined || rate.hours === 0 ? null : rate.preemptions / rate.hours,
      lastPreemptedAt: rate?.lastPreemptedAt ?? null,
      lastEmptyAt: rate?.lastEmptyAt ?? null,
    };
  });
}
