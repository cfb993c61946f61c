/** Learning curves that a test writes point by point; a search hears of them as they come. */
import { Context } from '@temporalio/activity';
import type { CurveInput, CurvePoints } from '../../src/contract/attempts.ts';
import type { World } from './search-harness.ts';

type Point = Readonly<Record<string, number | null>>;

export interface CurveFeed {
  readonly curves: World['curves'];
  /** A point of the trial, with these metrics. */
  add(trial: number, ...points: readonly (number | Point)[]): void;
  /** Points that the trial has. */
  count(trial: number): number;
}

/** @param metric of points that are given as a number */
export function curveFeed(metric = 'score'): CurveFeed {
  const points = new Map<number, Point[]>();
  let waiting: (() => void)[] = [];
  const of = (trial: number): Point[] => points.get(trial) ?? [];

  function news({ trials: running, upcoming, metrics, required = [], resource }: CurveInput): Partial<CurvePoints> {
    const trials = [...running, ...Array.from({ length: upcoming.count }, (_, i) => ({ trial: upcoming.first + i, n: 0 }))];
    const fresh = trials.flatMap(({ trial, n }) =>
      of(trial)
        .slice(n)
        .map((point, i) => ({ trial, n: n + i + 1, point })),
    );
    return {
      points: fresh.map(({ trial, n, point }) => {
        const values = metrics.map((name) => point[name] ?? null);
        return resource === undefined ? [trial, n, n, values] : [trial, n, n, values, n];
      }),
      lacking: fresh.flatMap(({ trial, point }) => {
        const missing = required.filter((name) => !(name in point));
        return missing.length > 0 ? [{ trial, metrics: missing, found: Object.keys(point) }] : [];
      }),
      seen: trials.map(({ trial, n }) => [trial, Math.max(n, of(trial).length)] as const),
    };
  }

  return {
    curves: async (input) => {
      const cancelled = Context.current().cancelled.catch(() => undefined);
      const beating = setInterval(() => {
        Context.current().heartbeat();
      }, 50);
      try {
        for (;;) {
          const found = news(input);
          if ((found.points ?? []).length > 0 || Context.current().cancellationSignal.aborted) return found;
          await Promise.race([new Promise<void>((resolve) => waiting.push(resolve)), cancelled]);
        }
      } finally {
        clearInterval(beating);
      }
    },
    add: (trial, ...more) => {
      points.set(trial, [...of(trial), ...more.map((point) => (typeof point === 'number' ? { [metric]: point } : point))]);
      const woken = waiting;
      waiting = [];
      for (const wake of woken) wake();
    },
    count: (trial) => of(trial).length,
  };
}
