/** Where the next attempt runs. Pure: the same answers in a replay. Rules are plain data (`Placement` of the profile). */
import type { AttemptVerdict } from '../src/contract/jobs.ts';
import type { Placement, Pool } from '../src/contract/profile.ts';
import type { PlacementState } from '../src/contract/search.ts';

export interface PlacementInput {
  readonly rules: Placement;
  readonly pools: readonly Pool[];
  readonly state: PlacementState;
  /** ms since 1970 */
  readonly now: number;
  readonly deadlineAt: number | null;
  /** Seconds of training that are left, as far as known. */
  readonly remainingSeconds: number | null;
}

export interface PlacementChoice {
  readonly pool: Pool;
  readonly state: PlacementState;
  /** In words, for status and ledger. */
  readonly reason: string;
  /** Pending for longer than this counts as no capacity. */
  readonly noCapacitySeconds: number;
  /** After so long in this pool the first one is worth another try; null = stay. */
  readonly moveBackAfterSeconds: number | null;
}

export const initialPlacement: PlacementState = { position: 0, preemptionsInRow: 0, leftFirstAt: null, emptyPools: 0 };

/** Spot loses time to preemptions: the rest of the work is taken to last so much longer there. */
const SPOT_SLOWDOWN = 1.25;
/** Starting over, pulling an image and restoring a checkpoint: kept free before a deadline. */
const RESTART_RESERVE_SECONDS = 600;
const SHORTEST_CAPACITY_WAIT_SECONDS = 10;

/** Pools in the order of preference. */
export function poolOrder(rules: Placement, pools: readonly Pool[]): readonly Pool[] {
  if (rules.order.length === 0) return pools;
  return rules.order.flatMap((name) => pools.filter((pool) => pool.name === name));
}

/** State after an attempt in the pool of `state.position` ended. */
export function afterAttempt(
  rules: Placement,
  poolCount: number,
  state: PlacementState,
  verdict: AttemptVerdict,
  now: number,
): PlacementState {
  if (verdict === 'no-capacity') return moveOn({ ...state, emptyPools: state.emptyPools + 1 }, poolCount, now);
  if (verdict !== 'preempted' && verdict !== 'silent') return { ...state, emptyPools: 0 };
  const preemptionsInRow = state.preemptionsInRow + 1;
  const counted = { ...state, emptyPools: 0, preemptionsInRow };
  return preemptionsInRow >= rules.preemptionsBeforeNext && state.position < poolCount - 1 ? moveOn(counted, poolCount, now) : counted;
}

/** The pool of the next attempt. */
export function choosePool(input: PlacementInput): PlacementChoice {
  const { rules, now } = input;
  const order = poolOrder(rules, input.pools);
  const onDemand = order.findIndex((pool) => !pool.spot);
  let state = { ...input.state, position: Math.min(input.state.position, order.length - 1) };
  let reason = state.position === 0 ? 'first choice' : state.emptyPools > 0 ? 'no capacity before' : 'preempted too often before';

  const spare = spareSeconds(input);
  if (order[state.position]?.spot && spare !== null && spare <= 0 && onDemand >= 0 && state.emptyPools === 0) {
    state = { position: onDemand, preemptionsInRow: 0, leftFirstAt: state.leftFirstAt ?? now, emptyPools: 0 };
    return choice(order, state, 'the deadline needs a machine that stays', rules.noCapacitySeconds, null);
  }
  const awaySeconds = state.leftFirstAt === null ? 0 : (now - state.leftFirstAt) / 1000;
  if (state.position > 0 && rules.retrySpotSeconds > 0 && awaySeconds >= rules.retrySpotSeconds && (spare === null || spare > 0)) {
    state = { ...initialPlacement };
    reason = 'time to try the first pool again';
  }
  const waitSeconds =
    spare === null || !order[state.position]?.spot
      ? rules.noCapacitySeconds
      : Math.max(SHORTEST_CAPACITY_WAIT_SECONDS, Math.min(rules.noCapacitySeconds, spare));
  const back =
    state.position > 0 && rules.retrySpotSeconds > 0 && order[0]?.spot && !order[state.position]?.spot
      ? Math.max(1, rules.retrySpotSeconds - awaySeconds)
      : null;
  return choice(order, state, reason, Math.round(waitSeconds), spare !== null && spare <= 0 ? null : back);
}

/** Seconds that may still be lost before only on-demand ends in time; null without a deadline or an estimate. */
export function spareSeconds(input: Pick<PlacementInput, 'now' | 'deadlineAt' | 'remainingSeconds'>): number | null {
  if (input.deadlineAt === null) return null;
  const left = (input.deadlineAt - input.now) / 1000;
  if (input.remainingSeconds === null) return left;
  return left - input.remainingSeconds * SPOT_SLOWDOWN - RESTART_RESERVE_SECONDS;
}

/** Rest of the work by the share done; null while unknown. */
export function remainingSeconds(done: number | null, trainedSeconds: number): number | null {
  return done === null || done <= 0 ? null : (trainedSeconds * (1 - done)) / done;
}

/** Pause before the next attempt: none after a preemption; grows while no pool has capacity or the trial crashes. */
export function backoffSeconds(verdict: AttemptVerdict, repeats: number, emptyPools: number, poolCount: number): number {
  if (verdict === 'crashed' || verdict === 'deleted') return Math.min(300, 5 * 2 ** Math.max(0, repeats - 1));
  if (verdict === 'no-capacity')
    return emptyPools > 0 && emptyPools % poolCount === 0 ? Math.min(600, 30 * 2 ** (emptyPools / poolCount - 1)) : 0;
  return 0;
}

function moveOn(state: PlacementState, poolCount: number, now: number): PlacementState {
  const position = (state.position + 1) % poolCount;
  return { position, preemptionsInRow: 0, leftFirstAt: position === 0 ? null : (state.leftFirstAt ?? now), emptyPools: state.emptyPools };
}

function choice(
  order: readonly Pool[],
  state: PlacementState,
  reason: string,
  noCapacitySeconds: number,
  moveBackAfterSeconds: number | null,
): PlacementChoice {
  const pool = order[state.position];
  if (!pool) throw new RangeError('a profile needs at least one pool, and placement.order must name pools of the profile');
  return { pool, state, reason, noCapacitySeconds, moveBackAfterSeconds };
}
