import { ApplicationFailure } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSearchActivities } from '../../activities/search.ts';
import { poolGateWorkflowId } from '../../src/contract/ids.ts';
import { namespaceOf, until, untilTriedAgainLater } from './environment.ts';
import { later, profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { acquire, nextGrant, release } from '../../workflows/pools/gate.ts';
import type { GateState } from '../../workflows/pools/gate.ts';
import type { SlotRequest } from '../../workflows/pools/slots.ts';

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
    await untilTriedAgainLater(first);
    const second = await harness.trial({ run: 'second', profile });
    const gate = harness.client.workflow.getHandle(poolGateWorkflowId('one'));
    await until(async () => (await gate.query<GateState>('state')).waiting.length === 1, 'the second trial to wait');
    await first.terminate('by hand');
    expect((await second.result()).status).toBe('succeeded');
    expect(harness.world.attempts.map(({ trial }) => trial.run)).toEqual(['first', 'second']);
  });
});

describe('a pool gate', () => {
  let harness: SearchHarness;
  let faults = 0;
  beforeEach(async () => {
    faults = 0;
    const looks = createSearchActivities(createMemoryPorts());
    const closedWorkflows: typeof looks.closedWorkflows = (input) => {
      if (faults === 0) return looks.closedWorkflows(input);
      faults -= 1;
      return Promise.reject(ApplicationFailure.nonRetryable('namespace rate limit exceeded', 'Unexpected'));
    };
    harness = await startSearchHarness('skipping', [], { closedWorkflows });
  });
  afterEach(() => harness.stop());
  const gateOf = (name: string) => harness.client.workflow.getHandle(poolGateWorkflowId(name));

  it('finds the place of a terminated holder also where it grants one every few minutes', async () => {
    harness.world.attempt = ({ trial }, retries) =>
      retries === 0 ? Promise.reject(later(trial.run === 'dead' ? DAYS_OF_SECONDS : 240)) : Promise.resolve({});
    const profile = poolOf('two', 2);
    const dead = await harness.trial({ run: 'dead', profile });
    await untilTriedAgainLater(dead);
    await dead.terminate('by hand');
    await (await harness.search(specOf({ trials: 18, parallel: 3 }), profile)).result();
    const { holders } = await gateOf('two').query<GateState>('state');
    expect(holders.map(({ holder }) => holder)).not.toContain(dead.workflowId);
  });

  it('takes back the place of a trial that was begun again under its id and does not want one', async () => {
    harness.world.attempt = ({ trial }, retries) =>
      trial.run === 'paused' && retries === 0 ? Promise.reject(later(DAYS_OF_SECONDS)) : Promise.resolve({});
    const profile = poolOf('one', 1);
    const first = await harness.trial({ run: 'paused', profile });
    await untilTriedAgainLater(first);
    await first.terminate('by hand');
    // It runs, and it is another run of Temporal's: the place was not its own.
    await harness.trial({ run: 'paused', profile, wanted: { stop: null, paused: true } });
    const second = await harness.trial({ run: 'second', profile });
    expect((await second.result()).status).toBe('succeeded');
  });

  it('answers a trial that was terminated and begun again under its id', async () => {
    harness.world.attempt = (_input, retries) =>
      harness.world.attempts.length === 1 && retries === 0 ? Promise.reject(later(DAYS_OF_SECONDS)) : Promise.resolve({});
    const profile = poolOf('one', 1);
    const first = await harness.trial({ run: 'again', profile });
    await untilTriedAgainLater(first);
    await first.terminate('by hand');
    const second = await harness.trial({ run: 'again', profile });
    expect((await second.result()).status).toBe('succeeded');
  });

  it('outlives a look that fails, and still knows who has its places', async () => {
    faults = 3;
    harness.world.attempt = ({ trial }, retries) =>
      trial.run === 'first' && retries === 0 ? Promise.reject(later(DAYS_OF_SECONDS)) : Promise.resolve({});
    await untilTriedAgainLater(await harness.trial({ run: 'first', profile: poolOf('one', 1) }));
    const { runId } = await gateOf('one').describe();
    await harness.trial({ run: 'second', profile: poolOf('one', 1) });
    await harness.environment.sleep('2 hours');
    expect(faults).toBe(0);
    expect((await harness.client.workflow.getHandle(poolGateWorkflowId('one'), runId).describe()).status.name).toBe('RUNNING');
    expect(harness.world.attempts.map(({ trial }) => trial.run)).toEqual(['first']);
  });
});

describe('requests for places', () => {
  const request = (holder: string, token?: string): SlotRequest => ({
    holder,
    run: holder,
    priority: 0,
    limit: 1,
    ...(token ? { token } : {}),
  });
  const full = (): GateState => ({ limit: 1, holders: [request('a', 'a/1')], waiting: [] });

  it('of a run with a smaller limit of its own wait for that run alone', () => {
    const own = (holder: string, run: string): SlotRequest => ({
      ...request(holder),
      run,
      limit: 3,
      ...(run === 'small' ? { ofRun: 1 } : {}),
    });
    const state: GateState = { limit: 3, holders: [own('a', 'small')], waiting: [] };
    for (const holder of ['b', 'c']) acquire(state, own(holder, 'small'));
    expect(nextGrant(state)).toBeNull();
    acquire(state, own('d', 'large'));
    expect(nextGrant(state)?.holder).toBe('d');
    release(state, 'a');
    expect(nextGrant(state)?.holder).toBe('b');
    expect(state.limit).toBe(3);
  });

  it('of who has one already are answered once more', () => {
    const state = full();
    acquire(state, request('a', 'a/2'));
    expect(state).toMatchObject({ holders: [{ token: 'a/2' }], waiting: [], again: ['a'] });
  });

  it('are not given back by a word about an earlier one', () => {
    const state = full();
    acquire(state, request('a', 'a/2'));
    release(state, 'a', 'a/1');
    expect(state.holders).toHaveLength(1);
    release(state, 'a', 'a/2');
    expect(state.holders).toHaveLength(0);
  });

  it('are granted to the team that has least, then to the run that has least, then by priority, then in turn', () => {
    const of = (team: string | undefined, run: string, name: string, priority = 0): SlotRequest => ({
      ...request(name),
      run,
      priority,
      ...(team === undefined ? {} : { team }),
    });
    const state: GateState = {
      limit: 10,
      holders: [of('big', 'b1', 'h1'), of('big', 'b2', 'h2'), of('small', 's1', 'h3')],
      waiting: [
        of('big', 'b3', 'w1', 9),
        of('small', 's1', 'w2', 9),
        of('small', 's2', 'w3'),
        of('small', 's2', 'w4', 1),
        of('small', 's2', 'w5', 1),
      ],
    };
    const granted: string[] = [];
    for (let next = nextGrant(state); next !== null; next = nextGrant(state)) {
      granted.push(next.holder);
      state.waiting = state.waiting.filter((each) => each !== next);
      state.holders.push(next);
    }
    expect(granted).toEqual(['w4', 'w1', 'w2', 'w5', 'w3']);
    expect(nextGrant({ ...state, limit: 8, waiting: [of('new', 'n', 'w6')] })).toBeNull();
  });

  it('of trials of release 0.1 have no token, and are given back all the same', () => {
    const state = full();
    release(state, 'a');
    expect(state.holders).toHaveLength(0);
  });
});

describe('a pool with a limit', () => {
  const harness = sharedSearchHarness();
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
    await until(async () => (await gate('shared'))?.waiting.length === 1, 'the first run to fill the pool');
    const second = await harness.search(spec, poolOf('shared', 2));
    await until(async () => (await gate('shared'))?.waiting.length === 4, 'the second run to wait');
    const holder = (await gate('shared'))?.holders[0]?.holder ?? '';
    await harness.client.workflow.getHandle(holder).signal('stop', { reason: 'makes room' });
    const run = second.workflowId.split('/')[0];
    await until(async () => (await gate('shared'))?.holders.some((one) => one.run === run), 'a place for the second run');
    await Promise.all([first.cancel(), second.cancel()]);
    await Promise.allSettled([first.result(), second.result()]);
    await until(async () => (await gate('shared'))?.holders.length === 0, 'every place to be given back');
  });

  it('forgets nothing when it is replayed: a trial that waits gets the place of one that ended', async () => {
    // Whoever is first keeps its place until it is stopped.
    harness.world.attempt = async () => (harness.world.attempts.length === 1 ? { verdict: await harness.stopAsked() } : {});
    const search = await harness.search(specOf({ trials: 2, parallel: 2 }), poolOf('one', 1));
    await until(async () => (await gate('one'))?.waiting.length === 1, 'the second trial to wait');
    await until(() => Promise.resolve(harness.world.attempts.length === 1), 'the first attempt');
    const held = (await gate('one'))?.holders[0]?.holder ?? '';
    // A worker that lost its memory replays the gate's history for this query.
    await harness.client.workflowService.resetStickyTaskQueue({
      namespace: namespaceOf(harness.environment),
      execution: { workflowId: poolGateWorkflowId('one') },
    });
    expect(await gate('one')).toMatchObject({ limit: 1, holders: [{ holder: held }] });
    await harness.client.workflow.getHandle(held).signal('stop', { reason: 'makes room' });
    expect((await search.result()).counts).toMatchObject({ succeeded: 1, stopped: 1 });
    await until(async () => (await gate('one'))?.holders.length === 0, 'every place to be given back');
  });
});
