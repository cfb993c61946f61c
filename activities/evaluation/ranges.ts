/**
 * Which values a metric can have, and intervals that stay among them: bounds are computed on a scale without ends (the logarithm of the
 * distance from the only end, the logit between two), where the percentile bootstrap is the same (DiCiccio and Efron, "Bootstrap Confidence
 * Intervals", 1996: percentiles respect transformations), and taken back. Pure.
 */

/** Least and greatest value, which may be infinite. */
export type Range = readonly [least: number, most: number];

export const ANY: Range = [-Infinity, Infinity];
export const SHARE: Range = [0, 1];
export const NOT_NEGATIVE: Range = [0, Infinity];

/** Sums of the same numbers in another order differ by less. */
export const NOISE = 1e-12;

/** Of the first less the second. */
export const differenceRange = ([least, most]: Range): Range => (Number.isFinite(most - least) ? [least - most, most - least] : ANY);

const inside = (value: number, [least, most]: Range): number => Math.min(Math.max(value, least), most);

function toScale(value: number, [least, most]: Range): number {
  if (Number.isFinite(least)) return Math.log(value - least) - (Number.isFinite(most) ? Math.log(most - value) : 0);
  return Number.isFinite(most) ? -Math.log(most - value) : value;
}

function fromScale(at: number, [least, most]: Range): number {
  if (Number.isFinite(least)) return Number.isFinite(most) ? least + (most - least) / (1 + Math.exp(-at)) : least + Math.exp(at);
  return Number.isFinite(most) ? most - Math.exp(-at) : at;
}

/** How fast the scale runs at a value. */
const slope = (value: number, [least, most]: Range): number =>
  Number.isFinite(least) || Number.isFinite(most) ? 1 / (value - least) + 1 / (most - value) : 1;

const atEnd = (value: number, [least, most]: Range): boolean => value <= least || value >= most;

/** But for the last digits of its sums. */
export const isAtEnd = (value: number, [least, most]: Range): boolean => value <= least + NOISE || value >= most - NOISE;

/** What of a bounded metric may be otherwise lies anywhere between its ends. */
export function widened(value: number, unseen: number, [least, most]: Range): readonly [low: number, high: number] {
  return [value - (value - least) * unseen, value + (most - value) * unseen];
}

/** A draw of a metric that its sums tell to first order only, and may so put beyond an end: as far off on the scale without ends. */
export function drawnInside(value: number, draw: number, range: Range): number {
  if (!Number.isFinite(draw) || atEnd(value, range)) return draw;
  return fromScale(toScale(value, range) + (draw - value) * slope(value, range), range);
}

/** A bound of an interval so many times as far from the value; it stays within the range. */
export function expanded(value: number, bound: number, times: number, range: Range): number {
  // Sums that are rounded may pass an end by their last digits.
  const kept = inside(bound, range);
  if (atEnd(value, range)) return inside(value + (kept - value) * times, range);
  const from = toScale(value, range);
  return inside(fromScale(from + (toScale(kept, range) - from) * times, range), range);
}
