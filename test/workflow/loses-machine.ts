/** Trainers for a search of three trials at two places, of which the poorest loses its machine at its first point. */
import { curveFeed } from './curve-feed.ts';
import { until } from './environment.ts';
import type { SearchHarness } from './search-harness.ts';

/** What the trials are worth. */
const WORTH = [0.2, 0.8, 0.5] as const;

/**
 * Trial 0 goes on only when the others have ended, as nothing is lost by it.
 *
 * @param seen whether the search has so many points of the trial
 * @param preempted how its machine goes
 */
export function losesMachine(
  harness: SearchHarness,
  seen: (trial: number, points: number) => Promise<boolean>,
  preempted: () => object = () => ({ verdict: 'preempted' }),
): void {
  const feed = curveFeed();
  const others = Promise.withResolvers<undefined>();
  harness.world.curves = feed.curves;
  harness.world.ask = ({ trials, count }) =>
    Promise.resolve({
      suggestions: WORTH.slice(trials.length, trials.length + count).map((x) => ({ x })),
      exhausted: false,
      sampler: 'fake',
    });
  harness.world.attempt = async ({ trial: { trial }, attempt }) => {
    const score = WORTH[trial] ?? 0;
    feed.add(trial, score);
    const points = feed.count(trial);
    await until(async () => seen(trial, points), `point ${points} of trial ${trial} to be seen`);
    if (trial === 0 && attempt === 1) {
      await until(async () => seen(1, 1), 'the other one to be seen');
      return { ...preempted(), lastProgress: points };
    }
    if (trial === 1) await others.promise;
    if (trial === 2 || attempt > 1) others.resolve(undefined);
    return { lastProgress: points, objective: score, metrics: { score } };
  };
}
