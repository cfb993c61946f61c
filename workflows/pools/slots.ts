/** A trial's side of a pool's gate: at most so many attempts at once over all runs. */
import { CancellationScope, condition, defineSignal, getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import { poolGateWorkflowId } from '../../src/contract/ids.ts';
import { INTERNAL_SIGNALS } from '../../src/contract/names.ts';
import type { Pool, Profile } from '../../src/contract/profile.ts';
import { profileIn } from '../../src/contract/clusters.ts';
import { searching } from '../policies.ts';
import type { TrialRun } from '../trial/state.ts';
import { WAITS } from '../../src/rules/durations.ts';

export interface SlotRequest {
  /** Workflow id of the trial. */
  readonly holder: string;
  readonly run: string;
  readonly priority: number;
  /** The pool's `maxAttempts` as the trial's profile has it; the newest request counts. */
  readonly limit: number;
  /** Names the request: another one of the same trial takes its place. Absent from trials of release 0.1. */
  readonly token?: string;
}

export const acquireSignal = defineSignal<[SlotRequest]>(INTERNAL_SIGNALS.acquire);
export const releaseSignal = defineSignal<[Pick<SlotRequest, 'holder' | 'token'>]>(INTERNAL_SIGNALS.release);
export const grantedSignal = defineSignal<[Pick<SlotRequest, 'token'>?]>(INTERNAL_SIGNALS.granted);

/** Waits for a slot where the pool has a limit; false when the trial was stopped or paused meanwhile. */
export async function acquireSlot(run: TrialRun, pool: Pool): Promise<boolean> {
  if (!wantsToRun(run)) return false;
  if (pool.maxAttempts === undefined) return true;
  run.granted = false;
  run.requests += 1;
  run.slot = `${workflowInfo().runId}/${run.requests}`;
  run.note = `waits for one of ${pool.maxAttempts} places in ${pool.name}`;
  const request: SlotRequest = {
    holder: workflowInfo().workflowId,
    run: run.input.run,
    priority: run.input.priority,
    limit: pool.maxAttempts,
    token: run.slot,
  };
  try {
    // A gate that was terminated has forgotten us: ask again now and then, which changes nothing where it has not.
    do await searching.requestSlot({ gate: gateOf(run.input.profile, pool), request });
    while (!(await condition(() => run.granted || !wantsToRun(run), WAITS.poolPlaceAskedAgainMs)));
  } catch (error) {
    await CancellationScope.nonCancellable(() => releaseSlot(run, pool));
    throw error;
  }
  if (wantsToRun(run)) return true;
  await releaseSlot(run, pool);
  return false;
}

const wantsToRun = (run: TrialRun): boolean => run.stop === null && !run.paused;

export async function releaseSlot(run: TrialRun, pool: Pool): Promise<void> {
  if (pool.maxAttempts === undefined) return;
  run.granted = false;
  const token = run.slot;
  run.slot = null;
  // A gate that is gone holds nothing.
  await getExternalWorkflowHandle(gateOf(run.input.profile, pool))
    .signal(releaseSignal, { holder: workflowInfo().workflowId, ...(token === null ? {} : { token }) })
    .catch(() => undefined);
}

/** Pools of one name on two clusters are two pools. */
function gateOf(profile: Profile, pool: Pool): string {
  const { cluster } = profileIn(profile, pool);
  return poolGateWorkflowId(cluster ? `${cluster}-${pool.name}` : pool.name);
}
