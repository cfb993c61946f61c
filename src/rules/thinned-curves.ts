/**
 * Learning curves cut to a bounded number of points, and drawn again between them: what a search carries over continue-as-new must not
 * grow with time. Kept are the steps at which rules decide, the best and the worst point, the newest ones (rules of patience look back)
 * and a geometric grid; a point that was left out lies on the line between its neighbours. Pure.
 */

/** Values by validation point; null: not a number. */
export type Curve = readonly (number | null)[];

interface ThinnedCurve {
  /** Points that there were. */
  readonly n: number;
  /** Distance of each kept point to the one before; the first to -1. */
  readonly steps: readonly number[];
  readonly values: Curve;
}

const GRID_RATIO = 1.15;
/** Of the points that may be kept, so many are the newest ones. */
const NEWEST_SHARE = 0.5;
const MIN_POINTS = 1;
/** Exact for the 32-bit floats that trainers mostly report. */
const SIGNIFICANT_DIGITS = 9;

/** @param most points to keep, @param decisive steps (from 1) at which rules compare trials: kept while there is room */
export function thinned(curve: Curve, most: number, decisive: readonly number[] = [], digits = SIGNIFICANT_DIGITS): Curve | ThinnedCurve {
  const room = Math.max(MIN_POINTS, Math.floor(most));
  if (curve.length <= room) return curve;
  const kept = keptPoints(curve, room, decisive);
  return {
    n: curve.length,
    steps: kept.map((at, i) => at - (kept[i - 1] ?? -1)),
    values: kept.map((at) => rounded(curve[at] ?? null, digits)),
  };
}

/** The whole curve again: exact where points were kept, a straight line between them. */
export function redrawn(curve: Curve | ThinnedCurve): (number | null)[] {
  if (!('steps' in curve)) return [...curve];
  const drawn: (number | null)[] = [];
  let before: number | null = null;
  for (const [i, step] of curve.steps.entries()) {
    const value = curve.values[i] ?? null;
    for (let k = 1; k < step; k++) drawn.push(between(before ?? value, value ?? before, k / step));
    drawn.push(value);
    before = value;
  }
  return drawn;
}

/** A point that lay on a line has more digits than it is worth. */
const rounded = (value: number | null, digits: number): number | null => (value === null ? null : Number(value.toPrecision(digits)));

const between = (a: number | null, b: number | null, share: number): number | null => (a === null || b === null ? a : a + (b - a) * share);

/** Positions (from 0) in order. The important ones first, so that little room keeps those. */
function keptPoints(curve: Curve, room: number, decisive: readonly number[]): number[] {
  const kept = new Set<number>([curve.length - 1]);
  const add = (at: number): void => {
    if (kept.size < room && at >= 0 && at < curve.length) kept.add(at);
  };
  for (const at of extremes(curve)) add(at);
  for (const step of decisive) add(step - 1);
  const newest = Math.min(curve.length, Math.floor((room - kept.size) * NEWEST_SHARE));
  for (let i = 1; i <= newest; i++) add(curve.length - i);
  for (const step of grid(curve.length, room - kept.size)) add(step - 1);
  return [...kept].sort((a, b) => a - b);
}

function extremes(curve: Curve): number[] {
  let [least, most] = [-1, -1];
  for (let i = 0; i < curve.length; i++) {
    const value = curve[i] ?? null;
    if (value === null) continue;
    if (least < 0 || value < (curve[least] ?? value)) least = i;
    if (most < 0 || value > (curve[most] ?? value)) most = i;
  }
  return [least, most].filter((at) => at >= 0);
}

/** Each coarser grid is a part of the finer one, so that what is thinned again and again keeps the same points. */
function grid(length: number, room: number): number[] {
  const fine: number[] = [];
  for (let x = 1; x <= length; x *= GRID_RATIO) if (Math.round(x) !== fine.at(-1)) fine.push(Math.round(x));
  let stride = 1;
  while (fine.length / stride > Math.max(1, room)) stride *= 2;
  return fine.filter((_, i) => i % stride === 0);
}
