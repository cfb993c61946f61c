import { beforeEach, describe, expect, it } from 'vitest';
import type { SearchState } from '../../src/contract/state.ts';
import { curveFeed, type CurveFeed } from './curve-feed.ts';
import { losesMachine } from './loses-machine.ts';
import { until } from './environment.ts';
import { profileOf, specOf, type SearchHarness } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

const PRICED = profileOf({ pools: [{ name: 'spot', spot: true, pricePerHour: 1 }] });
type Search = Awaited<ReturnType<SearchHarness['search']>>;

describe('a search with a scheduler', () => {
  const harness = sharedSearchHarness();
  let feed: CurveFeed;
  /** Most trials that ever had a place at once. */
  let most: number;
  /** Where each attempt began, in points: [trial, point]. */
  let begun: [trial: number, point: number][];
  beforeEach(() => {
    feed = curveFeed();
    harness.world.curves = feed.curves;
    [most, begun] = [0, []];
  });

  const stateOf = (search: Search): Promise<SearchState> => search.query<SearchState>('state');

  const suggests = (...values: number[]): void => {
    harness.world.ask = ({ trials, count }) =>
      Promise.resolve({
        suggestions: values.slice(trials.length, trials.length + count).map((x) => ({ x })),
        exhausted: false,
        sampler: 'fake',
      });
  };

  /** Trains `points` points, each worth the trial's `x`, none while it is to be held, and goes on from there. */
  function trains(points: number, search: () => Search): void {
    harness.world.attempt = async ({ trial: { trial, parameters } }) => {
      most = Math.max(most, harness.running());
      begun.push([trial, feed.count(trial)]);
      const score = Number(parameters.x);
      let over = false;
      const stopped = harness.stopAsked().finally(() => (over = true));
      while (feed.count(trial) < points) {
        const next = feed.count(trial) + 1;
        feed.add(trial, score);
        const mayGoOn = async (): Promise<boolean> => {
          const known = (await stateOf(search())).trials[trial];
          return known?.points === next && known.reason?.startsWith('held at rung') !== true;
        };
        const seen = until(async () => over || (await mayGoOn()), 'the point to be seen, or the stop').catch(() => 'over');
        const ended = await Promise.race([stopped, seen]);
        // No question may be open when the server goes.
        await seen;
        if (ended === 'stopped') return { verdict: 'stopped', lastProgress: feed.count(trial) };
      }
      return { lastProgress: points, objective: score, metrics: { score } };
    };
  }

  /** The first attempt at the trial trains one point, and waits to be held or stopped there. */
  function waitsAtItsFirstPoint(trial: number): void {
    const inner = harness.world.attempt;
    harness.world.attempt = async (input, retries) => {
      if (input.trial.trial !== trial || feed.count(trial) > 0) return inner(input, retries);
      const stopped = harness.stopAsked();
      feed.add(trial, Number(input.trial.parameters.x));
      await stopped;
      return { verdict: 'stopped', lastProgress: 1 };
    };
  }

  it('trains no trial further that cannot be the best, as what was measured of it breaks a constraint', async () => {
    const latency = [30, 10, 40, 12];
    const values = [0.9, 0.5, 0.8, 0.4];
    suggests(...values);
    harness.world.attempt = async ({ trial: { trial } }) => {
      const metrics = { score: values[trial] ?? 0, latency_ms: latency[trial] ?? 0 };
      if (feed.count(trial) === 0) {
        const stopped = harness.stopAsked();
        feed.add(trial, metrics);
        return { verdict: await stopped, lastProgress: 1 };
      }
      feed.add(trial, metrics, metrics, metrics);
      return { lastProgress: 4, objective: metrics.score, metrics };
    };
    const scheduler = { kind: 'sync-halving', min: 1, factor: 2, max: 4 };
    const search = await harness.search(
      specOf({ trials: 4, parallel: 2, scheduler, metricConstraints: [{ metric: 'latency_ms', max: 20 }] }),
    );
    const { outputs } = await search.result();
    expect(outputs.best_trial).toBe(1);
    expect((await stateOf(search)).trials.map(({ points }) => points)).toEqual([1, 4, 1, 4]);
  });

  it('keeps what was promised without counting trials that are held as ones that train to their ends', async () => {
    let search: Search | null = null;
    trains(8, () => search as unknown as Search);
    suggests(0.3, 0.8, 0.1, 0.6, 0.2, 0.5, 0, 0.7, 0.4);
    // An attempt costs one. Of earlier trials most ended at the first rung, as here.
    const samples = [...Array.from({ length: 8 }, () => [3600, 1]), [10 * 3600, 10]];
    // While the last ones are to begin seven are held, each of which would cost nine more if it trained to its end.
    const scheduler = { kind: 'sync-halving', min: 1, factor: 3, max: 8 };
    search = await harness.search(specOf({ trials: 9, parallel: 2, scheduler, promise: { cost: 60, samples } }), PRICED);
    const { promise, outputs } = await search.result();
    expect(promise).toEqual({ leftOut: 0, ended: null });
    expect(outputs).toMatchObject({ trials: 9, best_trial: 1 });
    expect((await stateOf(search)).decisions.filter(({ text }) => text.includes('further trials'))).toEqual([]);
  });

  it('holds trials at rungs, gives their places away, and trains the best to its end without repeating a point', async () => {
    let search: Search | null = null;
    trains(8, () => search as unknown as Search);
    suggests(0.3, 0.8, 0.1, 0.6, 0.2, 0.5, 0, 0.7, 0.4);
    search = await harness.search(specOf({ trials: 9, parallel: 2, scheduler: { kind: 'asha', min: 1, factor: 3, max: 8 } }));
    const { outputs, counts } = await search.result();
    expect(outputs).toMatchObject({ best_trial: 1, best_objective: 0.8 });
    expect(most).toBeLessThanOrEqual(2);
    const { trials, decisions } = await stateOf(search);
    expect(counts.failed + counts.cancelled).toBe(0);
    // No point is trained twice.
    const points = trials.map((trial) => trial.points);
    expect(points[1]).toBe(8);
    expect(points.reduce((sum, count) => sum + count, 0)).toBeLessThan(0.75 * 9 * 8);
    expect(new Set(begun.map(String)).size).toBe(begun.length);
    expect(trials.filter(({ status }) => status === 'stopped').every(({ reason }) => reason?.startsWith('held at rung'))).toBe(true);
    expect(decisions.some(({ text }) => text.startsWith('promoted:') || text.startsWith('goes on:'))).toBe(true);
    // The sampler hears of a rung as soon as it is reached.
    const heard = harness.world.asked.at(-1)?.trials ?? [];
    expect(heard.some(({ state, rungs = [] }) => state === 'running' && rungs.length > 0)).toBe(true);
  });

  it('lets a held trial go on at a person’s word', async () => {
    let search: Search | null = null;
    trains(3, () => search as unknown as Search);
    waitsAtItsFirstPoint(0);
    const wait = Promise.withResolvers<undefined>();
    const inner = harness.world.attempt;
    harness.world.attempt = async (input, retries) => {
      if (input.trial.trial === 2) await wait.promise;
      return inner(input, retries);
    };
    search = await harness.search(specOf({ trials: 3, parallel: 1, scheduler: { kind: 'sync-halving', min: 1, factor: 3, max: 3 } }));
    const running = search;
    await until(async () => (await stateOf(running)).trials[0]?.status === 'paused', 'trial 0 to be held');
    expect((await stateOf(running)).trials[0]).toMatchObject({ reason: 'held at rung 0 (point 1) with 0', held: true });
    await running.executeUpdate('resume', { args: [{ trial: 0, by: 'ada' }] });
    wait.resolve(undefined);
    await running.result();
    expect((await stateOf(running)).trials[0]).toMatchObject({ status: 'succeeded', points: 3 });
  });

  it('gives the place of a trial whose machine went to one that deserves it more, and its own back when nobody else does', async () => {
    const search = harness.search(specOf({ trials: 3, parallel: 2, scheduler: { kind: 'asha', min: 4, factor: 2, max: 4 } }));
    losesMachine(harness, async (trial, points) => (await stateOf(await search)).trials[trial]?.points === points);
    const { outputs, counts } = await (await search).result();
    expect([outputs.best_trial, counts.succeeded]).toEqual([1, 3]);
    expect(harness.world.attempts.map(({ trial: { trial }, attempt }) => [trial, attempt]).sort()).toEqual([[0, 1], [0, 2], [1, 1], [2, 1]]); // prettier-ignore
    const order = harness.world.attempts.map(({ trial: { trial }, attempt }) => `${trial}.${attempt}`);
    expect(order.indexOf('2.1')).toBeLessThan(order.indexOf('0.2'));
    const { trials, decisions } = await stateOf(await search);
    expect(decisions.filter(({ trial }) => trial === 0).map(({ text }) => text)).toEqual([
      'its machine went: who gets the next one is decided anew',
      'gets the next machine: is the best of those that wait',
    ]);
    // Nothing that it had is lost or counted twice.
    expect(trials[0]).toMatchObject({ status: 'succeeded', attempts: 2, preemptions: 1, points: 2 });
  });

  it('gives it back where the budget allows no other trial, and asks only when that has ended', async () => {
    const scheduler = { kind: 'asha', min: 4, factor: 2, max: 4 };
    const search = await harness.search(specOf({ trials: 3, parallel: 2, scheduler, budget: { trials: 2 } }));
    losesMachine(harness, async (trial, points) => (await stateOf(search)).trials[trial]?.points === points);
    await until(async () => (await stateOf(search)).status === 'waiting', 'the question about the budget');
    expect((await stateOf(search)).trials.map(({ status, attempts }) => [status, attempts])).toEqual([
      ['succeeded', 2],
      ['succeeded', 1],
    ]);
    await search.executeUpdate('reject', { args: [{ by: 'ada' }] });
    await search.result();
  });

  it('gives it back at once to one that is among the best of those that were trained as far', async () => {
    suggests(0.9, 0.4, 0.3);
    let search: Search | null = null;
    trains(2, () => search as unknown as Search);
    const inner = harness.world.attempt;
    harness.world.attempt = async (input, retries) => {
      if (input.trial.trial !== 0 || input.attempt > 1) return inner(input, retries);
      feed.add(0, 0.9);
      await until(async () => (await stateOf(search as unknown as Search)).trials[0]?.points === 1, 'its point');
      return { verdict: 'preempted', lastProgress: 1 };
    };
    search = await harness.search(specOf({ trials: 3, parallel: 1, scheduler: { kind: 'asha', min: 4, factor: 2, max: 4 } }));
    await search.result();
    expect(harness.world.attempts.map(({ trial: { trial } }) => trial)).toEqual([0, 0, 1, 2]);
    const of0 = (await stateOf(search)).decisions.filter(({ trial }) => trial === 0);
    expect(of0.map(({ text }) => text)).toEqual([
      'its machine went: who gets the next one is decided anew',
      'gets the next machine: is among the best',
    ]);
    // In the same workflow task, in which no time passes.
    expect(of0[1]?.at).toBe(of0[0]?.at);
  });

  it('stops at rungs instead, where nothing is to be promoted', async () => {
    let search: Search | null = null;
    trains(2, () => search as unknown as Search);
    waitsAtItsFirstPoint(3);
    suggests(0.9, 0.8, 0.7, 0.6);
    search = await harness.search(
      specOf({ trials: 4, parallel: 1, scheduler: { kind: 'asha', min: 1, factor: 2, max: 2, promote: false } }),
    );
    const { counts } = await search.result().catch((error: unknown) => ({ counts: String(error) }));
    const { trials } = await stateOf(search);
    expect(trials.every(({ status }) => status !== 'paused')).toBe(true);
    expect(counts).toMatchObject({ failed: 0 });
    expect(trials.at(-1)?.reason).toMatch(/^asha: held at rung 0/);
  });
});
