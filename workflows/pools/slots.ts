/** A trial's side of gates: at most so many attempts at once over all runs, in a pool and of its team. */
import { CancellationScope, condition, defineSignal, getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import { poolGateWorkflowId, quotaGateWorkflowId } from '../../src/contract/ids.ts';
import { INTERNAL_SIGNALS } from '../../src/contract/names.ts';
import type { Pool, Profile } from '../../src/contract/profile.ts';
import { profileIn } from '../../src/contract/clusters.ts';
import { teamOfQueue } from '../../src/contract/teams.ts';
import { poolKey } from '../../src/rules/policy-pools.ts';
import { searching } from '../policies.ts';
import type { Place, TrialRun } from '../trial/state.ts';
import { WAITS } from '../../src/rules/durations.ts';

export interface SlotRequest {
  /** Workflow id of the trial. */
  readonly holder: string;
  /** Of its run in Temporal: one that was reset, or begun again, is another. Absent from trials of earlier releases. */
  readonly runId?: string;
  readonly run: string;
  /** Absent: of none. */
  readonly team?: string;
  readonly priority: number;
  /** How many may have a place; the newest request counts. */
  readonly limit: number;
  /** How many of its run may: absent where these are as many. */
  readonly ofRun?: number;
  /** Names the request: another one of the same trial takes its place. Absent from trials of release 0.1. */
  readonly token?: string;
  /** Of the soak that the trial is of: the gate's waits are divided by it. */
  readonly factor?: number;
}

export const acquireSignal = defineSignal<[SlotRequest]>(INTERNAL_SIGNALS.acquire);
export const releaseSignal = defineSignal<[Pick<SlotRequest, 'holder' | 'token'>]>(INTERNAL_SIGNALS.release);
export const grantedSignal = defineSignal<[Pick<SlotRequest, 'token'>?]>(INTERNAL_SIGNALS.granted);

/** Waits for the places that an attempt needs; false when the trial was stopped or paused meanwhile, and has none. */
export async function acquirePlaces(run: TrialRun, pool: Pool): Promise<boolean> {
  if (!(await acquireQuota(run))) return false;
  if (await acquireSlot(run, pool).catch(async (error: unknown) => releasedQuota(run, error))) return true;
  await releaseQuota(run);
  return false;
}

export async function releasePlaces(run: TrialRun, pool: Pool): Promise<void> {
  if (pool.maxAttempts !== undefined) await giveBack(run.places.pool, gateOf(run.input.profile, pool));
  await releaseQuota(run);
}

async function acquireSlot(run: TrialRun, pool: Pool): Promise<boolean> {
  const { maxAttempts: limit } = pool;
  if (!wantsToRun(run)) return false;
  if (limit === undefined) return true;
  const gate = gateOf(run.input.profile, pool);
  const request = requestOf(run, run.places.pool, limit);
  const waits = (places: number): string => `waits for one of ${places} places in ${pool.name}`;
  run.note = waits(limit);
  return waitForPlace(run, run.places.pool, gate, async () => {
    // Histories of releases before have no answer.
    const answer = (await searching.requestSlot({ gate, pool: poolKey(pool), request })) as { readonly limit: number } | undefined;
    if (answer !== undefined) run.note = waits(answer.limit);
  });
}

/** Of its team; the workers know how many there are. */
async function acquireQuota(run: TrialRun): Promise<boolean> {
  const team = ownTeam();
  if (team === null) return true;
  if (!wantsToRun(run)) return false;
  const place = run.places.quota;
  const gate = quotaGateWorkflowId(team);
  const request = requestOf(run, place, 0);
  return waitForPlace(run, place, gate, async () => {
    const { limit } = await searching.requestQuota({ gate, request });
    if (limit === null) place.granted = true;
    else run.note = `waits for one of the ${limit} trials that team ${team} may have at once`;
  });
}

/** A gate that was terminated has forgotten us: it is asked again now and then, which changes nothing where it has not. */
async function waitForPlace(run: TrialRun, place: Place, gate: string, ask: () => Promise<void>): Promise<boolean> {
  try {
    do await ask();
    while (!(await condition(() => place.granted || !wantsToRun(run), WAITS.poolPlaceAskedAgainMs)));
  } catch (error) {
    await CancellationScope.nonCancellable(() => giveBack(place, gate));
    throw error;
  }
  if (wantsToRun(run)) return true;
  await giveBack(place, gate);
  return false;
}

function requestOf(run: TrialRun, place: Place, limit: number): SlotRequest {
  const { workflowId, runId } = workflowInfo();
  const team = ownTeam();
  run.requests += 1;
  place.granted = false;
  place.token = `${runId}/${run.requests}`;
  return {
    holder: workflowId,
    runId,
    run: run.input.run,
    ...(team === null ? {} : { team }),
    priority: run.input.priority,
    limit,
    token: place.token,
    ...(run.input.factor === undefined ? {} : { factor: run.input.factor }),
  };
}

const wantsToRun = (run: TrialRun): boolean => run.stop === null && !run.paused;

async function releaseQuota(run: TrialRun): Promise<void> {
  const team = ownTeam();
  if (team !== null) await giveBack(run.places.quota, quotaGateWorkflowId(team));
}

async function releasedQuota(run: TrialRun, error: unknown): Promise<never> {
  await CancellationScope.nonCancellable(() => releaseQuota(run));
  throw error;
}

async function giveBack(place: Place, gate: string): Promise<void> {
  const { token } = place;
  Object.assign(place, { granted: false, token: null });
  // A gate that is gone holds nothing.
  await getExternalWorkflowHandle(gate)
    .signal(releaseSignal, { holder: workflowInfo().workflowId, ...(token === null ? {} : { token }) })
    .catch(() => undefined);
}

/** Null: its workers are no team's. */
export const ownTeam = (): string | null => teamOfQueue(workflowInfo().taskQueue);

/** Pools of one name on two clusters are two pools; those of two teams too, unless they share one. */
function gateOf(profile: Profile, pool: Pool): string {
  const { cluster } = profileIn(profile, pool);
  return poolGateWorkflowId(cluster ? `${cluster}-${pool.name}` : pool.name, pool.shared ? null : ownTeam());
}
