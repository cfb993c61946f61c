/** Money, hours and trials of a search. Pure. */
import type { Budget } from '../contract/search-space.ts';
import { WAITS } from './durations.ts';

export interface Spent {
  readonly cost: number;
  /** Without the time that the search was paused. */
  readonly hours: number;
  /** Trials that were started. */
  readonly trials: number;
}

/** Which cap is reached, in words; null below all of them. */
export function exceeded(budget: Budget, spent: Spent, currency: string): string | null {
  if (budget.cost !== undefined && spent.cost >= budget.cost) return `cost ${spent.cost.toFixed(2)} of ${budget.cost} ${currency}`;
  if (budget.hours !== undefined && spent.hours >= budget.hours) return `${spent.hours.toFixed(1)} of ${budget.hours} hours`;
  return null;
}

/** New trials that the budget still allows. */
export function trialsLeft(budget: Budget, started: number): number {
  return budget.trials === undefined ? Number.POSITIVE_INFINITY : Math.max(0, budget.trials - started);
}

/** Seconds until a cap can be reached at this rate of spending; null when there is no cap that time brings nearer. */
export function secondsUntilCap(budget: Budget, spent: Spent, costPerSecond: number): number | null {
  const waits: number[] = [];
  if (budget.cost !== undefined && costPerSecond > 0) waits.push((budget.cost - spent.cost) / costPerSecond);
  if (budget.hours !== undefined) waits.push((budget.hours - spent.hours) * 3600);
  if (waits.length === 0) return null;
  return Math.min(WAITS.budgetCheckLongestSeconds, Math.max(WAITS.budgetCheckShortestSeconds, Math.ceil(Math.min(...waits))));
}

/** The next cap when a person says "go on": as much again. */
export function extended(budget: Budget, original: Budget, spent: Spent): Budget {
  const more = (cap: number | undefined, step: number | undefined, used: number): number | undefined =>
    cap === undefined ? undefined : used >= cap ? used + (step ?? cap) : cap;
  return {
    cost: more(budget.cost, original.cost, spent.cost),
    hours: more(budget.hours, original.hours, spent.hours),
    trials: more(budget.trials, original.trials, spent.trials),
  };
}
