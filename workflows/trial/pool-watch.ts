/** Looks for machines of other pools while an attempt goes on in one, or while nothing does. */
import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow';
import type { CapacityInput } from '../../src/contract/attempts.ts';
import type { Look } from '../../src/rules/placement.ts';
import { attempts, endings } from '../policies.ts';
import { cleanUpOnRequest } from '../clean-up.ts';
import { isClusterLost, isTimeout } from '../failures.ts';
import { WAITS } from '../../src/rules/durations.ts';
import { handOver } from '../job-ending.ts';
import { capacityInput } from './decisions.ts';
import type { TrialRun } from './state.ts';

/**
 * All looks at once, in the scope that this is called in: cancel it once a pool was found, or when nobody wants to know any more. The activities
 * say by ending that there is a machine; one that fails has no say. An attempt that runs is ended, to go on there.
 */
export async function watchPools(run: TrialRun, looks: readonly Look[]): Promise<void> {
  const scope = CancellationScope.current();
  await Promise.all(
    looks.map(async ({ pool, afterSeconds }, position) => {
      // Its Job is named by it: of the same attempt there may be looks again, in other pools.
      const look = patched('looks-by-pool') ? run.input.profile.pools.findIndex(({ name }) => name === pool.name) : position;
      try {
        if (afterSeconds > 0) await sleep(afterSeconds * 1000);
        await awaitInCluster(run, { ...capacityInput(run, pool), ...(run.placesByRates ? { look } : {}) });
      } catch {
        return;
      }
      // It ends the same way when it is asked to.
      if (scope.consideredCancelled) return;
      run.found ??= pool;
      run.interrupt?.();
    }),
  );
}

async function awaitInCluster(run: TrialRun, look: CapacityInput): Promise<void> {
  for (;;) {
    try {
      await awaitCapacity(run, look);
      return;
    } catch (error) {
      // One of several, which may come back.
      if (look.lostAfterSeconds === undefined || !isClusterLost(error)) throw error;
      await sleep(WAITS.allPoolsEmptyMs);
    }
  }
}

async function awaitCapacity({ reconciles, asksJobs }: TrialRun, look: CapacityInput): Promise<void> {
  const forget = async (): Promise<void> => {
    try {
      await endings(look.trial).forgetCapacity(look);
    } catch (error) {
      if (!(isTimeout(error) || isClusterLost(error)) || !patched('job-ending')) throw error;
      const { lostAfterSeconds: _bound, ...patient } = look;
      await handOver({ kind: 'capacity', input: patient });
    }
  };
  // The activity that looks sees its Job go, long before a heartbeat would tell it.
  const over = asksJobs ? cleanUpOnRequest(CancellationScope.current(), forget) : undefined;
  try {
    await attempts(look, asksJobs).awaitCapacity.executeWithOptions({ summary: `until ${look.pool.name} has a machine` }, [look]);
  } catch (error) {
    // It ends by itself when it is asked to: no worker was there to be asked, or it died, and its Job may wait for ever.
    if (isCancellation(error) || (reconciles && isTimeout(error)) || isClusterLost(error)) await CancellationScope.nonCancellable(forget);
    throw error;
  } finally {
    over?.();
  }
}
