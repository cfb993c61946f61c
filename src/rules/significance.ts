/** What a difference between two models says: corrected for how many differences were looked at. Pure. */
import type { Goal } from '../contract/metrics.ts';
import { normalQuantile, normalShare } from './distributions.ts';

/** Below so many independent units there is no interval: its coverage would be anything. */
export const MIN_UNITS = 30;

/** Power at which the units that would tell are counted. */
const POWER = 0.8;

/** The value of one model less that of the other. */
export interface Difference {
  readonly value: number;
  /** Standard error; null where there are too few units. */
  readonly error: number | null;
  readonly units: number;
  /** null: nobody said which way is better. */
  readonly goal: Goal | null;
  readonly margin: number | null;
}

export type Outcome = 'better' | 'worse' | 'not worse' | 'cannot tell';

interface Verdict {
  /** Of no difference, by the normal approximation. */
  readonly p: number | null;
  /** By Holm's step-down procedure over all differences given. */
  readonly adjusted: number | null;
  readonly outcome: Outcome;
  /** Units that would tell, were the difference as it was seen; null where it is zero, known, or too few units were seen. */
  readonly unitsNeeded: number | null;
}

/** @param confidence of all answers together: at 0.95 one in twenty evaluations says "better" or "worse" of models that are alike */
export function verdictsOf(differences: readonly Difference[], confidence: number): Verdict[] {
  const values = differences.map(({ value, error }) => pOf(value, error));
  const adjusted = holm(values);
  return differences.map((difference, index) => {
    const p = values[index] ?? null;
    const corrected = adjusted[index] ?? null;
    return { p, adjusted: corrected, ...tell(difference, corrected, confidence) };
  });
}

function pOf(value: number, error: number | null): number | null {
  if (error === null) return null;
  if (error === 0) return value === 0 ? 1 : 0;
  // The approximation is a hair above one half at zero.
  return Math.min(1, 2 * (1 - normalShare(Math.abs(value / error))));
}

/** Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979). What has no p is no test. */
export function holm(values: readonly (number | null)[]): (number | null)[] {
  const known = values.flatMap((p, index) => (p === null ? [] : [{ p, index }])).sort((a, b) => a.p - b.p);
  const adjusted: (number | null)[] = values.map(() => null);
  let least = 0;
  for (const [rank, { p, index }] of known.entries()) {
    least = Math.min(1, Math.max(least, p * (known.length - rank)));
    adjusted[index] = least;
  }
  return adjusted;
}

function tell(
  { value, error, units, goal, margin }: Difference,
  p: number | null,
  confidence: number,
): Pick<Verdict, 'outcome' | 'unitsNeeded'> {
  if (error === null || goal === null || p === null) return { outcome: 'cannot tell', unitsNeeded: null };
  const gain = goal === 'maximize' ? value : -value;
  if (p < 1 - confidence) return { outcome: gain > 0 ? 'better' : 'worse', unitsNeeded: null };
  const worst = gain - normalQuantile((1 + confidence) / 2) * error;
  if (margin !== null && worst > -margin) return { outcome: 'not worse', unitsNeeded: null };
  return { outcome: 'cannot tell', unitsNeeded: unitsFor(value, error, units, confidence) };
}

/** Of a two-sided test; the error shrinks with the root of the units. */
function unitsFor(value: number, error: number, units: number, confidence: number): number | null {
  if (value === 0) return null;
  const distance = normalQuantile((1 + confidence) / 2) + normalQuantile(POWER);
  const needed = units * ((distance * error) / value) ** 2;
  return Number.isFinite(needed) && needed < Number.MAX_SAFE_INTEGER ? Math.max(units + 1, Math.ceil(needed)) : null;
}
