import { ApplicationFailure } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { SearchState } from '../../src/contract/state.ts';
import { until } from './environment.ts';
import { specOf } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

const AWAY = 'mine:Mine: ConnectionError: the service of suggestions is away';

describe('a search with a sampler of one’s own', () => {
  const harness = sharedSearchHarness();

  it('waits where that fails, says so, and goes on when it answers again', async () => {
    const { ask } = harness.world;
    let mended = false;
    harness.world.ask = (input) =>
      mended || input.trials.length === 0 ? ask(input) : Promise.reject(ApplicationFailure.retryable(AWAY, 'SamplerFailed'));
    const search = await harness.search(specOf({ trials: 2, parallel: 1, sampler: { class: 'mine:Mine' } }));
    const waiting = await until(
      () => search.query<SearchState>('state').then((state) => (state.reason?.includes('failed') ? state : null)),
      'what it waits for',
    );
    expect(waiting).toMatchObject({ status: 'running', reason: `the sampler failed and is asked again: ${AWAY}` });
    await until(() => Promise.resolve(harness.world.asked.length > 2), 'another try');
    mended = true;
    expect((await search.result()).counts.succeeded).toBe(2);
    const { reason, decisions } = await search.query<SearchState>('state');
    expect(reason).toBeNull();
    // Once, however often it was asked in vain.
    expect(decisions.filter(({ text }) => text.includes(AWAY))).toHaveLength(1);
  });
});
