/** Looks for a machine of the first pool while an attempt goes on in another one. */
import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow';
import type { CapacityInput } from '../../src/contract/search.ts';
import { poolOrder } from '../../src/rules/placement.ts';
import type { PlacementChoice } from '../../src/rules/placement.ts';
import { attempts, endings } from '../policies.ts';
import { cleanUpOnRequest } from '../clean-up.ts';
import { isClusterLost, isTimeout } from '../failures.ts';
import { WAITS } from '../../src/rules/durations.ts';
import { handOver } from '../job-ending.ts';
import { capacityInput } from './decisions.ts';
import type { TrialRun } from './state.ts';

/** Interrupts the attempt once there is a machine: the trial moves there. To be cancelled when the attempt ends. */
export async function watchFirstPool(run: TrialRun, { lookAfterSeconds }: PlacementChoice): Promise<void> {
  const { profile } = run.input;
  const [first] = poolOrder(profile.placement, profile.pools);
  if (lookAfterSeconds === null || first === undefined) return;
  if (lookAfterSeconds > 0) await sleep(lookAfterSeconds * 1000);
  const look = capacityInput(run, first);
  for (;;) {
    try {
      await awaitCapacity(run, look);
      break;
    } catch (error) {
      // One of several, which may come back.
      if (look.lostAfterSeconds === undefined || !isClusterLost(error)) throw error;
      await sleep(WAITS.allPoolsEmptyMs);
    }
  }
  run.interrupt?.();
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
