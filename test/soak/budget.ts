/** How many requests a soak may make. Pure. */
import type { Scale } from './scale.ts';
import { TRIALS } from './timeline.ts';

type Requests = Readonly<Record<string, number>>;

interface Soaked {
  readonly scale: Scale;
  /** Real seconds, and the hours that were played in them. */
  readonly seconds: number;
  readonly hours: number;
  /** What disturbed it, and how many attempts began. */
  readonly events: number;
  readonly attempts: number;
}

/** Of each trial and played hour, where waits are as compressed as what happens. What is not, such as heartbeats and starts, counts for less than in real days. */
const PLAYED_HOUR: Requests = { temporal: 60, kubernetes: 30, gcs: 300, bigquery: 30 };

/**
 * Where waits are real, days of events lie in an hour of them, and what is asked comes of each by itself: of every trial and of all workers by the
 * clock (each trial looks into the store every ten seconds for records and for points), of starts, ends and outages by their number.
 */
const REAL_HOUR: Requests = { temporal: 60, kubernetes: 30, gcs: 1200, bigquery: 30 };
const WORKERS_HOUR: Requests = { temporal: 3000, kubernetes: 300, gcs: 300, bigquery: 100 };
const DISTURBANCE: Requests = { temporal: 300, kubernetes: 100, gcs: 1500, bigquery: 100 };

const of = (requests: Requests, to: string): number => requests[to] ?? 0;

/** The most that each may be asked, in all. */
export function requestBudget(to: string, { scale, seconds, hours, events, attempts }: Soaked): number {
  if (scale.factor > 1) return of(PLAYED_HOUR, to) * TRIALS * Math.max(hours, 1);
  const realHours = seconds / 3600;
  return (of(REAL_HOUR, to) * TRIALS + of(WORKERS_HOUR, to)) * realHours + of(DISTURBANCE, to) * (events + attempts);
}

/** @param asked requests in all, by whom they were made to */
export const tooMany = (asked: Requests, soaked: Soaked): string[] =>
  Object.entries(asked).flatMap(([to, count]) => {
    const most = Math.round(requestBudget(to, soaked));
    return count > most
      ? [`${count} requests to ${to} in ${Math.round(soaked.seconds)} s (${soaked.hours.toFixed(0)} h played), at most ${most}`]
      : [];
  });
