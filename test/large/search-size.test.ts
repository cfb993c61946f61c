import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SearchState } from '../../src/contract/state.ts';
import { profileOf, specOf, startSearchHarness } from '../workflow/search-harness.ts';
import type { SearchHarness } from '../workflow/search-harness.ts';
import { longhaulOf, until } from '../workflow/environment.ts';

const TRIALS = 1000;
const PARALLEL = 200;
/** Trials wait for as many others to start, so that the places are full all the time. */
const BATCH = 100;
/** Two hundred attempts look whether others have begun, and each answer about the search holds all its trials. */
const LOOK_MS = 500;
/** The quickest of so many: the others tell what else the machine does. */
const QUERIES = 20;

// On the development server: the time-skipping one stops skipping once a busy workflow has continued as new.
describe('a search of 1,000 trials, 200 at once', () => {
  let harness: SearchHarness;
  beforeAll(async () => {
    harness = await startSearchHarness('real', [], {}, 'world', { threads: true });
  });
  afterAll(() => harness.stop());

  it('continues as new without losing a trial, and answers quickly how all of them stand', async () => {
    const running = new Set<number>();
    let most = 0;
    // The last ones wait until the search was asked how it stands: a closed workflow would be replayed for each question.
    const asked = Promise.withResolvers<undefined>();
    harness.world.attempt = async ({ trial }) => {
      const others = Math.min(TRIALS, (Math.floor(trial.trial / BATCH) + 2) * BATCH);
      most = Math.max(most, running.add(trial.trial).size);
      await until(() => Promise.resolve(harness.world.attempts.length >= others), `trial ${others}`, LOOK_MS);
      if (trial.trial >= TRIALS - PARALLEL) await asked.promise;
      running.delete(trial.trial);
      const objective = (trial.trial * 31) % TRIALS;
      return { metrics: { score: objective, loss: 1, validation_loss: 2, more: 3 }, objective };
    };
    const search = await harness.search(
      specOf({ trials: TRIALS, parallel: PARALLEL }),
      profileOf({ pools: [{ name: 'spot', spot: true, pricePerHour: 1 }] }),
    );
    // As people ask, who wait while the machine is busy with two hundred beginnings.
    const [run = ''] = search.workflowId.split('/');
    const asking = longhaulOf(harness.environment).run(run).search('search');
    const state = await until(
      async () => {
        const now = await asking.state();
        return (
          now.trials.length === TRIALS && now.trials.filter(({ status }) => status === 'succeeded').length === TRIALS - PARALLEL && now
        );
      },
      'all but the last trials',
      LOOK_MS,
    );
    const times: number[] = [];
    for (let i = 0; i < QUERIES; i++) {
      const before = performance.now();
      expect(await search.query<SearchState>('state')).toMatchObject({ bestObjective: state.bestObjective, plannedTrials: TRIALS });
      times.push(performance.now() - before);
    }
    expect(Math.min(...times)).toBeLessThan(100);
    asked.resolve(undefined);
    const result = await search.result();

    expect(result.outputs).toMatchObject({ best_objective: TRIALS - 1, trials: TRIALS });
    expect(result.counts).toEqual({ succeeded: TRIALS, stopped: 0, failed: 0, cancelled: 0 });
    expect(new Set(harness.world.rows.map((row) => row.trial)).size).toBe(TRIALS);
    expect(harness.world.rows).toHaveLength(TRIALS);
    expect(harness.world.attempts).toHaveLength(TRIALS);
    expect(most).toBeGreaterThan(PARALLEL * 0.9);
    expect(most).toBeLessThanOrEqual(PARALLEL);

    const last = await harness.client.workflow.getHandle(search.workflowId).describe();
    expect(last.runId).not.toBe(search.firstExecutionRunId);
  });
});
