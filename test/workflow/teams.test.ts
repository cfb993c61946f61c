/** Two teams in one Temporal namespace: each has its own queues and workers, and finds nothing of the other. */
import { temporal } from '@temporalio/proto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RefusedError, UnknownRunError, type Longhaul } from '../../src/client/index.ts';
import { homeOfStorage, poolGateWorkflowId, quotaGateWorkflowId, tensorboardWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES } from '../../src/contract/names.ts';
import { Policy } from '../../src/contract/policy.ts';
import type { SearchState } from '../../src/contract/state.ts';
import { queueOf } from '../../src/contract/teams.ts';
import type { GateState } from '../../workflows/pools/gate.ts';
import { documentOf, query } from './documents.ts';
import { longhaulOf, until } from './environment.ts';
import { profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

const TRIALS_AT_ONCE = 2;
/** gRPC's own names of values. */
const { EventType } = temporal.api.enums.v1;

let north: SearchHarness;
let south: SearchHarness;
beforeAll(async () => {
  const policy = Policy.parse({ trials: TRIALS_AT_ONCE, pools: { fleet: 3 } });
  north = await startSearchHarness('real', [], {}, 'world', { team: 'north', policy });
  south = await startSearchHarness('real', [], {}, 'world', { team: 'south', beside: north });
});
afterAll(async () => {
  await south.stop();
  await north.stop();
});
beforeEach(() => {
  north.reset();
  south.reset();
});

const clientOf = (team: string | null): Longhaul => longhaulOf(north.environment, team);
const gate = (workflowId: string): Promise<GateState | null> =>
  north.client.workflow
    .getHandle(workflowId)
    .query<GateState>('state')
    .catch(() => null);

describe('the schedule of a team', () => {
  it('is found and changed by its own clients only, and by those of no team', async () => {
    const [own, other, all] = [clientOf('north').schedules, clientOf('south').schedules, clientOf(null).schedules];
    const yearly = { cron: '0 3 1 1 *' };
    await own.create('northern', documentOf([query('q')]), yearly);
    await other.create('southern', documentOf([query('q')]), yearly);
    const namesOf = async (schedules: typeof own): Promise<string[]> =>
      (await schedules.list()).map(({ name, team }) => `${name} of ${team ?? 'none'}`);
    await until(async () => (await namesOf(all)).length === 2, 'both in the list');
    expect(await namesOf(all)).toEqual(['northern of north', 'southern of south']);
    expect(await namesOf(own)).toEqual(['northern of north']);
    for (const change of [other.pause, other.trigger, other.delete]) await expect(change('northern')).rejects.toThrow(RefusedError);
    expect((await own.describe('northern')).paused).toBe(false);
    await own.pause('northern', 'holidays');
    expect(await own.describe('northern')).toMatchObject({ paused: true, note: 'holidays', team: 'north' });
    // What is still needed is asked of everybody's: a team's garbage may be another one's code.
    const needed = new Map((await own.documents()).map(({ name, document }) => [name, document]));
    expect(needed.get('southern')).toMatchObject({ pipeline: documentOf([]).pipeline, steps: [{ id: 'q' }] });
    for (const name of ['northern', 'southern']) await all.delete(name);
  });
});

describe('the run of a team', () => {
  it('is worked on by its own workers alone, and takes one share of them however much it does', async () => {
    const search = await north.search(specOf({ trials: 3 }));
    expect((await search.result()).counts.succeeded).toBe(3);
    expect(north.world.attempts).toHaveLength(3);
    expect(south.world.attempts).toEqual([]);
    expect(south.world.asked).toEqual([]);
    const { events } = await search.fetchHistory();
    const scheduled = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: one }) => (one ? [one] : []));
    expect(scheduled.length).toBeGreaterThan(2);
    for (const { taskQueue, priority } of scheduled) {
      expect(taskQueue?.name).toMatch(/^north-longhaul-/);
      expect(priority?.fairnessKey).toBe(search.workflowId);
    }
    const children = (events ?? []).filter(({ eventType }) => eventType === EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED);
    expect(children).toHaveLength(3);
    for (const { startChildWorkflowExecutionInitiatedEventAttributes: child } of children) {
      expect(child?.taskQueue?.name).toBe(queueOf('north', TASK_QUEUES.control));
      expect(child?.priority?.fairnessKey).toBe(search.workflowId);
    }
  });

  it('has so many trials at once as its policy says, over all its runs, and other teams are not asked to wait', async () => {
    let most = 0;
    north.world.attempt = async () => {
      most = Math.max(most, north.running());
      // The first ones stay until others have to wait for them.
      if (north.world.attempts.length <= TRIALS_AT_ONCE)
        await until(async () => (await gate(quotaGateWorkflowId('north')))?.waiting.length, 'others to wait');
      return {};
    };
    south.world.attempt = async () => ({ verdict: await south.stopAsked() });
    const theirs = await south.search(specOf({ trials: 4, parallel: 4 }));
    await until(() => Promise.resolve(south.running() === 4), 'four trials of the other team');
    const spec = specOf({ trials: 4, parallel: 4 });
    const searches = await Promise.all([north.search(spec), north.search(spec)]);
    const results = await Promise.all(searches.map((search) => search.result()));
    expect(results.map(({ counts }) => counts.succeeded)).toEqual([4, 4]);
    expect(most).toBeLessThanOrEqual(TRIALS_AT_ONCE);
    expect(await gate(quotaGateWorkflowId('south'))).toBeNull();
    await until(async () => (await gate(quotaGateWorkflowId('north')))?.holders.length === 0, 'every place to be given back');
    await theirs.cancel();
    await theirs.result().catch(() => undefined);
  });

  it('says why a trial waits', async () => {
    north.world.attempt = async () => ({ verdict: await north.stopAsked() });
    const search = await north.search(specOf({ trials: 3, parallel: 3 }));
    await until(async () => (await gate(quotaGateWorkflowId('north')))?.waiting.length === 1, 'the third trial to wait');
    const waiting = (await gate(quotaGateWorkflowId('north')))?.waiting[0]?.holder ?? '';
    const { note } = await north.client.workflow.getHandle(waiting).query<{ note: string }>('state');
    expect(note).toBe('waits for one of the 2 trials that team north may have at once');
    await search.cancel();
    await search.result().catch(() => undefined);
  });

  it('counts places in pools of its own, unless its pool is shared', async () => {
    const profile = profileOf({
      pools: [{ name: 'gpu', spot: false, maxAttempts: 1 }],
    });
    const shared = profileOf({ pools: [{ name: 'all', spot: false, maxAttempts: 1, shared: true }] });
    for (const harness of [north, south]) {
      await (await harness.search(specOf({ trials: 1 }), profile)).result();
      await (await harness.search(specOf({ trials: 1 }), shared)).result();
    }
    for (const team of ['north', 'south']) expect(await gate(poolGateWorkflowId('gpu', team))).toMatchObject({ limit: 1 });
    expect(await gate(poolGateWorkflowId('gpu'))).toBeNull();
    expect(await gate(poolGateWorkflowId('all'))).toMatchObject({ limit: 1 });
  });

  it('sets no limit of a pool that the policy shares: a larger one is the policy’s, and a smaller one its own run’s', async () => {
    const asking = (maxAttempts: number) => profileOf({ pools: [{ name: 'fleet', spot: false, maxAttempts, shared: true }] });
    for (const [asked, own] of [
      [400, undefined],
      [1, 1],
    ] as const) {
      north.world.attempt = async () => ({ verdict: await north.stopAsked() });
      const trial = await north.trial({ run: `asks-${asked}`, profile: asking(asked) });
      await until(async () => (await gate(poolGateWorkflowId('fleet')))?.holders.length, 'the place to be given');
      const state = await gate(poolGateWorkflowId('fleet'));
      expect(state?.limit).toBe(3);
      expect(state?.holders[0]?.ofRun).toBe(own);
      await trial.cancel();
      await trial.result().catch(() => undefined);
      await until(async () => (await gate(poolGateWorkflowId('fleet')))?.holders.length === 0, 'the place to be given back');
    }
  });

  it('has a TensorBoard that another team with a pipeline of this name does not hold', () => {
    const [one, other] = ['one', 'other'].map((bucket) => homeOfStorage({ kind: 'gcs', bucket, prefix: '' }));
    expect(tensorboardWorkflowId('p', one)).not.toBe(tensorboardWorkflowId('p', other));
    expect(homeOfStorage({ kind: 'gcs', bucket: 'one', prefix: '' })).toBe(one);
  });
});

describe('a client of a team', () => {
  it('starts runs on the queue of its team, and finds none of another', async () => {
    const [ours, theirs] = [clientOf('north'), clientOf('south')];
    const run = await ours.start(documentOf([query('a')]), { runId: 'ours', priority: 1 });
    await run.result();
    const { taskQueue, raw } = await north.client.workflow.getHandle('ours').describe();
    expect(taskQueue).toBe(queueOf('north', TASK_QUEUES.control));
    expect(raw.workflowExecutionInfo?.priority).toMatchObject({ priorityKey: 1, fairnessKey: 'ours' });
    const seen = theirs.run('ours');
    const unknown = expect.objectContaining({ name: UnknownRunError.name }) as Error;
    const calls = [
      () => seen.state(),
      () => seen.document(),
      () => seen.cancel(),
      () => seen.pause(),
      () => seen.approve(),
      () => seen.search('s').state(),
    ];
    for (const call of calls) await expect(call()).rejects.toEqual(unknown);
    await until(async () => (await ours.list()).some(({ run: name }) => name === 'ours'), 'the run to be listed');
    expect(await theirs.list()).toEqual([]);
    expect((await clientOf(null).list()).map(({ run: name }) => name)).toContain('ours');
    // The name is taken in the Temporal namespace that both share: that is said, and nothing of the other run.
    await expect(theirs.start(documentOf([query('a')]), { runId: 'ours' })).rejects.toThrow(RefusedError);
  });

  it('reads the state of its own searches', async () => {
    const search = await north.search(specOf({ trials: 1 }));
    await search.result();
    const [run = '', step = ''] = search.workflowId.split('/');
    const state: SearchState = await clientOf('north').run(run).search(step).state();
    expect(state.status).toBe('succeeded');
    await expect(clientOf('south').run(run).search(step).state()).rejects.toThrow(UnknownRunError);
  });
});
