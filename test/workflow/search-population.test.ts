import { beforeEach, describe, expect, it } from 'vitest';
import type { SearchState, TrialState } from '../../src/contract/state.ts';
import { curveFeed, type CurveFeed } from './curve-feed.ts';
import { until } from './environment.ts';
import { specOf, type SearchHarness } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

type Search = Awaited<ReturnType<SearchHarness['search']>>;
const POPULATION = { kind: 'pbt', population: 4, interval: 1, explore: 'perturb', resample_probability: 0 };

describe('a population', () => {
  const harness = sharedSearchHarness();
  let feed: CurveFeed;
  beforeEach(() => {
    feed = curveFeed();
    harness.world.curves = feed.curves;
  });

  const stateOf = (search: Search): Promise<SearchState> => search.query<SearchState>('state');

  /** An epoch a point, each worth the trial's `x`; a fork goes on where its parent was. The first attempt of a trial of `slow` comes last. */
  function trains(slow: readonly number[] = []): void {
    const trained = new Map<number, number>();
    harness.world.attempt = async ({ trial: { trial, parameters, spec, fork }, attempt }) => {
      const others = [0, 1, 2, 3].filter((other) => !slow.includes(other));
      if (slow.includes(trial) && attempt === 1)
        await until(() => Promise.resolve(others.every((other) => feed.count(other) > 0)), 'the others');
      const before = trained.get(trial) ?? (fork ? spec.epochs - 1 : 0);
      for (let epoch = before; epoch < spec.epochs; epoch++) feed.add(trial, Number(parameters.x));
      trained.set(trial, spec.epochs);
      const score = Number(parameters.x);
      return Promise.resolve({ lastProgress: feed.count(trial), objective: score, metrics: { score } });
    };
  }

  /** How many points of one were seen before it was stopped is a matter of who is quick: its trainer goes on until it hears of it. */
  const lineage = ({ trials }: SearchState): unknown[] =>
    trials.map(({ trial, parent, origin, parameters, status, points }: TrialState) => ({
      trial,
      parent,
      origin,
      parameters,
      status,
      points: status === 'stopped' ? null : points,
    }));

  it('replaces the poorest by forks of the best at the end of each interval, the same whoever is slow', async () => {
    const found: unknown[] = [];
    for (const slow of [[], [1, 3]]) {
      harness.world.pinned.length = 0;
      feed = curveFeed();
      harness.world.curves = feed.curves;
      trains(slow);
      const search = await harness.search(specOf({ trials: 20, parallel: 4, epochs: 3, scheduler: POPULATION }));
      const { counts, outputs } = await search.result();
      const state = await stateOf(search);
      // Two ends of intervals before the last, at each of them one of four.
      expect(state.trials.map(({ origin }) => origin)).toEqual([...Array.from({ length: 4 }, () => 'sampler'), 'pbt', 'pbt']);
      expect(counts).toMatchObject({ succeeded: 4, stopped: 2, failed: 0 });
      expect(state.trials[0]).toMatchObject({
        status: 'stopped',
        reason: expect.stringMatching(/^pbt: number 4 of 4 after 1 interval; /) as string,
      });
      expect(state.trials[4]).toMatchObject({ parent: 3, status: 'succeeded', points: 2 });
      expect([0.24, 0.36]).toContain(Number(Number(state.trials[4]?.parameters.x).toFixed(2)));
      expect(outputs.best_objective).toBe(Math.max(...state.trials.map(({ parameters }) => Number(parameters.x))));
      expect(harness.world.pinned.length).toBe(2);
      expect(state.decisions.map(({ text }) => text).filter((text) => text.startsWith('goes on from trial'))).toHaveLength(2);
      found.push(lineage(state));
    }
    expect(found[1]).toEqual(found[0]);
    const forked = harness.world.attempts.find(({ trial }) => trial.trial === 4)?.trial;
    expect(forked?.fork).toMatchObject({ trial: 3, output: expect.stringContaining('/pins/trial-3') as string });
    // A fork's rows say where it comes from.
    expect(harness.world.rows.find(({ trial }) => trial === 4)).toMatchObject({ origin: 'pbt', parent_trial: 3 });
  });

  it('takes turns where there are fewer places, and forks no more than it may', async () => {
    trains();
    const search = await harness.search(specOf({ trials: 5, parallel: 1, epochs: 3, scheduler: POPULATION, budget: { trials: 5 } }));
    const { counts } = await search.result();
    expect(counts).toMatchObject({ succeeded: 4, stopped: 1, failed: 0 });
    expect((await stateOf(search)).decisions.some(({ text }) => text.includes('n_trials or the budget of trials is reached'))).toBe(true);
  });

  it('asks the sampler for other parameters than before', async () => {
    trains();
    harness.world.ask = ({ trials, count, sampler }) =>
      Promise.resolve({
        suggestions: Array.from({ length: count }, (_, i) => ({ x: sampler.seed === 0 ? (trials.length + i) / 10 : 0.9 })),
        exhausted: false,
        sampler: 'fake',
      });
    const search = await harness.search(specOf({ trials: 9, parallel: 4, epochs: 2, scheduler: { ...POPULATION, explore: 'sampler' } }));
    await search.result();
    expect((await stateOf(search)).trials[4]).toMatchObject({ parent: 3, parameters: { x: 0.9 } });
  });

  it('stops a trainer of one’s own at the first point after the interval', async () => {
    harness.world.attempt = async ({ trial: { trial, parameters }, attempt }) => {
      const stopped = harness.stopAsked();
      const score = Number(parameters.x);
      feed.add(trial, score);
      if (feed.count(trial) < 2 && attempt === 1 && trial < 4) {
        await stopped;
        return { verdict: 'stopped', lastProgress: feed.count(trial) };
      }
      return { lastProgress: feed.count(trial), objective: score, metrics: { score } };
    };
    const search = await harness.search(
      specOf({ trials: 9, parallel: 4, command: ['train'], scheduler: { ...POPULATION, resource: 'points' } }),
    );
    const { counts } = await search.result();
    const { trials } = await stateOf(search);
    expect(counts).toMatchObject({ succeeded: 4, stopped: 1, failed: 0 });
    expect(trials[4]).toMatchObject({ origin: 'pbt', parent: 3 });
  });
});
