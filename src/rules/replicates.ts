/**
 * Who wins among finalists that were trained again with other seeds. Pure. What made a trial a finalist is not part of its mean: the best of many noisy
 * values is too good to be true (Cawley, Talbot, JMLR 2010). The variance is that of all finalists together, as few seeds tell little of it each.
 */
import type { Replicated } from '../contract/search.ts';
import type { Objective } from '../contract/search-space.ts';
import type { TrialStatus } from '../contract/state.ts';
import { better, type Candidate } from './best-trials.ts';

/** `origin` of a trial that is a finalist's parameters again. */
export const REPLICATE = 'replicate';

const CONFIDENCE = 0.95;

/** The best trials by what they came to, of equal ones the earliest. */
export function finalistsOf(candidates: readonly Candidate[], { goal }: Objective, of: number): number[] {
  const value = ({ values }: Candidate): number | null => values[0] ?? null;
  return candidates
    .filter((candidate) => value(candidate) !== null)
    .sort((a, b) => (better(value(a), value(b), goal) ? -1 : better(value(b), value(a), goal) ? 1 : a.trial - b.trial))
    .slice(0, of)
    .map(({ trial }) => trial);
}

/** The end of a replicate, and whose it is. */
export interface ReplicateEnd {
  readonly finalist: number;
  readonly status: TrialStatus;
  readonly objective: number | null;
  readonly reason: string | null;
}

/** A finalist with the objectives of its replicates. */
interface Group {
  readonly trial: number;
  readonly values: readonly number[];
  readonly diverged?: number;
}

/** Finalists in the order of their first replicates. One that was stopped, or failed, says nothing: others trained for longer. */
export function groupsOf(ends: readonly ReplicateEnd[]): Group[] {
  return [...new Set(ends.map(({ finalist }) => finalist))].map((trial) => {
    const own = ends.filter(({ finalist }) => finalist === trial);
    const whole = own.filter(({ status }) => status === 'succeeded');
    const diverged = own.filter((end) => end.status === 'stopped' && hasDiverged(end)).length;
    const values = whole.flatMap(({ objective }) => (objective === null ? [] : [objective]));
    return { trial, values, ...(diverged > 0 ? { diverged } : {}) };
  });
}

/** As `endOf` words it (trial-ends.ts). */
const hasDiverged = ({ reason }: ReplicateEnd): boolean => reason?.startsWith('diverged: ') === true;

/** Null: no finalist has a replicate that came to a value. */
export function replicated(groups: readonly Group[], { goal }: Objective): Replicated | null {
  const measured = groups.filter(({ values }) => values.length > 0);
  const freedom = measured.reduce((sum, { values }) => sum + values.length - 1, 0);
  const squares = measured.reduce((sum, { values }) => sum + values.reduce((own, value) => own + (value - meanOf(values)) ** 2, 0), 0);
  const variance = freedom > 0 ? squares / freedom : 0;
  const finalists = measured
    .map((group) => {
      const mean = meanOf(group.values);
      if (freedom === 0) return { ...group, mean, low: null, high: null };
      const half = quantileOfT(0.5 + CONFIDENCE / 2, freedom) * Math.sqrt(variance / group.values.length);
      return { ...group, mean, low: mean - half, high: mean + half };
    })
    .sort(
      (a, b) =>
        (a.diverged ?? 0) - (b.diverged ?? 0) || (better(a.mean, b.mean, goal) ? -1 : better(b.mean, a.mean, goal) ? 1 : a.trial - b.trial),
    );
  const [first, second] = finalists;
  if (!first) return null;
  const byMean = second !== undefined && (first.diverged ?? 0) === (second.diverged ?? 0);
  return { finalists, sure: byMean ? probability(first, second, variance, freedom) : null };
}

type Compared = Pick<Replicated['finalists'][number], 'mean' | 'values'>;

function probability(first: Compared, second: Compared, variance: number, freedom: number): number {
  const difference = Math.abs(first.mean - second.mean);
  const error = Math.sqrt(variance / first.values.length + variance / second.values.length);
  if (freedom === 0) return 0.5;
  return error === 0 ? (difference > 0 ? 1 : 0.5) : distributionOfT(difference / error, freedom);
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const PARTS = 400;

/** Student's distribution function for t ≥ 0, by Simpson's rule over the angle: with t = √ν tan θ the density is cos^(ν-1) θ up to a factor. */
export function distributionOfT(t: number, freedom: number): number {
  const density = (angle: number): number => Math.cos(angle) ** (freedom - 1);
  const area = (to: number): number => {
    const step = to / PARTS;
    let sum = density(0) + density(to);
    for (let i = 1; i < PARTS; i++) sum += density(i * step) * (i % 2 === 1 ? 4 : 2);
    return (sum * step) / 3;
  };
  return 0.5 + (0.5 * area(Math.atan(t / Math.sqrt(freedom)))) / area(Math.PI / 2);
}

function quantileOfT(probabilityWanted: number, freedom: number): number {
  let [low, high] = [0, 1];
  while (distributionOfT(high, freedom) < probabilityWanted) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (distributionOfT(middle, freedom) < probabilityWanted) low = middle;
    else high = middle;
  }
  return high;
}
