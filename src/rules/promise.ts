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

export interface Standing {
  /** Until the promised end; null: none was promised. */
  readonly secondsLeft: number | null;
  /** Until the promised cost; null: none was promised. */
  readonly costLeft: number | null;
  /** Trials that were begun and are not over, with what they have used. */
  readonly begun: readonly Used[];
  readonly places: number;
  /** Trials that are planned and not begun. */
  readonly planned: number;
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
export function trialsThatFit({ secondsLeft, costLeft, begun, places, planned }: Standing, known: readonly Used[]): number {
  if (known.length === 0) return planned;
  const next = random(1);
  const end = secondsLeft ?? Number.POSITIVE_INFINITY;
  const most = costLeft ?? Number.POSITIVE_INFINITY;
  const rooms = Array.from({ length: DRAWS }, () => {
    const rests = begun.map((used) => restOf(used, known, next));
    const free = [...rests.map(({ seconds }) => seconds), ...new Array<number>(Math.max(0, places - begun.length)).fill(0)];
    let cost = rests.reduce((sum, rest) => sum + rest.cost, 0);
    let count = 0;
    for (; count < planned; count++) {
      const trial = known[Math.floor(known.length * next())] ?? { seconds: 0, cost: 0 };
      const place = free.indexOf(Math.min(...free));
      free[place] = (free[place] ?? 0) + trial.seconds;
      cost += trial.cost;
      if ((free[place] ?? 0) > end || cost > most) break;
    }
    return count;
  }).sort((a, b) => a - b);
  return rooms[Math.floor(DRAWS * (1 - SURE))] ?? 0;
}

/** Of a trial that has used so much already: as one of those that used more. */
function restOf(used: Used, known: readonly Used[], next: () => number): Used {
  const longer = known.filter(({ seconds }) => seconds > used.seconds);
  const whole = longer[Math.floor(longer.length * next())];
  if (!whole) return { seconds: 0, cost: 0 };
  const share = 1 - used.seconds / whole.seconds;
  return { seconds: whole.seconds - used.seconds, cost: whole.cost * share };
}
