import { beforeEach, describe, expect, it } from 'vitest';
import type { SearchState } from '../../src/contract/state.ts';
import { curveFeed, type CurveFeed } from './curve-feed.ts';
import { until } from './environment.ts';
import { specOf, type SearchHarness } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

type Search = Awaited<ReturnType<SearchHarness['search']>>;

describe('what a search makes of how its trials end', () => {
  const harness = sharedSearchHarness();
  let feed: CurveFeed;
  beforeEach(() => {
    feed = curveFeed();
    harness.world.curves = feed.curves;
  });

  const stateOf = (search: Search): Promise<SearchState> => search.query<SearchState>('state');
  const statusOf = async (search: Search, trial: number): Promise<string | undefined> => (await stateOf(search)).trials[trial]?.status;

  it('lets a stopped trial win with its best point and its model', async () => {
    harness.world.attempt = async ({ trial, attempt }) => {
      const score = 0.3;
      if (trial.trial !== 1) {
        await until(() => Promise.resolve(harness.world.rows.length >= 1), 'trial 1 to end');
        return { objective: score, metrics: { score } };
      }
      if (attempt === 1) feed.add(1, 0.5, 0.9, 0.89, 0.88, 0.87);
      return { verdict: await harness.stopAsked(), lastProgress: 5, bestExport: `${trial.output}/exports/2` };
    };
    const search = await harness.search(specOf({ trials: 3, stopping: [{ kind: 'patience', steps: 3 }] }));
    const { outputs } = await search.result();
    expect(outputs).toMatchObject({ best_trial: 1, best_objective: 0.9 });
    expect(outputs.export).toMatch(/trial-1\/exports\/2$/);
    // Nothing more was to be expected of it: it counts as finished.
    expect(harness.world.asked.at(-1)?.trials.find(({ trial }) => trial === 1)).toMatchObject({
      state: 'complete',
      values: [0.9],
      last: [5, 0.9],
    });
  });

  it('takes a trial that came to no number for a poor one, and not for a failed one', async () => {
    const diverges = (trial: number): boolean => trial >= 3 && trial < 8;
    harness.world.attempt = ({ trial: { trial } }) => Promise.resolve(diverges(trial) ? { objective: null, metrics: { loss: null } } : {});
    const search = await harness.search(specOf({ trials: 20, parallel: 1 }));
    const { counts } = await search.result();
    expect(counts).toMatchObject({ succeeded: 15, stopped: 5, failed: 0 });
    expect((await stateOf(search)).trials[4]?.reason).toBe('diverged: score is not a number');
    expect(
      harness.world.asked
        .at(-1)
        ?.trials.slice(2, 5)
        .map(({ state }) => state),
    ).toEqual(['complete', 'pruned', 'pruned']);
  });

  it('never stops again by a rule what a person let go on', async () => {
    const ended = Promise.withResolvers<undefined>();
    harness.world.attempt = async ({ trial, attempt }) => {
      if (trial.trial === 1) await ended.promise;
      else if (attempt === 1) {
        feed.add(0, 0.9, 0.8, 0.8);
        return { verdict: await harness.stopAsked(), lastProgress: 3 };
      } else {
        feed.add(0, 0.8, 0.8);
        await until(async () => (await stateOf(search)).trials[0]?.points === 5, 'the points to be seen');
        ended.resolve(undefined);
      }
      return {};
    };
    const search = await harness.search(specOf({ trials: 2, stopping: [{ kind: 'patience', steps: 2 }] }));
    await until(async () => (await statusOf(search, 0)) === 'stopped', 'the stop');
    await search.executeUpdate('resume', { args: [{ trial: 0, by: 'ada' }] });
    await search.result();
    expect((await stateOf(search)).trials[0]).toMatchObject({ status: 'succeeded', kept: true, attempts: 2 });
  });

  it('lets a failed trial that has trained go on, with its crashes counted anew', async () => {
    const resumed = Promise.withResolvers<undefined>();
    harness.world.attempt = async ({ trial, attempt, samples }) => {
      if (trial.trial === 1) await resumed.promise;
      else if (attempt <= 2) return { verdict: 'crashed', samples: attempt === 1 ? samples + 100 : samples };
      return {};
    };
    const search = await harness.search(specOf({ trials: 2, maxCrashes: 1 }));
    await until(async () => (await statusOf(search, 0)) === 'failed', 'the failure');
    await search.executeUpdate('resume', { args: [{ trial: 0 }] });
    resumed.resolve(undefined);
    const { counts } = await search.result();
    expect(counts).toMatchObject({ succeeded: 2, failed: 0 });
  });

  it('refuses to go on with a failed trial that never trained', async () => {
    const tried = Promise.withResolvers<undefined>();
    harness.world.attempt = async ({ trial, samples }) => {
      if (trial.trial === 1) await tried.promise;
      return trial.trial === 0 ? { verdict: 'bad-input', samples } : {};
    };
    const search = await harness.search(specOf({ trials: 2 }));
    await until(async () => (await statusOf(search, 0)) === 'failed', 'the failure');
    await expect(search.executeUpdate('resume', { args: [{ trial: 0 }] })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('trial 0 is failed') as string },
    });
    tried.resolve(undefined);
    await search.result();
  });

  it('names no trial the best, nor one of the front, that breaks a constraint on what was measured', async () => {
    harness.world.attempt = async ({ trial: { trial } }) =>
      Promise.resolve({ objective: trial / 10, metrics: { score: trial / 10, latency: trial * 5, size: 4 - trial } });
    const search = await harness.search(
      specOf({
        trials: 4,
        parallel: 1,
        alsoOptimize: [{ metric: 'size', goal: 'maximize' }],
        metricConstraints: [{ metric: 'latency', min: 5, max: 10 }],
      }),
    );
    const { outputs, front } = await search.result();
    expect(outputs.best_trial).toBe(2);
    expect(front).toEqual([1, 2]);
    const { decisions } = await search.query<SearchState>('state');
    expect(decisions).toContainEqual(expect.objectContaining({ trial: 3, text: 'cannot be the best: latency 15 is above 10' }));
  });

  it('trains finalists again with other seeds, and lets the mean of these decide', async () => {
    // The first values are lucky ones: trial 3 looks best, trial 2 is.
    const again = [0.1, 0.2, 0.6, 0.3];
    harness.world.attempt = async ({ trial: { parameters, spec, trial } }) => {
      const objective = spec.seed === 5 ? trial / 10 : (again[Math.round(Number(parameters.x) * 10)] ?? 0) + spec.seed / 1000;
      return Promise.resolve({ objective, metrics: { score: objective } });
    };
    const search = await harness.search(specOf({ trials: 4, parallel: 2, seed: 5, replicates: { seeds: 2, of: 2 } }));
    const { outputs, replicates } = await search.result();
    expect(replicates?.finalists.map(({ trial, values }) => [trial, values])).toEqual([
      [2, [0.606, 0.607]],
      [3, [0.306, 0.307]],
    ]);
    expect(outputs.best_trial).toBe(2);
    expect(outputs.best_objective).toBeCloseTo(0.6065);
    const { trials, decisions } = await search.query<SearchState>('state');
    expect(trials.slice(4).map(({ origin, parent }) => [origin, parent])).toEqual([3, 3, 2, 2].map((parent) => ['replicate', parent]));
    expect(decisions.at(-1)?.text).toMatch(/^wins by the mean of its replicates: trial 2 with 0.6065 .* before trial 3 .* 100 % sure$/);
  });

  it('does not compare a replicate that was stopped with those that trained to their ends', async () => {
    feed = curveFeed();
    harness.world.curves = feed.curves;
    harness.world.attempt = async ({ trial: { trial, spec } }) => {
      const score = { 5: trial / 10, 6: 0.4, 7: 0.2 }[spec.seed] ?? 0;
      if (trial !== 3) return { objective: score, metrics: { score } };
      // It begins better than any of them ends.
      feed.add(trial, { score: 0.9 });
      return { verdict: await harness.stopAsked(), lastProgress: 1 };
    };
    const search = await harness.search(specOf({ trials: 2, parallel: 2, seed: 5, replicates: { seeds: 2, of: 1 } }));
    await until(async () => (await stateOf(search)).trials[3]?.points === 1, 'the point to be seen');
    await search.executeUpdate('stop-trial', { args: [{ trial: 3 }] });
    const { replicates, outputs } = await search.result();
    expect(replicates?.finalists.map(({ trial, values }) => [trial, values])).toEqual([[1, [0.4]]]);
    expect(outputs.best_objective).toBe(0.4);
  });

  it('stops no trial of the front by its first objective', async () => {
    harness.world.attempt = async ({ trial: { trial } }) => {
      const metrics = trial < 5 ? { score: 0.5, latency: 100 } : { score: 0.4, latency: 1 };
      feed.add(trial, metrics);
      await until(async () => (await stateOf(search)).trials[trial]?.points === 1, 'the point to be seen');
      return { lastProgress: 1, objective: metrics.score, metrics };
    };
    const search = await harness.search(
      specOf({
        trials: 6,
        parallel: 1,
        alsoOptimize: [{ metric: 'latency', goal: 'minimize' }],
        stopping: [{ kind: 'median', startupTrials: 5 }],
      }),
    );
    const { front } = await search.result();
    expect(front).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('ends at the first point where the trainer has no such metric, and starts no further trial', async () => {
    const POINT = { loss: 0.5, accuracy: 0.7 };
    harness.world.attempt = async ({ trial }) => {
      feed.add(trial.trial, POINT);
      return { verdict: await harness.stopAsked(), lastProgress: 1 };
    };
    const search = await harness.search(
      specOf({ trials: 50, parallel: 1, objective: { metric: 'acuracy', goal: 'maximize' }, stopping: [{ kind: 'divergence' }] }),
    );
    await expect(search.result()).rejects.toMatchObject({
      cause: {
        type: 'InvalidInput',
        nonRetryable: true,
        message: 'exit code 78: the first point of trial 0 has no metric acuracy; it has loss, accuracy',
      },
    });
    expect(harness.world.rows.map(({ trial, status }) => [trial, status])).toEqual([[0, 'failed']]);
    expect(harness.world.attempts).toHaveLength(1);
  });

  it('ends so for a metric that only a rule looks at', async () => {
    harness.world.attempt = async ({ trial }) => {
      feed.add(trial.trial, 0.5);
      return { verdict: await harness.stopAsked(), lastProgress: 1 };
    };
    const rules = [{ kind: 'underfitting', metric: 'validation_los', worseThan: 1, afterSteps: 1 }];
    const search = await harness.search(specOf({ trials: 5, stopping: rules }));
    await expect(search.result()).rejects.toMatchObject({
      cause: { message: expect.stringContaining('has no metric validation_los') as string },
    });
  });

  it('pins what a fork begins from, and compares its points with those of as much training', async () => {
    harness.world.pointsOfPins = 2;
    const forked = Promise.withResolvers<undefined>();
    harness.world.attempt = async ({ trial: { trial } }) => {
      if (trial === 1) await forked.promise;
      if (trial < 2) feed.add(trial, 0.1, 0.5, 0.6);
      else feed.add(trial, trial < 5 ? 0.6 : 0.1);
      await until(async () => (await stateOf(search)).trials[trial]?.points === feed.count(trial), 'the points to be seen');
      return { lastProgress: feed.count(trial), objective: 0.6, metrics: { score: 0.6 } };
    };
    const search = await harness.search(specOf({ trials: 2, parallel: 1, stopping: [{ kind: 'median', startupTrials: 2 }] }));
    await until(async () => (await statusOf(search, 0)) === 'succeeded', 'the first trial');
    // Forks have the next numbers.
    await until(async () => (await stateOf(search)).trials.length === 2, 'the second trial');
    for (let fork = 0; fork < 3; fork++) await search.executeUpdate('fork-trial', { args: [{ trial: 0, parameters: { x: 0.5 } }] });
    await search.executeUpdate('add-trial', { args: [{ parameters: { x: 0.7 } }] });
    forked.resolve(undefined);
    await search.result();
    // A fork's first point comes after the two of its parent: it is no better first point than that of the last trial.
    expect((await stateOf(search)).decisions.filter(({ text }) => text.startsWith('stopped'))).toEqual([]);
    const output = harness.world.attempts.find(({ trial }) => trial.trial === 0)?.trial.output;
    expect(harness.world.pinned).toEqual([output, output, output]);
    const fork = harness.world.attempts.find(({ trial }) => trial.trial === 2)?.trial.fork;
    expect(fork).toMatchObject({ trial: 0, checkpoint: '3', output: expect.stringContaining('/pins/trial-0-3') as string });
  });
});
