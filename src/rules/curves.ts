/** Learning curves and what is read off them. Pure. `null` is a value that is not a number. */
import type { Objective } from '../contract/search-space.ts';

export type Curve = readonly (number | null)[];
export type Goal = Objective['goal'];

/** Best number of a curve; null when there is none. */
export function bestOf(curve: Curve, goal: Goal): number | null {
  let best: number | null = null;
  for (const value of curve) if (value !== null && (best === null || (goal === 'maximize' ? value > best : value < best))) best = value;
  return best;
}

/** numpy.nanpercentile with linear interpolation, to the last bit. */
export function quantile(values: Curve, percent: number): number | null {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const position = (percent / 100) * (sorted.length - 1);
  const low = Math.floor(position);
  const a = sorted[low] as number;
  const b = sorted[Math.min(low + 1, sorted.length - 1)] as number;
  const t = position - low;
  return t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t;
}

export function show(value: number): string {
  return String(Number(value.toPrecision(5)));
}
