/** Asks ledger, machines and open runs what each pool of a profile is now. */
import type { Longhaul } from '../client/index.ts';
import type { Profile } from '../contract/profile.ts';
import { everyCluster } from '../ports/every-cluster.ts';
import type { Ports } from '../ports/index.ts';
import { liveSearches, MOST_OPEN_RUNS, placedIn, poolsNow, ratesOf, ratesSince, type Placed, type PoolNow } from '../present/pools-now.ts';

export async function askPools(longhaul: Longhaul, ports: Ports, profile: Profile, now: number): Promise<readonly PoolNow[]> {
  const [rows, compute, placed] = await Promise.all([
    ports.warehouse(profile).then((warehouse) => warehouse.ledger('attempts', {}, ratesSince(now))),
    everyCluster(ports, profile),
    placedTrials(longhaul),
  ]);
  return poolsNow(profile, ratesOf(rows, now), placed, await compute.list());
}

async function placedTrials(longhaul: Longhaul): Promise<readonly Placed[]> {
  const open = (await longhaul.list({ limit: MOST_OPEN_RUNS })).filter(({ endedAt }) => endedAt === null);
  const byRun = await Promise.all(
    open.map(async ({ run }) => {
      // One that has not begun to answer, or of another version, says nothing; the others do.
      const state = await longhaul
        .run(run)
        .state()
        .catch(() => ({ steps: [] }));
      return await Promise.all(
        liveSearches(state).map(async (step) => {
          // One that has not begun, or ends just now, has no trials.
          const search = await longhaul
            .run(run)
            .search(step)
            .state()
            .catch(() => ({ trials: [] }));
          return placedIn(run, step, search);
        }),
      );
    }),
  );
  return byRun.flat(2);
}
