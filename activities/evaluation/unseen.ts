/**
 * How much may be otherwise where nothing in a test set differed: every draw of a bootstrap is the same there, and its interval [1, 1] would be certain
 * of what no number of units can tell. Pure.
 */
import { normalQuantile } from '../../src/rules/distributions.ts';
import { HALF_OF_BUCKETS } from './metric-sql.ts';

const BUCKETS = 2 * HALF_OF_BUCKETS - 1;

/**
 * So many units of equal weight tell as much: (Σw)² / Σw² (Kish, "Survey Sampling", 1965), as Korn and Graubard ("Confidence Intervals for Proportions With
 * Small Expected Number of Positive Counts Estimated From Survey Data", 1998) take it for the exact interval of a proportion.
 *
 * @param weights summed by bucket @param units that there are at most
 */
export function effectiveUnits(weights: readonly number[], units: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // Units that are in one bucket by chance are still as many: what their products add is taken off.
  const squares = weights.reduce((sum, weight) => sum + weight ** 2, 0) - total ** 2 / BUCKETS;
  return squares > 0 ? Math.min(units, total ** 2 / squares) : units;
}

/**
 * The greatest share of units that may be otherwise where none of so many was: Clopper and Pearson's exact interval ("The Use of Confidence or Fiducial
 * Limits", 1934) of no successes, as R's `binom.test` has it; at 95 % about 3.7 / n, and 3 / n of one side ("rule of three"). It holds for means of any
 * values between two ends, too: at the worst what is otherwise is at the other end.
 */
export const shareUnseen = (units: number, confidence: number): number => 1 - ((1 - confidence) / 2) ** (1 / units);

/**
 * The greatest share of pairs that may be in the other order where all were in one, which is how far an AUC may be from 1: method 5 of Newcombe
 * ("Confidence Intervals for an Effect Size Measure Based on the Mann-Whitney Statistic. Part 2", 2006; R's `auRoc`), Hanley and McNeil's standard error at
 * the bound and not at the value, where it is 0.
 */
export function pairsUnseen(positives: number, negatives: number, confidence: number): number {
  const squaredZ = normalQuantile((1 + confidence) / 2) ** 2;
  const others = Math.max(0, (positives + negatives) / 2 - 1);
  const tooLow = (auc: number): boolean =>
    1 - auc > (squaredZ * auc * (1 + (others * (1 - auc)) / (2 - auc) + (others * auc) / (1 + auc))) / (positives * negatives);
  let [low, high] = [0, 1];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (low + high) / 2;
    if (tooLow(middle)) low = middle;
    else high = middle;
  }
  return 1 - low;
}

/** As many as a number has digits. */
const HALVINGS = 52;
