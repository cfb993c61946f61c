import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { poolGateWorkflowId } from '../../src/contract/ids.ts';
import { until } from './environment.ts';
import { later, profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';
import type { GateState } from '../../workflows/pools/gate.ts';

const poolOf = (name: string, maxAttempts: number) => profileOf({ pools: [{ name, spot: false, maxAttempts }] });

const DAYS_OF_SECONDS = 10 * 86_400;

describe('a place whose holder was terminated', () => {
  let harness: SearchHarness;
  beforeAll(async () => {
    harness = await startSearchHarness('skipping');
  });
  afterAll(() => harness.stop());

  it('is given to who waits for it', async () => {
    // Trains for days; the time-skipping server stands still while a terminated workflow's activity runs.
    harness.world.attempt = ({ trial }) => (trial.run === 'first' ? Promise.reject(later(DAYS_OF_SECONDS)) : Promise.resolve({}));
    const profile = poolOf('one', 1);
    const first = await harness.trial({ run: 'first', profile });
    await until(() => Promise.resolve(harness.world.attempts.length === 1 && harness.running() === 0), 'the first attempt');
    const second = await harness.trial({ run: 'second', profile });
    const gate = harness.client.workflow.getHandle(poolGateWorkflowId('one'));
    await until(async () => (await gate.query<GateState>('state')).waiting.length === 1, 'the second trial to wait');
    await first.terminate('by hand');
    expect((await second.result()).status).toBe('succeeded');
    expect(harness.world.attempts.map(({ trial }) => trial.run)).toEqual(['first', 'second']);
  });
});

describe('a pool with a limit', () => {
  let harness: SearchHarness;
  beforeAll(async () => {
    harness = await startSearchHarness('real');
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    harness.reset();
  });
  const gate = (name: string): Promise<GateState | null> =>
    harness.client.workflow
      .getHandle(poolGateWorkflowId(name))
      .query<GateState>('state')
      .catch(() => null);

  it('runs no more attempts at once than it allows, over all runs, and all of them in the end', async () => {
    let most = 0;
    harness.world.attempt = async () => {
      most = Math.max(most, harness.running());
      return Promise.resolve({});
    };
    const spec = specOf({ trials: 4, parallel: 4 });
    const searches = await Promise.all([harness.search(spec, poolOf('two', 2)), harness.search(spec, poolOf('two', 2))]);
    const results = await Promise.all(searches.map((search) => search.result()));
    expect(results.map(({ counts }) => counts.succeeded)).toEqual([4, 4]);
    expect(most).toBeLessThanOrEqual(2);
    await until(async () => (await gate('two'))?.holders.length === 0, 'every place to be given back');
  });

  it('shares its places between runs before it looks at priorities', async () => {
    harness.world.attempt = async () => ({ verdict: await harness.stopAsked() });
    const spec = specOf({ trials: 3, parallel: 3 });
    const first = await harness.search(spec, poolOf('shared', 2));
    await until(async () => (await gate('shared'))?.waiting.length === 1, 'the first run to fill the pool', 60);
    const second = await harness.search(spec, poolOf('shared', 2));
    await until(async () => (await gate('shared'))?.waiting.length === 4, 'the second run to wait', 60);
    const holder = (await gate('shared'))?.holders[0]?.holder ?? '';
    await harness.client.workflow.getHandle(holder).signal('stop', { reason: 'makes room' });
    const run = second.workflowId.split('/')[0];
    await until(async () => (await gate('shared'))?.holders.some((one) => one.run === run), 'a place for the second run', 60);
    await Promise.all([first.cancel(), second.cancel()]);
    await Promise.allSettled([first.result(), second.result()]);
    await until(async () => (await gate('shared'))?.holders.length === 0, 'every place to be given back', 60);
  });

  it('forgets nothing when it is replayed: a trial that waits gets the place of one that ended', async () => {
    // Whoever is first keeps its place until it is stopped.
    harness.world.attempt = async () => (harness.world.attempts.length === 1 ? { verdict: await harness.stopAsked() } : {});
    const search = await harness.search(specOf({ trials: 2, parallel: 2 }), poolOf('one', 1));
    await until(async () => (await gate('one'))?.waiting.length === 1, 'the second trial to wait', 60);
    await until(() => Promise.resolve(harness.world.attempts.length === 1), 'the first attempt', 60);
    const held = (await gate('one'))?.holders[0]?.holder ?? '';
    // A worker that lost its memory replays the gate's history for this query.
    await harness.client.workflowService.resetStickyTaskQueue({
      namespace: 'default',
      execution: { workflowId: poolGateWorkflowId('one') },
    });
    expect(await gate('one')).toMatchObject({ limit: 1, holders: [{ holder: held }] });
    await harness.client.workflow.getHandle(held).signal('stop', { reason: 'makes room' });
    expect((await search.result()).counts).toMatchObject({ succeeded: 1, stopped: 1 });
    await until(async () => (await gate('one'))?.holders.length === 0, 'every place to be given back', 60);
  });
});
