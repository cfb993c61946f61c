/** Where the next attempt ran as trials of 0.2.0 and before decide it: for their histories, and until they continue as new. Frozen. */
import type { AttemptVerdict } from '../contract/jobs.ts';
import type { Placement, Pool } from '../contract/profile.ts';
import type { PlacementState } from '../contract/trial-run.ts';
import { WAITS } from './durations.ts';
import { initialPlacement, poolOrder } from './placement.ts';
import type { PlacementChoice } from './placement.ts';
import { idleSeconds, spareSeconds } from './deadline-slack.ts';
import type { Progress } from './deadline-slack.ts';

interface PlacementInput extends Progress {
  readonly rules: Placement;
  readonly pools: readonly Pool[];
  readonly state: PlacementState;
  /** Several spot pools are asked in turn, see `spotPositionsV1`; false in trials that 0.1.0 began. */
  readonly spreads?: boolean;
}

/** Of the time that may be lost, kept at first. `npm run bench -- spot` is least expensive with about this much. */
const KEPT_SHARE = 0.25;

/**
 * Where the spot pools stand in the order, if there are several. The one that just preempted, or had no machine, is then not asked next: zones
 * run out of machines at different times. On public traces of two to eight zones this, and waiting in each for as long as a node takes to
 * come, saves 0.95 of what an oracle saves, where staying in the first pool saves 0.93 (`npm run bench -- spot --traces`).
 */
export function spotPositionsV1(rules: Placement, pools: readonly Pool[]): readonly number[] {
  const positions = poolOrder(rules, pools).flatMap((pool, position) => (pool.spot ? [position] : []));
  return positions.length > 1 ? positions : [];
}

/**
 * State after an attempt in the pool of `state.position` ended.
 *
 * @param spots where to spread over several spot pools: `spotPositionsV1`
 */
export function afterAttemptV1(
  rules: Placement,
  poolCount: number,
  state: PlacementState,
  verdict: AttemptVerdict,
  now: number,
  spots: readonly number[] = [],
): PlacementState {
  if (spots.includes(state.position)) return afterSpotInTurn(rules, poolCount, state, verdict, now, spots);
  if (verdict === 'no-capacity') return moveOn({ ...state, emptyPools: state.emptyPools + 1 }, poolCount, now);
  if (verdict !== 'preempted' && verdict !== 'silent') return { ...state, emptyPools: 0 };
  const preemptionsInRow = state.preemptionsInRow + 1;
  const counted = { ...state, emptyPools: 0, preemptionsInRow };
  return preemptionsInRow >= rules.preemptionsBeforeNext && state.position < poolCount - 1 ? moveOn(counted, poolCount, now) : counted;
}

function afterSpotInTurn(
  rules: Placement,
  poolCount: number,
  state: PlacementState,
  verdict: AttemptVerdict,
  now: number,
  spots: readonly number[],
): PlacementState {
  const isPreempted = verdict === 'preempted' || verdict === 'silent';
  if (!isPreempted && verdict !== 'no-capacity') return { ...state, emptyPools: 0 };
  const emptyPools = isPreempted ? 0 : state.emptyPools + 1;
  const preemptionsInRow = state.preemptionsInRow + (isPreempted ? 1 : 0);
  const isEmptyEverywhere = !isPreempted && emptyPools % spots.length === 0;
  const isPreemptedEverywhere = preemptionsInRow >= rules.preemptionsBeforeNext * spots.length;
  const onDemand = Array.from({ length: poolCount }, (_, position) => position).find((position) => !spots.includes(position));
  if ((isEmptyEverywhere || isPreemptedEverywhere) && onDemand !== undefined)
    return { position: onDemand, preemptionsInRow: 0, leftFirstAt: state.leftFirstAt ?? now, emptyPools };
  const next = spots[(spots.indexOf(state.position) + 1) % spots.length] ?? state.position;
  return { position: next, preemptionsInRow, leftFirstAt: state.leftFirstAt, emptyPools };
}

/** The pool of the next attempt. */
export function choosePoolV1(input: PlacementInput): PlacementChoice {
  const { rules, now } = input;
  const order = poolOrder(rules, input.pools);
  const spot = order.findIndex((pool) => pool.spot);
  const onDemand = order.findIndex((pool) => !pool.spot);
  let state = { ...input.state, position: Math.min(input.state.position, order.length - 1) };
  let reason = state.position === 0 ? 'first choice' : state.emptyPools > 0 ? 'no capacity before' : 'preempted too often before';

  const spare = spareSeconds(input);
  if (order[state.position]?.spot && spare !== null && spare <= 0 && onDemand >= 0 && state.emptyPools === 0) {
    state = { position: onDemand, preemptionsInRow: 0, leftFirstAt: state.leftFirstAt ?? now, emptyPools: 0 };
    return choice(order, state, 'the deadline needs a machine that stays', rules.noCapacitySeconds, null);
  }
  const idle = idleSeconds(input, rules, spare, KEPT_SHARE);
  if (spot >= 0 && spot < state.position && !order[state.position]?.spot && isSpotNext(state, spare, idle)) {
    reason = idle > 0 ? 'the deadline leaves time to wait for spot' : 'the deadline leaves time to try spot';
    state = { ...initialPlacement, position: spot, emptyPools: state.emptyPools };
  }
  const awaySeconds = state.leftFirstAt === null ? 0 : (now - state.leftFirstAt) / 1000;
  if (state.position > 0 && rules.retrySpotSeconds > 0 && awaySeconds >= rules.retrySpotSeconds && (spare === null || spare > 0)) {
    state = { ...initialPlacement };
    reason = 'time to try the first pool again';
  }
  const look = lookAfterSeconds(rules, order, state, spare, awaySeconds);
  return choice(order, state, reason, capacityWaitSeconds(input, order, state, spare, idle), look);
}

/** With a deadline that leaves time, on-demand is for when spot was just found empty and there is no time to wait for it. */
function isSpotNext(state: PlacementState, spare: number | null, idle: number): boolean {
  return spare !== null && spare > 0 && (state.emptyPools === 0 || idle > 0);
}

/** A single pool of spot is waited for as long as it may take; of several, each in its turn. */
function capacityWaitSeconds(
  { rules, spreads = false }: PlacementInput,
  order: readonly Pool[],
  state: PlacementState,
  spare: number | null,
  idle: number,
): number {
  if (!order[state.position]?.spot) return rules.noCapacitySeconds;
  const spots = order.filter((pool) => pool.spot).length;
  const inTurn = Math.min(rules.noCapacitySeconds, Math.max(WAITS.capacityWaitInTurnSeconds, Math.round(rules.noCapacitySeconds / spots)));
  if (spare === null) return spreads ? inTurn : rules.noCapacitySeconds;
  const patience = spots === 1 ? Math.max(rules.noCapacitySeconds, idle) : spreads ? inTurn : rules.noCapacitySeconds;
  return Math.round(Math.max(WAITS.capacityWaitShortestSeconds, Math.min(patience, spare)));
}

/**
 * Looking costs next to nothing while the trial goes on: with a deadline it is done at once. Without one the trial left because machines went
 * too often, and stays away for the time of the rules; so it does where the first pool may be full of other attempts.
 */
function lookAfterSeconds(
  rules: Placement,
  order: readonly Pool[],
  state: PlacementState,
  spare: number | null,
  awaySeconds: number,
): number | null {
  const [first, here] = [order[0], order[state.position]];
  if (rules.retrySpotSeconds === 0 || !first?.spot || here?.spot || (spare !== null && spare <= 0)) return null;
  return spare === null || first.maxAttempts !== undefined ? Math.max(1, rules.retrySpotSeconds - awaySeconds) : 0;
}

/**
 * Pause before the next attempt: none after a preemption; grows while no pool has capacity or the trial crashes. Spot pools that are asked in
 * turn were waited for in their turns.
 */
export function backoffSecondsV1(verdict: AttemptVerdict, repeats: number, emptyPools: number, poolCount: number, inTurn = false): number {
  if (verdict === 'crashed' || verdict === 'deleted') return Math.min(300, 5 * 2 ** Math.max(0, repeats - 1));
  if (verdict === 'no-capacity' && !inTurn)
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
  lookAfter: number | null,
): PlacementChoice {
  const [first, pool] = [order[0], order[state.position]];
  if (!first || !pool) throw new RangeError('a profile needs at least one pool, and placement.order must name pools of the profile');
  const looks = lookAfter === null ? [] : [{ pool: first, afterSeconds: lookAfter }];
  return { pool, state, reason, noCapacitySeconds, looks, waitSeconds: null };
}
