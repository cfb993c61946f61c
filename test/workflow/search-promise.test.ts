import { activityInfo } from '@temporalio/activity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SearchState } from '../../src/contract/state.ts';
import { later, profileOf, specOf, startSearchHarness, type SearchHarness } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

type Search = Awaited<ReturnType<SearchHarness['search']>>;
const PRICED = profileOf({ pools: [{ name: 'spot', spot: true, pricePerHour: 1 }] });
const HOUR_MS = 3_600_000;

const stateOf = (search: Search): Promise<SearchState> => search.query<SearchState>('state');

describe('a search that keeps what was promised of it, over hours', () => {
  let harness: SearchHarness;
  beforeEach(async () => {
    harness = await startSearchHarness();
  });
  afterEach(() => harness.stop());
  const inHours = async (hours: number): Promise<string> =>
    new Date((await harness.environment.currentTimeMs()) + hours * HOUR_MS).toISOString();

  it('begins no more trials than are over in time, by what earlier runs and its own trials took', async () => {
    harness.world.attempt = async () => {
      if (activityInfo().attempt === 1) throw later(3600);
      return Promise.resolve({});
    };
    const by = await inHours(5.5);
    const search = await harness.search(specOf({ trials: 20, parallel: 1, promise: { by, samples: [[1800, 0.5]] } }), PRICED);
    const { outputs, promise } = await search.result();
    // Trials that take twice what was known: fewer and fewer may begin.
    expect(outputs.trials).toBeGreaterThanOrEqual(3);
    expect(outputs.trials).toBeLessThanOrEqual(5);
    expect(promise).toEqual({ leftOut: 20 - outputs.trials, ended: null });
    const { decisions, trials } = await stateOf(search);
    expect(Math.max(...trials.map(({ endedAt }) => endedAt ?? 0))).toBeLessThan(Date.parse(by));
    expect(decisions.some(({ text }) => /^begins \d+ of \d+ further trials: /.test(text))).toBe(true);
    // Machines that may go are left in time.
    expect(harness.world.attempts[0]?.trial.deadlineAt).toBeLessThan(Date.parse(by));
  });
});

// The server that skips time may lose a task of two workflows that signal each other at the same moment.
describe('a search that keeps what was promised of it, at once', () => {
  const harness = sharedSearchHarness();

  it('ends with what it has before it costs more', async () => {
    harness.world.attempt = async ({ trial: { trial } }) =>
      trial === 0 ? { startedAt: Date.now() } : { verdict: await harness.stopAsked(), lastProgress: 1, startedAt: Date.now() };
    const search = await harness.search(specOf({ trials: 2, parallel: 2, promise: { cost: 0.0062 } }), PRICED);
    const { outputs, promise, counts } = await search.result();
    expect(promise?.ended).toBe('it was promised to cost at most 0.0062 USD');
    expect(outputs).toMatchObject({ best_trial: 0 });
    expect(counts.succeeded).toBe(1);
    expect((await stateOf(search)).decisions.some(({ text }) => text.startsWith('ends: it was promised'))).toBe(true);
  });
});
