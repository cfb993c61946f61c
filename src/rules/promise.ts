/**
 * Whether a search keeps to an end and a cost that were promised, and how many trials it may still begin. Pure.
 *
 * A bootstrap (Efron 1979) of what is left, from trials of earlier runs and of this one: in each draw trials come one after the other into the place that
 * is free first, until one would end too late or cost too much. So many may begin as nearly all draws have room for.
 */
import { WAITS } from './durations.ts';
import { random } from './random.ts';

/** What a trial used. */
export interface Used {
  readonly seconds: number;
  readonly cost: number;
}

/** A trial that was begun and is not over. */
export interface Begun extends Used {
  /** It has no machine: held at a rung it may have come to its end, else it goes on when a place is free. Absent: it trains. */
  readonly waits?: 'held' | 'queued';
}

export interface Standing {
  /** Until the promised end; null: none was promised. */
  readonly secondsLeft: number | null;
  /** Until the promised cost; null: none was promised. */
  readonly costLeft: number | null;
  /** Trials that were begun and are not over, with what they have used. */
  readonly begun: readonly Begun[];
  readonly places: number;
  /** Trials that are planned and not begun. */
  readonly planned: number;
  /** Whole trainings that come when all trials are over: replicates. `known` is what such ones used. */
  readonly after?: { readonly trainings: number; readonly known: readonly Used[] };
}

/** What earlier runs say counts until so many trials of this one are over. */
const ENOUGH_OF_ITS_OWN = 8;

/** What trials used, as far as it says something of those to come. */
export const knownOf = (own: readonly Used[], earlier: readonly Used[]): readonly Used[] =>
  own.length >= ENOUGH_OF_ITS_OWN ? own : [...own, ...earlier];

/** Of the time that was promised. */
const MARGIN_SHARE = 0.01;

/** So long before a promised end trials have to be stopped. @param seconds from the start to that end */
export const marginSeconds = (seconds: number): number =>
  Math.min(WAITS.promiseMarginLongestSeconds, Math.max(WAITS.promiseMarginShortestSeconds, seconds * MARGIN_SHARE));

const DRAWS = 200;
/** Of the draws that have room. */
const SURE = 0.95;

/**
 * How many trials may begin so that these, and the ones that were begun, are over in time and paid for in nearly all draws.
 *
 * @param known what trials used; with none nothing can be said, and all may begin
 */
export function trialsThatFit({ secondsLeft, costLeft, begun, places, planned, after }: Standing, known: readonly Used[]): number {
  if (known.length === 0) return planned;
  const next = random(1);
  const pick = (from: readonly Used[]): Used => from[Math.floor(from.length * next())] ?? NOTHING;
  const running = begun.filter(({ waits }) => waits === undefined);
  const waiting = begun.filter(({ waits }) => waits !== undefined);
  const { trainings, known: whole } = after ?? { trainings: 0, known };
  const rooms = Array.from({ length: DRAWS }, () => {
    const last = Array.from({ length: trainings }, () => pick(whole.length > 0 ? whole : known));
    const end = (secondsLeft ?? Number.POSITIVE_INFINITY) - elapsedSeconds(last, places);
    const most = (costLeft ?? Number.POSITIVE_INFINITY) - costOf(last);
    const rests = running.map((used) => restOf(used, known, next));
    const free = [...rests.map(({ seconds }) => seconds), ...new Array<number>(Math.max(0, places - rests.length)).fill(0)];
    const goingOn = waiting.map((one) => (one.waits === 'held' ? restOfHeld(one, known, next) : restOf(one, known, next)));
    for (const { seconds } of goingOn) takePlace(free, seconds);
    let cost = costOf(rests) + costOf(goingOn);
    let count = 0;
    for (; count < planned; count++) {
      const trial = pick(known);
      cost += trial.cost;
      if (takePlace(free, trial.seconds) > end || cost > most) break;
    }
    return count;
  }).sort((a, b) => a - b);
  return rooms[Math.floor(DRAWS * (1 - SURE))] ?? 0;
}

const NOTHING: Used = { seconds: 0, cost: 0 };

const costOf = (trials: readonly Used[]): number => trials.reduce((sum, { cost }) => sum + cost, 0);

/** In the place that is free first. @returns when it is over, seconds from now */
function takePlace(free: number[], seconds: number): number {
  const place = free.indexOf(Math.min(...free));
  return (free[place] = (free[place] ?? 0) + seconds);
}

/** Of trials one after the other into the place that is free first: from the start of the first to the end of the last. */
export function elapsedSeconds(trials: readonly Used[], places: number): number {
  const free = new Array<number>(Math.max(1, places)).fill(0);
  return trials.reduce((last, { seconds }) => Math.max(last, takePlace(free, seconds)), 0);
}

/** Of a trial that has used so much already: as one of those that used more. */
function restOf(used: Used, known: readonly Used[], next: () => number): Used {
  const longer = known.filter(({ seconds }) => seconds > used.seconds);
  const whole = longer[Math.floor(longer.length * next())];
  if (!whole) return NOTHING;
  const share = 1 - used.seconds / whole.seconds;
  return { seconds: whole.seconds - used.seconds, cost: whole.cost * share };
}

/** Rungs lie at least a factor of two apart: what used about as much ended at the same one. */
const SAME_RUNG = 1.5;

/** Of a trial that is held at a rung: nothing, or what one that went on used beyond that rung. */
function restOfHeld(used: Used, known: readonly Used[], next: () => number): Used {
  const alike = known.filter(({ seconds }) => seconds >= used.seconds / SAME_RUNG);
  const whole = alike[Math.floor(alike.length * next())];
  if (!whole || whole.seconds <= used.seconds * SAME_RUNG) return NOTHING;
  return { seconds: whole.seconds - used.seconds, cost: whole.cost * (1 - used.seconds / whole.seconds) };
}
