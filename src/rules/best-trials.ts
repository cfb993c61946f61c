/** The best trial, and with several objectives the ones that no other beats. Pure. */
import type { Objective } from '../contract/search-space.ts';

export interface Candidate {
  readonly trial: number;
  readonly values: readonly (number | null)[];
}

/** True if `a` is better than `b`; a missing value, or one that is no number, is worse than any. */
export function better(a: number | null, b: number | null, goal: Objective['goal']): boolean {
  if (a === null || Number.isNaN(a)) return false;
  if (b === null || Number.isNaN(b)) return true;
  return goal === 'maximize' ? a > b : a < b;
}

/** By the first objective; of equal ones the earliest. */
export function bestTrial(candidates: readonly Candidate[], objective: Objective): Candidate | null {
  let best: Candidate | null = null;
  for (const candidate of candidates) {
    const value = candidate.values[0] ?? null;
    if (value !== null && !Number.isNaN(value) && (best === null || better(value, best.values[0] ?? null, objective.goal)))
      best = candidate;
  }
  return best;
}

/** At least as good in all objectives and better in one. */
export function dominates(a: Candidate, b: Candidate, objectives: readonly Objective[]): boolean {
  return (
    objectives.every(({ goal }, i) => !better(b.values[i] ?? null, a.values[i] ?? null, goal)) &&
    objectives.some(({ goal }, i) => better(a.values[i] ?? null, b.values[i] ?? null, goal))
  );
}

/** Trials that no other one dominates. In the order of their numbers. */
export function paretoFront(candidates: readonly Candidate[], objectives: readonly Objective[]): number[] {
  const whole = candidates.filter((candidate) => objectives.every((_, i) => (candidate.values[i] ?? null) !== null));
  return whole
    .filter((candidate) => !whole.some((other) => dominates(other, candidate, objectives)))
    .map((candidate) => candidate.trial)
    .sort((a, b) => a - b);
}
