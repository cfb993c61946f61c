/** A trial's life on a trace, decided by the workflow's own rules (`src/rules/placement.ts`), in the order in which `workflows/trial/trial.ts` asks them. */
import type { AttemptVerdict } from '../../src/contract/jobs.ts';
import type { Placement, Pool } from '../../src/contract/profile.ts';
import {
  afterAttempt,
  backoffSeconds,
  choosePool,
  initialPlacement,
  poolOrder,
  remainingSeconds,
  spotPositions,
} from '../../src/rules/placement.ts';
import type { PlacementChoice } from '../../src/rules/placement.ts';
import type { Random } from '../../test/support/random.ts';

/** From asking for a machine to training on it: 0.2 hours, as in Wu et al. §6.1. */
export const START_SECONDS = 720;
/** From a machine's being there to the news of it at the trial, which goes on elsewhere; the machine is paid, and its start is paid again. */
const LOOK_SECONDS = 240;
/** What a checkpoint of 100 MB takes from training: `npm run bench -- checkpoint`. */
const SAVE_SECONDS = 0.5;
/** Of all preemptions so many give no time for a checkpoint: the machine is just gone. */
const SUDDEN_SHARE = 0.1;
/** Bounds of the default checkpoint policy. */
const SAVE_INTERVAL = { min: 60, max: 1800 };
/** python/longhaul_trainer/resume/interval.py, before the first preemption. */
const UNSEEN_MEAN_SECONDS = 4 * 3600;

export interface Life {
  readonly cost: number;
  /** Seconds from the start of the sweep. */
  readonly endedAt: number;
  readonly trainedSeconds: number;
  /** Trained, and trained again. */
  readonly lostSeconds: number;
  readonly attempts: number;
}

interface Trial {
  readonly workSeconds: number;
  readonly rules: Placement;
  readonly pools: readonly Pool[];
  /** Of the sweep; null for a policy that knows of none. */
  readonly deadlineSeconds: number | null;
  /** Of each spot pool, by its name: one flag a tick. */
  readonly traces: ReadonlyMap<string, Uint8Array>;
  readonly tickSeconds: number;
  readonly draw: Random;
}

interface Attempt {
  readonly verdict: AttemptVerdict;
  readonly endedAt: number;
  readonly paidSeconds: number;
  /** Of the first pool, to find that there is a machine. */
  readonly lookedSeconds: number;
  /** On the clock, checkpoints included. */
  readonly trainingSeconds: number;
  /** Work done. */
  readonly trained: number;
  readonly lost: number;
}

const NOTHING = { paidSeconds: 0, lookedSeconds: 0, trainingSeconds: 0, trained: 0, lost: 0 };

/** Costs are in the currency of the pools' prices per hour. */
export function live(trial: Trial): Life {
  let [now, done, seconds, training, cost, lost, trained, attempts, preemptions, repeats] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  let state = initialPlacement;
  const endOfTrace = Math.max(...[...trial.traces.values()].map(({ length }) => length)) * trial.tickSeconds;
  while (done < trial.workSeconds && now < endOfTrace) {
    const remaining = remainingSeconds(done === 0 ? null : done / trial.workSeconds, training);
    const deadlineAt = trial.deadlineSeconds === null ? null : trial.deadlineSeconds * 1000;
    const choice = choosePool({
      ...trial,
      state,
      now: now * 1000,
      deadlineAt,
      remainingSeconds: remaining,
      trainedSeconds: training,
      spreads: true,
    });
    const mean = preemptions > 0 ? seconds / preemptions : UNSEEN_MEAN_SECONDS;
    const attempt = attemptOn(trial, choice, { now, left: trial.workSeconds - done, saveEvery: saveInterval(mean) });
    attempts += 1;
    now = attempt.endedAt;
    done += attempt.trained - attempt.lost;
    trained += attempt.trained;
    lost += attempt.lost;
    training += attempt.trainingSeconds;
    seconds += attempt.paidSeconds;
    cost += (attempt.paidSeconds / 3600) * choice.pool.pricePerHour;
    cost += (attempt.lookedSeconds / 3600) * (trial.pools[0]?.pricePerHour ?? 0);
    if (attempt.verdict === 'preempted') preemptions += 1;
    repeats = attempt.trained > 0 ? 0 : repeats + 1;
    const spots = spotPositions(trial.rules, trial.pools);
    state = afterAttempt(trial.rules, trial.pools.length, choice.state, attempt.verdict, now * 1000, spots);
    now += backoffSeconds(attempt.verdict, repeats, state.emptyPools, trial.pools.length, spots.length > 0);
  }
  return { cost, endedAt: done < trial.workSeconds ? Infinity : now, trainedSeconds: trained, lostSeconds: lost, attempts };
}

/** Young's and Daly's optimum within the bounds, as the trainer has it. */
const saveInterval = (mean: number): number => Math.min(Math.max(Math.sqrt(2 * SAVE_SECONDS * mean), SAVE_INTERVAL.min), SAVE_INTERVAL.max);

interface Moment {
  readonly now: number;
  readonly left: number;
  readonly saveEvery: number;
}

function attemptOn(trial: Trial, choice: PlacementChoice, { now, left, saveEvery }: Moment): Attempt {
  const { spot } = choice.pool;
  const trace = trial.traces.get(choice.pool.name) ?? NONE;
  const begun = spot ? nextUp(trace, now, trial.tickSeconds) : now;
  if (begun - now > choice.noCapacitySeconds) return { ...NOTHING, verdict: 'no-capacity', endedAt: now + choice.noCapacitySeconds };
  const gone = spot ? nextDown(trace, begun, trial.tickSeconds) : Infinity;
  const found = choice.lookAfterSeconds === null ? Infinity : foundAt(trial, now + choice.lookAfterSeconds) + LOOK_SECONDS;
  const slowdown = 1 + SAVE_SECONDS / saveEvery;
  const trainingFrom = begun + START_SECONDS;
  const finished = trainingFrom + left * slowdown;
  const endedAt = Math.min(finished, gone, found);
  const verdict = endedAt === finished ? 'succeeded' : endedAt === gone ? 'preempted' : 'stopped';
  const trainingSeconds = Math.max(0, endedAt - trainingFrom);
  const trained = verdict === 'succeeded' ? left : trainingSeconds / slowdown;
  const isSudden = verdict === 'preempted' && trial.draw.next() < SUDDEN_SHARE;
  return {
    verdict,
    endedAt,
    paidSeconds: endedAt - begun,
    lookedSeconds: verdict === 'stopped' ? LOOK_SECONDS : 0,
    trainingSeconds,
    trained,
    lost: isSudden ? trained % saveEvery : 0,
  };
}

const NONE = new Uint8Array();

/** When the first pool has a machine. */
function foundAt({ rules, pools, traces, tickSeconds }: Trial, from: number): number {
  const [first] = poolOrder(rules, pools);
  return first === undefined ? Infinity : nextUp(traces.get(first.name) ?? NONE, from, tickSeconds);
}

function nextUp(trace: Uint8Array, seconds: number, tickSeconds: number): number {
  const tick = Math.floor(seconds / tickSeconds);
  if (trace[tick] === 1) return seconds;
  const found = trace.indexOf(1, tick);
  return found < 0 ? Infinity : found * tickSeconds;
}

/** After the end of the trace nothing is taken away: that is past every deadline. */
function nextDown(trace: Uint8Array, seconds: number, tickSeconds: number): number {
  const found = trace.indexOf(0, Math.floor(seconds / tickSeconds));
  return found < 0 ? Infinity : found * tickSeconds;
}
