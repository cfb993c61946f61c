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
  /** Seconds that the estimate of `remainingSeconds` comes from, starts of machines included; without them it counts as it is. */
  readonly trainedSeconds?: number;
}

type SpareInput = Pick<PlacementInput, 'now' | 'deadlineAt' | 'remainingSeconds' | 'trainedSeconds'>;

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

/** Two starts of a machine, with image and checkpoint: the one that a last preemption on spot costs, and that of on-demand. */
const RESTART_RESERVE_SECONDS = 1500;
/** An estimate counts once so much of the time to the deadline was trained. */
const KNOWN_SHARE = 1 / 50;
/** Of the time to the deadline, to wait for spot before the length of the work is known. */
const BLIND_SHARE = 0.1;
/** Of the time that may be lost, kept at first. `npm run bench -- spot` is least expensive with about this much. */
const KEPT_SHARE = 0.25;
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
  const spot = order.findIndex((pool) => pool.spot);
  if (spot >= 0 && !order[state.position]?.spot && mayWait(input, spare)) {
    state = { ...initialPlacement, position: spot, emptyPools: state.emptyPools };
    reason = 'the deadline leaves time to wait for spot';
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
export function spareSeconds(input: SpareInput): number | null {
  if (input.deadlineAt === null) return null;
  const left = (input.deadlineAt - input.now) / 1000;
  if (input.remainingSeconds === null || !isKnown(input)) return left;
  return left - input.remainingSeconds - RESTART_RESERVE_SECONDS;
}

/**
 * Waiting for spot costs only time: is there enough? Some of what may be lost is kept for later, less and less towards the deadline, so that
 * on-demand does its share of the work early and spot can be used whenever it comes back: the idea of Uniform Progress (Wu et al., "Can't Be
 * Late", NSDI '24, §5.2). Before anything is known, a tenth of the time to the deadline may go.
 */
function mayWait(input: PlacementInput, spare: number | null): boolean {
  const { deadlineSeconds } = input.rules;
  if (spare === null || spare <= 0 || input.deadlineAt === null || deadlineSeconds === undefined) return false;
  if (input.remainingSeconds === null || !isKnown(input)) return spare > (1 - BLIND_SHARE) * deadlineSeconds;
  const atFirst = deadlineSeconds - (input.trainedSeconds ?? 0) - input.remainingSeconds;
  const timeLeft = (input.deadlineAt - input.now) / 1000 / deadlineSeconds;
  return spare > atFirst * timeLeft * KEPT_SHARE;
}

/** The first minutes of a trial are those of a machine's start, and would make the rest seem many times as long as it is. */
function isKnown({ now, deadlineAt, remainingSeconds, trainedSeconds = Infinity }: SpareInput): boolean {
  return remainingSeconds !== null && deadlineAt !== null && trainedSeconds >= ((deadlineAt - now) / 1000) * KNOWN_SHARE;
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
