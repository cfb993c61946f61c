/**
 * Where the next attempt runs. Pure: the same answers in a replay. Rules are plain data (`Placement` of the profile).
 *
 * With a deadline it is the policy of Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines" (NSDI '24, §5.2: wait while
 * there is time, on-demand before it is gone, back to spot whenever there is a machine), made for pools that have to be asked: all spot pools are
 * looked at at once, beside an attempt on demand or beside nothing, and what attempts met there decides which one is asked first. Among equal
 * ones the order of the profile counts. docs/spot.md has what each part saves.
 */
import type { AttemptVerdict } from '../contract/jobs.ts';
import type { Placement, Pool, Profile } from '../contract/profile.ts';
import type { PlacementState, PoolRates } from '../contract/trial-run.ts';
import { WAITS } from './durations.ts';
import { emptyShare, preemptionsPerHour } from './pool-rates.ts';
import { idleSeconds, spareSeconds } from './deadline-slack.ts';
import type { Progress } from './deadline-slack.ts';

export interface PlacementInput extends Progress {
  readonly rules: Placement;
  readonly pools: readonly Pool[];
  readonly state: PlacementState;
  /** What attempts of all runs met; null: nothing is known. */
  readonly rates: PoolRates | null;
}

/** A machine of that pool is looked for from then on, beside what runs. */
export interface Look {
  readonly pool: Pool;
  readonly afterSeconds: number;
}

export interface PlacementChoice {
  readonly pool: Pool;
  readonly state: PlacementState;
  /** In words, for status and ledger. */
  readonly reason: string;
  /** Pending for longer than this counts as no capacity. */
  readonly noCapacitySeconds: number;
  /** The trial moves to the pool that has a machine first. */
  readonly looks: readonly Look[];
  /** No attempt: for so many seconds at most machines of `looks` are waited for, with nothing running. */
  readonly waitSeconds: number | null;
}

export const initialPlacement: PlacementState = { position: 0, preemptionsInRow: 0, leftFirstAt: null, emptyPools: 0 };

/** Of the time that may be lost, kept at first; chosen on one half of the traces, as docs/spot.md says. */
const KEPT_SHARE = 0.75;
/** Of the on-demand price, where a profile has no prices: Wu et al., table 1. */
const USUAL_SPOT_SHARE = 1 / 3;
const USUAL_MOVED_GB = 1;

/** Pools in the order of preference. */
export function poolOrder(rules: Placement, pools: readonly Pool[]): readonly Pool[] {
  if (rules.order.length === 0) return pools;
  return rules.order.flatMap((name) => pools.filter((pool) => pool.name === name));
}

/** The profile with these pools alone, in this order: as the trials of a search see it that names its pools. */
export const inPools = (profile: Profile, pools: readonly string[] | undefined): Profile =>
  pools === undefined ? profile : { ...profile, placement: { ...profile.placement, order: [...pools] } };

/** Whether anything is to be learned of a profile's pools: between which spot pools there is a choice. */
export const learnsRates = (rules: Placement, pools: readonly Pool[]): boolean =>
  poolOrder(rules, pools).filter(({ spot }) => spot).length > 1;

/** The pool of the next attempt, or what is waited for before there is one. */
export function choosePool(input: PlacementInput): PlacementChoice {
  const scene = sceneOf(input);
  const { order, spare, now, state } = scene;
  if (!wantsSpot(scene)) {
    const pool = scene.stays.find(({ name }) => !scene.empty.has(name)) ?? scene.stays[0] ?? firstOf(order);
    const isForced = spare !== null && spare <= 0 && scene.spots.length > 0;
    const leftFirstAt = scene.spots.length === 0 ? null : (scene.awaySince ?? now);
    return {
      pool,
      state: { ...moved(scene, pool), leftFirstAt, preemptionsInRow: 0 },
      reason: isForced ? 'the deadline needs a machine that stays' : reasonOf(scene, pool),
      noCapacitySeconds: input.rules.noCapacitySeconds,
      looks: looksFrom(scene, pool, (now - (leftFirstAt ?? now)) / 1000),
      waitSeconds: null,
    };
  }
  const pool = spotFor(scene);
  const waitSeconds = waitSecondsOf(scene);
  const preemptionsInRow = scene.awaySince === null ? state.preemptionsInRow : 0;
  return {
    pool,
    state: { ...moved(scene, pool), leftFirstAt: null, preemptionsInRow },
    reason: waitSeconds === null ? reasonOf(scene, pool) : 'no spot pool has a machine, and there is time to wait for one',
    noCapacitySeconds: capacityWaitSeconds(scene),
    looks: waitSeconds === null ? looksFrom(scene, pool, 0) : scene.watched.map((each) => ({ pool: each, afterSeconds: 0 })),
    waitSeconds,
  };
}

/** State after the attempt of that choice ended. */
export function afterAttempt(choice: PlacementChoice, verdict: AttemptVerdict): PlacementState {
  const { state, pool } = choice;
  if (verdict === 'no-capacity') return withEmpty(state, [pool]);
  const isPreempted = verdict === 'preempted' || verdict === 'silent';
  return {
    ...state,
    emptyPools: 0,
    empty: [],
    lost: isPreempted && pool.spot ? pool.name : null,
    preemptionsInRow: state.preemptionsInRow + (isPreempted && pool.spot ? 1 : 0),
  };
}

/** State after a look found a machine there: it is asked next. */
export const afterFound = (state: PlacementState, pool: Pool): PlacementState => ({
  ...state,
  emptyPools: 0,
  empty: [],
  lost: null,
  found: pool.name,
});

/** State after what was waited for did not come. */
export const afterWaiting = ({ state, looks }: PlacementChoice): PlacementState =>
  withEmpty(
    state,
    looks.map(({ pool }) => pool),
  );

function withEmpty(state: PlacementState, pools: readonly Pool[]): PlacementState {
  const empty = new Set([...(state.empty ?? []), ...pools.map(({ name }) => name)]);
  return { ...state, empty: [...empty], emptyPools: state.emptyPools + pools.length, lost: null };
}

/** Pause before the next attempt: none after a preemption; grows while no pool at all has capacity, or the trial crashes. */
export function backoffSeconds(
  verdict: AttemptVerdict,
  repeats: number,
  { emptyPools, empty = [] }: PlacementState,
  poolCount: number,
): number {
  if (verdict === 'crashed' || verdict === 'deleted')
    return Math.min(WAITS.crashPauseLongestSeconds, WAITS.crashPauseFirstSeconds * 2 ** Math.max(0, repeats - 1));
  if (verdict !== 'no-capacity' || empty.length < poolCount) return 0;
  const rounds = Math.floor(emptyPools / poolCount);
  return Math.min(WAITS.emptyPauseLongestSeconds, WAITS.emptyPauseFirstSeconds * 2 ** Math.min(5, rounds - 1));
}

interface Scene extends PlacementInput {
  readonly order: readonly Pool[];
  readonly spots: readonly Pool[];
  /** Machines that stay. */
  readonly stays: readonly Pool[];
  /** Spot pools that can be looked at beside something else: not those that may be full of other attempts. */
  readonly watched: readonly Pool[];
  /** Pools that had no machine since an attempt had one; none once all had none. */
  readonly empty: ReadonlySet<string>;
  readonly found: Pool | undefined;
  readonly spare: number | null;
  readonly idle: number;
  /** ms since 1970; null: on spot, or back for another try. */
  readonly awaySince: number | null;
}

function sceneOf(input: PlacementInput): Scene {
  const { rules, state, now } = input;
  const order = poolOrder(rules, input.pools);
  const spots = order.filter(({ spot }) => spot);
  const empty = new Set(state.empty);
  const spare = spareSeconds(input);
  const isBack = state.leftFirstAt !== null && rules.retrySpotSeconds > 0 && now - state.leftFirstAt >= rules.retrySpotSeconds * 1000;
  return {
    ...input,
    order,
    spots,
    stays: order.filter(({ spot }) => !spot),
    watched: spots.filter(({ maxAttempts }) => maxAttempts === undefined),
    empty: order.every(({ name }) => empty.has(name)) ? new Set() : empty,
    found: spots.find(({ name }) => name === state.found),
    spare,
    idle: idleSeconds(input, rules, spare, KEPT_SHARE),
    awaySince: isBack ? null : state.leftFirstAt,
  };
}

const allEmpty = ({ empty }: Scene, pools: readonly Pool[]): boolean => pools.every(({ name }) => empty.has(name));

function wantsSpot(scene: Scene): boolean {
  const { spots, stays, spare, state, rules } = scene;
  if (spots.length === 0) return false;
  if (stays.length === 0 || allEmpty(scene, stays)) return true;
  if (!scene.order[0]?.spot || (spare !== null && spare <= 0)) return false;
  if (scene.found) return true;
  if (spare !== null) return !allEmpty(scene, spots) || scene.idle > 0;
  const isPreemptedEverywhere = state.preemptionsInRow >= rules.preemptionsBeforeNext * spots.length;
  return scene.awaySince === null && !isPreemptedEverywhere && !allEmpty(scene, spots);
}

/** The one that just preempted, or had no machine, is not asked next. */
function spotFor(scene: Scene): Pool {
  if (scene.found) return scene.found;
  const rank = (pool: Pool): number => (scene.empty.has(pool.name) ? 2 : pool.name === scene.state.lost ? 1 : 0);
  return scene.spots.reduce((best, pool) => {
    const difference = rank(pool) - rank(best) || hourlyCost(scene, pool) - hourlyCost(scene, best);
    return difference < 0 ? pool : best;
  }, firstOf(scene.spots));
}

/** What an hour of training costs in that pool in the long run; the same without a price where the order was given, and weighed them. */
function hourlyCost(scene: Scene, pool: Pool): number {
  const { rates, now, rules } = scene;
  const preemptions = preemptionsPerHour(rates, pool.name, now);
  const price = rules.order.length > 0 ? USUAL_SPOT_SHARE : priceOf(scene, pool);
  return (
    price * (1 + startHours() * preemptions) * (1 + emptyShare(rates, pool.name, now)) +
    moveCost(scene, scene.order[scene.state.position], pool) * preemptions
  );
}

/** Of reading checkpoint and data over the border of a cluster, in the currency of the prices. */
function moveCost({ rules }: Scene, from: Pool | undefined, to: Pool): number {
  return from === undefined || from.cluster === to.cluster ? 0 : (to.egressPerGb ?? 0) * (rules.movedGb ?? USUAL_MOVED_GB);
}

/** Where prices are missing, or say that spot is not cheaper, the order of the profile says more than they do. */
function priceOf({ order, spots, stays }: Scene, pool: Pool): number {
  const isPriced = order.every(({ pricePerHour }) => pricePerHour > 0);
  const isCheaper = spots.every((spot) => stays.every((stay) => spot.pricePerHour < stay.pricePerHour));
  return isPriced && isCheaper ? pool.pricePerHour : pool.spot ? USUAL_SPOT_SHARE : 1;
}

/**
 * Looking costs next to nothing while the trial goes on: with a deadline it is done at once. Without one the trial left because machines went
 * too often, and stays away for the time of the rules; so it does where a pool may be full of other attempts.
 */
function looksFrom(scene: Scene, here: Pool, awaySeconds: number): Look[] {
  const { rules, spare, order, spots } = scene;
  if (rules.retrySpotSeconds === 0 || !order[0]?.spot || here.spot || (spare !== null && spare <= 0)) return [];
  return spots
    .filter((pool) => isWorthMoving(scene, here, pool))
    .map((pool) => ({
      pool,
      afterSeconds: spare === null || pool.maxAttempts !== undefined ? Math.max(1, rules.retrySpotSeconds - awaySeconds) : 0,
    }));
}

/** What a machine there is likely to save until it goes, or the work is done, is more than its start. */
function isWorthMoving(scene: Scene, here: Pool, there: Pool): boolean {
  const hours = Math.min(1 / preemptionsPerHour(scene.rates, there.name, scene.now), (scene.remainingSeconds ?? Infinity) / 3600);
  const saved = (priceOf(scene, here) - priceOf(scene, there)) * hours;
  return saved > startHours() * priceOf(scene, there) + moveCost(scene, here, there);
}

/** Null: an attempt asks first. Where there is but one pool to look at, its attempt waits itself. */
function waitSecondsOf(scene: Scene): number | null {
  const { watched, spots, stays, found, spare, idle, rules } = scene;
  if (watched.length < 2 || found !== undefined) return null;
  const wasAsked = spots.some(({ name }) => scene.empty.has(name));
  if (spare === null || !wasAsked) return null;
  if (stays.length === 0) return WAITS.capacityRenewedSeconds;
  const shortest = Math.min(rules.noCapacitySeconds, WAITS.capacityWaitInTurnSeconds);
  return Math.round(Math.max(WAITS.capacityWaitShortestSeconds, Math.min(Math.max(shortest, idle), spare)));
}

/** A single pool of spot is waited for as long as it may take; of several, each in its turn, and no longer than a node takes to come. */
function capacityWaitSeconds({ rules, spots, watched, spare, idle }: Scene): number {
  const turn = Math.round(rules.noCapacitySeconds / spots.length);
  const inTurn = Math.min(
    rules.noCapacitySeconds,
    Math.max(WAITS.capacityWaitInTurnSeconds, spare !== null && watched.length > 1 ? 0 : turn),
  );
  const patience = spots.length === 1 ? Math.max(rules.noCapacitySeconds, idle) : inTurn;
  return Math.round(spare === null ? patience : Math.max(WAITS.capacityWaitShortestSeconds, Math.min(patience, spare)));
}

const startHours = (): number => WAITS.machineStartSeconds / 3600;

function moved({ order, state, empty }: Scene, pool: Pool): PlacementState {
  return { ...state, position: order.indexOf(pool), empty: [...empty], found: null };
}

function reasonOf({ found, spots, stays, empty, state, spare }: Scene, pool: Pool): string {
  if (pool === found) return 'it has a machine';
  if (empty.size > 0) return 'no capacity before';
  if (!pool.spot && spots.length > 0 && spare === null && stays[0] === pool) return 'preempted too often before';
  return state.lost ? 'not the one that just preempted' : 'first choice';
}

function firstOf(pools: readonly Pool[]): Pool {
  const [first] = pools;
  if (!first) throw new RangeError('a profile needs at least one pool, and placement.order must name pools of the profile');
  return first;
}
