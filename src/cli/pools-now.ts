/** What each pool of a profile is now: of the ledger over all runs, and of what open runs have there. */
import type { Longhaul } from '../client/index.ts';
import type { Profile } from '../contract/profile.ts';
import type { PoolRates } from '../contract/search.ts';
import { everyCluster } from '../ports/every-cluster.ts';
import type { JobInfo } from '../ports/compute.ts';
import type { Ports } from '../ports/index.ts';
import { poolEvents, poolRates, ratesSince } from '../rules/pool-rates.ts';

interface PoolNow {
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

/** The newest ones; open runs that are older than so many others are left out. */
const MOST_RUNS = 200;

/** A trial that has a pool now. */
interface Placed {
  readonly run: string;
  readonly step: string;
  readonly trial: number;
  readonly pool: string;
}

export async function askPools(longhaul: Longhaul, ports: Ports, profile: Profile, now: number): Promise<readonly PoolNow[]> {
  const [rows, compute, placed] = await Promise.all([
    ports.warehouse(profile).then((warehouse) => warehouse.ledger('attempts', {}, ratesSince(now))),
    everyCluster(ports, profile),
    placedTrials(longhaul),
  ]);
  return poolsNow(profile, poolRates(poolEvents(rows), now), placed, await compute.list());
}

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

async function placedTrials(longhaul: Longhaul): Promise<readonly Placed[]> {
  const open = (await longhaul.list({ limit: MOST_RUNS })).filter(({ endedAt }) => endedAt === null);
  const byRun = await Promise.all(
    open.map(async ({ run }) => {
      // One that has not begun to answer, or of another version, says nothing; the others do.
      const { steps } = await longhaul
        .run(run)
        .state()
        .catch(() => ({ steps: [] }));
      const searches = steps.filter(({ kind, status }) => kind === 'search' && status === 'running');
      return await Promise.all(
        searches.map(async ({ id: step }) => {
          // One that has not begun, or ends just now, has no trials.
          const { trials } = await longhaul
            .run(run)
            .search(step)
            .state()
            .catch(() => ({ trials: [] }));
          return trials.flatMap(({ trial, pool }) => (pool === null ? [] : [{ run, step, trial, pool }]));
        }),
      );
    }),
  );
  return byRun.flat(2);
}
