import { activityInfo } from '@temporalio/activity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SearchState } from '../../src/contract/state.ts';
import { later, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

describe('hyperparameterSearch', () => {
  let harness: SearchHarness;
  beforeEach(async () => {
    harness = await startSearchHarness();
  });
  afterEach(() => harness.stop());

  it('runs its trials and returns the best', async () => {
    const search = await harness.search(specOf());
    const result = await search.result();
    expect(result.outputs).toMatchObject({
      best_trial: 3,
      best_objective: 0.3,
      best_parameters: { x: 0.3 },
      trials: 4,
      weights_sha256: 'sha-3',
    });
    expect(result.outputs.export).toMatch(/^file:\/\/\/out\/run-\d+\/trial-3\/exports\/1$/);
    expect(harness.world.rows.map((row) => [row.trial, row.status, row.objective]).sort()).toEqual([
      [0, 'succeeded', 0],
      [1, 'succeeded', 0.1],
      [2, 'succeeded', 0.2],
      [3, 'succeeded', 0.3],
    ]);
  });

  it('keeps the metrics that a trial ended with when points of its curve, in fewer digits, are read after that', async () => {
    const score = 0.8192621848434908;
    harness.world.attempt = async (input, retries) => {
      if (retries === 0 && input.trial.trial === 1) throw later(7200);
      return Promise.resolve({ lastProgress: 1, metrics: { score }, objective: score });
    };
    harness.world.curves = async (input) => {
      if (activityInfo().attempt === 1) throw later(600);
      return Promise.resolve({ points: input.trials.map(({ trial }) => [trial, 1, 10, input.metrics.map(() => 0.819262185)]) });
    };
    const search = await harness.search(specOf({ trials: 2 }));
    await search.result();
    const [first] = (await search.query<SearchState>('state')).trials;
    expect(first).toMatchObject({ points: 1, metrics: { score } });
    expect(harness.world.rows.map((row) => row.metrics)).toEqual(Array.from({ length: 2 }, () => JSON.stringify({ score })));
  });

  it('tells the sampler in the order in which trials end', async () => {
    harness.world.attempt = async (input, retries) => {
      if (retries === 0 && input.trial.trial === 0) throw later(7200);
      return Promise.resolve({});
    };
    await (await harness.search(specOf())).result();
    const last = harness.world.asked.at(-1);
    expect(last?.trials.map(({ trial, asked, told }) => [trial, asked, told])).toEqual([
      [0, 0, null],
      [1, 0, 0],
      [2, 1, 1],
    ]);
  });
});
