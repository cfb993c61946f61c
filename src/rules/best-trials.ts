/** The best trial, and with several objectives the ones that no other beats. Pure. */
import type { MetricConstraint, Objective } from '../contract/search-space.ts';

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

/** Which constraints these metrics break, in words; one that was not measured is broken. `offline.` before a name is of early evaluation. */
export function brokenConstraints(
  constraints: readonly MetricConstraint[],
  metrics: Readonly<Record<string, number | null>>,
  offline: Readonly<Record<string, number | null>>,
): string[] {
  return constraints.flatMap(({ metric, min, max }) => {
    const value = measured(metric, metrics, offline) ?? null;
    if (value === null || Number.isNaN(value)) return [`${metric} was not measured`];
    if (max !== undefined && value > max) return [`${metric} ${shown(value)} is above ${max}`];
    return min !== undefined && value < min ? [`${metric} ${shown(value)} is below ${min}`] : [];
  });
}

/** Whether what was measured so far breaks one; what was not measured yet may keep to it. */
export const breaksMeasured = (...[constraints, metrics, offline]: Parameters<typeof brokenConstraints>): boolean =>
  constraints.some(
    (constraint) =>
      measured(constraint.metric, metrics, offline) !== undefined && brokenConstraints([constraint], metrics, offline).length > 0,
  );

/**
 * By how much each constraint is broken, for the sampler: of the bound, or as it is where the bound is 0; at most 0 where it is kept. What was not
 * measured is broken by all of the bound.
 */
export function violations(
  constraints: readonly MetricConstraint[],
  metrics: Readonly<Record<string, number | null>>,
  offline: Readonly<Record<string, number | null>>,
): Record<string, number> {
  return Object.fromEntries(
    constraints.flatMap(({ metric, min, max }) => {
      const value = measured(metric, metrics, offline) ?? null;
      const beyond = (bound: number, sign: number): number =>
        value === null || Number.isNaN(value) ? 1 : (sign * (value - bound)) / (Math.abs(bound) || 1);
      return [
        ...(max === undefined ? [] : [[`${metric} at most`, beyond(max, 1)] as const]),
        ...(min === undefined ? [] : [[`${metric} at least`, beyond(min, -1)] as const]),
      ];
    }),
  );
}

const OFFLINE = 'offline.';

/** Those of early evaluation, among metrics that have `offline.` before their names. */
export const offlineOf = (metrics: Measured): Measured =>
  Object.fromEntries(
    Object.entries(metrics).flatMap(([name, value]) => (name.startsWith(OFFLINE) ? [[name.slice(OFFLINE.length), value] as const] : [])),
  );
type Measured = Readonly<Record<string, number | null>>;
const measured = (metric: string, metrics: Measured, offline: Measured): number | null | undefined =>
  metric.startsWith(OFFLINE) ? offline[metric.slice(OFFLINE.length)] : metrics[metric];
const shown = (value: number): string => String(Number(value.toPrecision(5)));

/**
 * The knee of a front: the trial beyond which a little more of one objective costs much of another. The one that is farthest from the plane through the
 * ends of the front, towards what is better (Das, Structural Optimization 1999), each objective over its range; null for fewer than three trials.
 */
export function kneeOf(candidates: readonly Candidate[], objectives: readonly Objective[]): number | null {
  const front = new Set(paretoFront(candidates, objectives));
  const points = candidates
    .filter(({ trial }) => front.has(trial))
    .map(({ trial, values }) => ({ trial, gains: gainsOf(values, objectives) }));
  if (points.length <= objectives.length) return null;
  const low = objectives.map((_, i) => Math.min(...points.map(({ gains }) => gains[i] ?? 0)));
  const range = objectives.map((_, i) => Math.max(...points.map(({ gains }) => gains[i] ?? 0)) - (low[i] ?? 0) || 1);
  const height = ({ gains }: (typeof points)[number]): number =>
    gains.reduce((sum, gain, i) => sum + (gain - (low[i] ?? 0)) / (range[i] ?? 1), 0);
  return points.reduce((best, point) => (height(point) > height(best) + 1e-12 ? point : best)).trial;
}

const gainsOf = (values: Candidate['values'], objectives: readonly Objective[]): number[] =>
  objectives.map(({ goal }, i) => (goal === 'maximize' ? 1 : -1) * (values[i] ?? 0));
