/** A trial's life on a trace, decided by the workflow's own rules (`src/rules/placement.ts`), in the order in which `workflows/trial/trial.ts` asks them. */
import type { AttemptVerdict } from '../../src/contract/jobs.ts';
import type { Placement, Pool } from '../../src/contract/profile.ts';
import {
  afterAttempt,
  afterFound,
  afterWaiting,
  backoffSeconds,
  choosePool,
  initialPlacement,
  poolOrder,
} from '../../src/rules/placement.ts';
import type { Look, PlacementChoice } from '../../src/rules/placement.ts';
import { poolRates } from '../../src/rules/pool-rates.ts';
import type { PoolEvent } from '../../src/rules/pool-rates.ts';
import { WAITS } from '../../src/rules/durations.ts';
import { remainingSeconds } from '../../src/rules/deadline-slack.ts';
import type { Random } from '../../test/support/random.ts';

export const START_SECONDS = WAITS.machineStartSeconds;
/**
 * From a machine's being there, with its node and all, to the next attempt's Job: the look's Job goes, what runs saves and ends. The machine is
 * paid, and a whole start after that, which has the coming of a machine in it once more.
 */
const LOOK_SECONDS = 60;
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
  /** How attempts of earlier runs ended, as the ledger has it; those of this trial are added. Times in ms from its start. */
  readonly ledger: PoolEvent[];
}

interface Attempt {
  readonly verdict: AttemptVerdict;
  readonly endedAt: number;
  readonly paidSeconds: number;
  /** What it cost to find that there is a machine elsewhere. */
  readonly lookedCost: number;
  readonly found: Pool | null;
  /** On the clock, checkpoints included. */
  readonly trainingSeconds: number;
  /** Work done. */
  readonly trained: number;
  readonly lost: number;
}

const NOTHING = { paidSeconds: 0, lookedCost: 0, found: null, trainingSeconds: 0, trained: 0, lost: 0 };

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
      rates: poolRates(trial.ledger, now * 1000),
    });
    if (choice.waitSeconds !== null) {
      const there = firstFound(trial, now, choice.looks);
      const isFound = there !== null && there.at - now <= choice.waitSeconds;
      now = isFound ? there.at + LOOK_SECONDS : now + choice.waitSeconds;
      cost += isFound ? there.cost : 0;
      state = isFound ? afterFound(choice.state, there.pool) : afterWaiting(choice);
      continue;
    }
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
    cost += attempt.lookedCost;
    if (attempt.verdict === 'preempted') preemptions += 1;
    repeats = attempt.trained > 0 ? 0 : repeats + 1;
    trial.ledger.push(eventOf(choice.pool, attempt));
    state = afterAttempt(choice, attempt.verdict);
    if (attempt.found !== null) state = afterFound(state, attempt.found);
    now += backoffSeconds(attempt.verdict, repeats, state, poolOrder(trial.rules, trial.pools).length);
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
  const there = firstFound(trial, now, choice.looks);
  const found = there === null ? Infinity : there.at + LOOK_SECONDS;
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
    lookedCost: verdict === 'stopped' ? (there?.cost ?? 0) : 0,
    found: verdict === 'stopped' ? (there?.pool ?? null) : null,
    trainingSeconds,
    trained,
    lost: isSudden ? trained % saveEvery : 0,
  };
}

const NONE = new Uint8Array();

const eventOf = ({ name }: Pool, { verdict, endedAt, paidSeconds }: Attempt): PoolEvent => ({
  pool: name,
  kind: verdict === 'no-capacity' ? 'empty' : verdict === 'preempted' ? 'preempted' : 'other',
  at: endedAt * 1000,
  hours: paidSeconds / 3600,
});

/** Which of the pools has a machine first. Those that have one too before it is heard of are paid until then, in vain. */
function firstFound(trial: Trial, now: number, looks: readonly Look[]): { pool: Pool; at: number; cost: number } | null {
  const seen = looks.map(({ pool, afterSeconds }) => ({
    pool,
    at: nextUp(trial.traces.get(pool.name) ?? NONE, now + afterSeconds, trial.tickSeconds),
  }));
  const [first, ...others] = seen.sort((a, b) => a.at - b.at);
  if (first === undefined || first.at === Infinity) return null;
  const heardAt = first.at + LOOK_SECONDS;
  const cost = [first, ...others].reduce((sum, { pool, at }) => sum + (Math.max(0, heardAt - at) / 3600) * pool.pricePerHour, 0);
  return { ...first, cost };
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
