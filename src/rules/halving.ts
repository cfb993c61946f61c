/**
 * Successive halving with promotion. Pure. A trial is held at each rung, and the best of a rung go on, from exactly where they were held.
 *
 * ASHA: Li et al. (MLSys 2020), the asynchronous promotion of its Algorithm 2. Hyperband: Li et al. (JMLR 2018), brackets that begin at different
 * rungs. Synchronous halving: Jamieson, Talwalkar (AISTATS 2016). Other than there, trials of a rung are ordered by what is to be expected of them, so
 * that a slow learner that still rises is not lost at an early rung. Optuna's and Ray's ASHA stop instead of holding, as their trials cannot go on.
 */
import type { Objective, HalvingScheduler } from '../contract/search-space.ts';
import type { SearchSpec } from '../contract/steps.ts';
import { better } from './best-trials.ts';
import { bestOf, type Curve } from './curves.ts';
import { bracketBudgets, bracketOf } from './early-stopping.ts';

/** A trial as the scheduler sees it. */
export interface HalvingTrial {
  readonly trial: number;
  readonly bracket: number;
  /** Best value so far when it reached each rung of its bracket; null is no number, and worse than any. */
  readonly values: readonly (number | null)[];
  /** What was to be expected of it there, see `expectedValue`; trials of a rung are ordered by it. */
  readonly expected: readonly (number | null)[];
  /** `going`: it runs or waits for a place; `over`: ended for good. */
  readonly state: 'going' | 'held' | 'over';
  /** What was measured breaks a constraint, so that it cannot be the best: it comes after all that keep to them. */
  readonly breaks?: boolean;
}

export interface Rungs {
  readonly scheduler: HalvingScheduler;
  /** Where training ends, in the scheduler's resource; null = not known before. */
  readonly end: number | null;
}

/** Far beyond any training: a scheduler without a known end needs some bound. */
const MAX_RUNGS = 40;

/** Earlier trials can hardly be told apart, see docs/search.md. */
const FIRST_RUNG_SHARE = 1 / 8;

export function firstRung({ scheduler, end }: Rungs): number {
  const training = scheduler.max ?? end;
  return scheduler.min ?? (training === null ? 1 : Math.max(1, Math.ceil(training * FIRST_RUNG_SHARE)));
}

/** Whether it holds trials at rungs and lets the best go on. A population holds its members itself, at the end of the interval that they are in. */
export const promotes = (scheduler: SearchSpec['scheduler']): boolean =>
  scheduler !== undefined && scheduler.kind !== 'pbt' && scheduler.promote;

/** Resource at each rung of a bracket, below the end of training. */
export function levelsOf(rungs: Rungs, bracket: number): number[] {
  const { scheduler, end } = rungs;
  const levels: number[] = [];
  for (let level = firstRung(rungs) * scheduler.factor ** bracket; levels.length < MAX_RUNGS; level *= scheduler.factor) {
    if ((end !== null && level >= end) || (scheduler.max !== undefined && level >= scheduler.max)) break;
    levels.push(level);
  }
  return levels;
}

/** Bracket of a trial: 0 but for Hyperband, where the number of the trial decides as in Optuna. */
export function bracketOfTrial(rungs: Rungs, study: string, trial: number): number {
  const { scheduler, end } = rungs;
  const [min, max] = [firstRung(rungs), scheduler.max ?? end];
  if (scheduler.kind !== 'hyperband' || max === null || max <= min) return 0;
  return bracketOf(study, trial, bracketBudgets({ minResource: min, maxResource: max, reductionFactor: scheduler.factor }));
}

/** The rung that is reached next by a trial that has reached so many; null: none, it runs to its end. */
export const nextLevel = (rungs: Rungs, bracket: number, reached: number): number | null => levelsOf(rungs, bracket)[reached] ?? null;

/** How much of the way to the next rung a trial is credited with before it went it. Chosen on the tables `chosen` of bench/search/curves.py. */
const CREDIT = 0.5;

/**
 * The best value so far, and what the trial is about to gain: learning curves are near to straight lines over the logarithm of training (Domhan et al.,
 * IJCAI 2015, on extrapolating them), so that one that still rises overtakes one that has levelled off. With a single point it is the value itself.
 *
 * @param curve up to the rung
 */
export function expectedValue(curve: Curve, goal: Objective['goal'], factor: number): number | null {
  const best = bestOf(curve, goal);
  const half = Math.floor(curve.length / 2);
  const before = half === 0 ? null : bestOf(curve.slice(0, half), goal);
  if (best === null || before === null) return best;
  const gain = (best - before) / Math.log(curve.length / half);
  return best + CREDIT * gain * Math.log(factor);
}

export interface Promotion {
  readonly trial: number;
  /** Why, in words. */
  readonly reason: string;
}

export interface Field {
  readonly trials: readonly HalvingTrial[];
  readonly goal: Objective['goal'];
  /** No further trial will be suggested. */
  readonly complete: boolean;
  /** Trials that there will be, of all brackets. Absent: none is waited for before the first is promoted, as in searches of 0.2. */
  readonly planned?: number;
}

/** Of the trials that will reach a rung so many are seen before the first goes on. Chosen on the tables `chosen` of bench/search/curves.py. */
const SEEN_FIRST = 0.5;

/** Until it has seen enough of a rung, the best of it is likely to be only the first; another trial costs an eighth of what promoting a poor one does. */
function seesEnough({ scheduler }: Rungs, { trials, complete, planned }: Field, rung: number, own: readonly HalvingTrial[]): boolean {
  if (complete || planned === undefined) return true;
  const toCome = (planned * own.length) / trials.length / scheduler.factor ** rung;
  return own.filter(({ values }) => values.length > rung).length >= SEEN_FIRST * toCome;
}

/** The held trial that deserves the next free place; null: none yet, a new one does. Higher rungs come first, in a rung the best. */
export function promotion(rungs: Rungs, field: Field): Promotion | null {
  const { scheduler } = rungs;
  const { trials, goal, complete } = field;
  const highest = Math.max(0, ...trials.map(({ values }) => values.length)) - 1;
  for (let rung = highest; rung >= 0; rung--) {
    for (const bracket of new Set(trials.map((trial) => trial.bracket))) {
      const own = trials.filter((trial) => trial.bracket === bracket);
      const at = ranked(own, rung, goal);
      if (scheduler.kind === 'sync-halving' && !(complete && own.every((trial) => trial.state !== 'going' || trial.values.length > rung)))
        continue;
      if (!seesEnough(rungs, field, rung, own)) continue;
      const places = Math.max(scheduler.kind === 'sync-halving' ? 1 : 0, Math.floor(at.length / scheduler.factor));
      const best = at.slice(0, places).findIndex((trial) => trial.state === 'held' && trial.values.length === rung + 1);
      const found = at[best];
      if (found)
        return {
          trial: found.trial,
          reason: `number ${best + 1} of ${at.length} at rung ${rung}${bracket > 0 ? ` of bracket ${bracket}` : ''}`,
        };
    }
  }
  return null;
}

/**
 * Of as many as are compared so large a share goes on at once after losing its machine. Chosen on the tables `chosen` of bench/search/curves.py, with what the
 * held-out ones gave known.
 */
const KEPT_WITHOUT_MACHINE = 1 / 4;

/** A trial where preemptions are rungs. */
export interface Trained {
  readonly trial: number;
  readonly curve: Curve;
  /** Rungs of the scheduler that it has passed. */
  readonly rungs: number;
  /** It is held, or without a machine. */
  readonly waits: boolean;
  /** As of a `HalvingTrial`. */
  readonly breaks?: boolean;
}

/** @returns whether the one with the first value comes before the other, whose value is the second */
function comesBefore(
  one: Pick<Trained, 'breaks'>,
  value: number | null,
  other: Pick<Trained, 'breaks'>,
  than: number | null,
  goal: Objective['goal'],
): boolean {
  if ((one.breaks ?? false) !== (other.breaks ?? false)) return one.breaks !== true;
  return better(value, than, goal);
}

/** What is to be expected of a trial when it had that many points. */
const expectedAt = (trial: Trained, points: number, goal: Objective['goal'], factor: number): number | null =>
  expectedValue(trial.curve.slice(0, points), goal, factor);

/**
 * A trial whose machine went is at a rung of its own: nothing is lost by giving the next machine to another one. It goes on before others where a rung of
 * the scheduler let it through, where it is among the best of those that were trained as far and of those that wait and are better already, or
 * where nobody can say yet.
 *
 * @param trials all of the search, with their points so far
 */
export function deservesMachine(own: Trained, trials: readonly Trained[], goal: Objective['goal'], factor: number): boolean {
  const points = own.curve.length;
  if (points === 0 || own.rungs > 0) return true;
  const expected = expectedAt(own, points, goal, factor);
  const others = trials.filter(({ trial, curve }) => trial !== own.trial && curve.length > 0);
  const asFar = others.filter(({ curve }) => curve.length >= points);
  const ahead = asFar.filter((other) => {
    const theirs = expectedAt(other, points, goal, factor);
    const isAhead = comesBefore(other, theirs, own, expected, goal);
    return isAhead || (!comesBefore(own, expected, other, theirs, goal) && other.trial < own.trial);
  });
  const isSooner = (other: Trained): boolean => comesBefore(other, expectedAt(other, points, goal, factor), own, expected, goal);
  const sooner = others.filter((other) => other.waits && other.curve.length < points && isSooner(other));
  const compared = asFar.length + sooner.length + 1;
  return ahead.length + sooner.length < Math.max(1, Math.floor(compared * KEPT_WITHOUT_MACHINE));
}

/** Of trials that lost their machines the one that is to have the next: the farthest of those that deserve it; null: another trial deserves it more. */
export function nextWithoutMachine(
  waiting: readonly Trained[],
  trials: readonly Trained[],
  goal: Objective['goal'],
  factor: number,
): Trained | null {
  const farthestFirst = [...waiting].sort((a, b) => b.curve.length - a.curve.length || a.trial - b.trial);
  return farthestFirst.find((one) => deservesMachine(one, trials, goal, factor)) ?? null;
}

/** Where nobody else is to have a machine: the one of which most is to be expected. */
export function bestWithoutMachine(waiting: readonly Trained[], goal: Objective['goal'], factor: number): Trained | null {
  const worth = (one: Trained): number | null => expectedAt(one, one.curve.length, goal, factor);
  return waiting.reduce<Trained | null>(
    (best, one) => (best === null || comesBefore(one, worth(one), best, worth(best), goal) ? one : best),
    null,
  );
}

/**
 * Where nothing runs and nothing is to come: the best held trial goes on to its end, unless one that is as good has got there, so that a search never
 * ends with none that was trained to the end.
 *
 * @param finished values of those that were, and may be the best
 */
export function lastPromotion({ trials, goal }: Field, finished: readonly (number | null)[]): Promotion | null {
  const held = trials.filter((trial) => trial.state === 'held');
  const best = held.reduce<HalvingTrial | null>(
    (found, trial) => (found === null || comesBefore(trial, bestValue(trial, goal), found, bestValue(found, goal), goal) ? trial : found),
    null,
  );
  if (best === null || finished.some((value) => best.breaks === true || !better(bestValue(best, goal), value, goal))) return null;
  return { trial: best.trial, reason: 'the best so far, though not yet trained to its end' };
}

function bestValue({ values }: HalvingTrial, goal: Objective['goal']): number | null {
  return values.reduce<number | null>((best, value) => (better(value, best, goal) ? value : best), null);
}

/** Trials that reached the rung, the best first; of equal ones the earliest. */
function ranked(trials: readonly HalvingTrial[], rung: number, goal: Objective['goal']): HalvingTrial[] {
  return trials
    .filter(({ values }) => values.length > rung)
    .sort((a, b) => {
      const [x, y] = [a.expected[rung] ?? null, b.expected[rung] ?? null];
      return comesBefore(a, x, b, y, goal) ? -1 : comesBefore(b, y, a, x, goal) ? 1 : a.trial - b.trial;
    });
}
