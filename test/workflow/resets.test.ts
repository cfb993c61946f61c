/** `temporal workflow reset`: a run, a search or a trial is set back to an earlier moment and goes on from there. */
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { searchWorkflowId, trialWorkflowId } from '../../src/contract/ids.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunResult, SearchState } from '../../src/contract/state.ts';
import { documentOf, query, script } from './documents.ts';
import { namespaceOf, startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { profileOf, specOf } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

/** As `temporal workflow reset`: to its first task, or to its last. @returns what runs now */
async function reset({ client, environment }: Harness, workflowId: string, to: 'first' | 'last'): Promise<WorkflowHandle> {
  const handle = client.workflow.getHandle(workflowId);
  const completed = await until(async () => {
    const { events } = await handle.fetchHistory();
    const tasks = (events ?? []).filter(({ workflowTaskCompletedEventAttributes: task }) => task);
    return to === 'first' ? tasks[0] : tasks.at(-1);
  }, `a task of ${workflowId}`);
  const { runId } = await client.workflowService.resetWorkflowExecution({
    namespace: namespaceOf(environment),
    workflowExecution: { workflowId, runId: (await handle.describe()).runId },
    reason: 'somebody reset it',
    workflowTaskFinishEventId: completed.eventId,
    requestId: crypto.randomUUID(),
  });
  return client.workflow.getHandle(workflowId, runId);
}

describe('a run of steps that is reset', () => {
  const ports = createMemoryPorts();
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness(ports, 'real');
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    ports.reset();
  });

  it.each(['first', 'last'] as const)('to its %s task adopts the Job that runs, and makes nothing twice', async (to) => {
    let free = (): void => undefined;
    const freed = new Promise<void>((resolve) => (free = resolve));
    ports.onJob = async (_job, signal) => {
      await Promise.race([freed, new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))]);
      return {};
    };
    const name = `running-${to}`;
    await harness.start(documentOf([query('made'), script('train', { dependsOn: ['made'] })]), name);
    await expect.poll(() => ports.calls.filter((call) => call.startsWith('create'))).toHaveLength(1);
    const again = await reset(harness, name, to);
    await expect.poll(() => ports.calls.filter((call) => call.startsWith('adopt')).length).toBeGreaterThan(0);
    free();
    const result = (await again.result()) as RunResult;
    expect(result.status).toBe('succeeded');
    expect(ports.calls.filter((call) => call.startsWith('create'))).toHaveLength(1);
    expect(ports.calls.filter((call) => call.startsWith('query'))).toHaveLength(1);
    expect(
      ports
        .rowsOf('runs')
        .filter(({ run }) => run === name)
        .at(-1),
    ).toMatchObject({ status: 'succeeded' });
  });

  it('after its end finds what was made', async () => {
    const name = 'ended';
    const first = await harness.start(documentOf([query('made'), script('train', { dependsOn: ['made'] })]), name);
    await first.result();
    ports.calls.length = 0;
    const again = await reset(harness, name, 'first');
    const result = (await again.result()) as RunResult;
    expect(result.status).toBe('succeeded');
    expect(ports.calls.filter((call) => /^(create|query)/.test(call))).toEqual([]);
  });
});

describe('a run with a search', () => {
  const harness = sharedSearchHarness();
  const document = (of: string): RunDocument => ({
    ...documentOf([{ id: 'search', spec: specOf({ trials: 3, parallel: 3, env: { OF: of }, output: 'file:///out/{key}' }) }]),
    profile: profileOf(),
  });
  const idOf = {
    run: (run: string) => run,
    search: (run: string) => searchWorkflowId(run, 'search'),
    trial: (run: string) => trialWorkflowId(run, 'search', 1),
  };

  /** Attempts last until they are let go, or asked to stop. */
  const heldAttempts = (): { go: () => void } => {
    let go = (): void => undefined;
    const freed = new Promise<'freed'>((resolve) => (go = () => resolve('freed')));
    harness.world.attempt = async () =>
      (await Promise.race([freed, harness.stopAsked()])) === 'stopped' ? { verdict: 'stopped', lastProgress: 3, samples: 40 } : {};
    return { go };
  };
  /** Proposes something else each time it is asked, as a sampler does that has learnt. */
  const learnt = (): void => {
    let asked = 0;
    harness.world.ask = async ({ count }) =>
      Promise.resolve({ suggestions: Array.from({ length: count }, () => ({ x: ++asked / 20 })), exhausted: false, sampler: 'fake' });
  };
  const trialsOf = async (run: string): Promise<SearchState['trials']> =>
    (await harness.client.workflow.getHandle(searchWorkflowId(run, 'search')).query<SearchState>('state')).trials;
  /** Its first task done, what runs now is what it began. */
  const taskDone = (handle: WorkflowHandle): Promise<boolean> =>
    until(async () => {
      const { events } = await handle.fetchHistory();
      const at = (events ?? []).findIndex(({ workflowTaskFailedEventAttributes: failed }) => failed);
      return (events ?? []).slice(at).some(({ workflowTaskCompletedEventAttributes: task }) => task);
    }, 'a task after the reset');

  it.each([
    ['run', 'last'],
    ['search', 'first'],
    ['search', 'last'],
    ['trial', 'first'],
    ['trial', 'last'],
  ] as const)('whose %s is reset to its %s task goes on with the trials that run', async (what, to) => {
    learnt();
    const held = heldAttempts();
    const name = `${what}-${to}`;
    await harness.start(document(name), name);
    await expect.poll(() => harness.running()).toBe(3);
    await taskDone(await reset(harness, idOf[what](name), to));
    await expect.poll(async () => (await trialsOf(name).catch(() => [])).length).toBe(3);
    if (what === 'trial') await expect.poll(() => harness.world.attempts.length).toBe(4);
    held.go();
    const result = (await harness.client.workflow.getHandle(name).result()) as RunResult;
    expect(result.status).toBe('succeeded');
    const attempts = harness.world.attempts.map(({ trial, attempt }) => `${trial.trial}/${attempt}`);
    // Of a trial that was reset, its attempt begins again under its name, and so adopts its Job.
    expect([...new Set(attempts)].sort()).toEqual(['0/1', '1/1', '2/1']);
    expect(attempts).toHaveLength(what === 'trial' ? 4 : 3);
    const trained = new Map(harness.world.attempts.map(({ trial }) => [trial.trial, trial.parameters]));
    for (const { trial, parameters, status } of await trialsOf(name)) {
      expect(status).toBe('succeeded');
      expect(parameters).toEqual(trained.get(trial));
    }
    expect(harness.world.rows.map(({ trial }) => trial).sort()).toEqual([0, 1, 2]);
  });

  it('is reset to its beginning: the trials stop with checkpoints, and the search begins anew in a folder of its own', async () => {
    const held = heldAttempts();
    await harness.start(document('anew'), 'anew');
    await expect.poll(() => harness.running()).toBe(3);
    const again = await reset(harness, 'anew', 'first');
    await expect.poll(() => harness.world.attempts.length).toBe(6);
    expect(harness.running()).toBe(3);
    held.go();
    expect(((await again.result()) as RunResult).status).toBe('succeeded');
    expect(new Set(harness.world.attempts.map(({ trial }) => trial.output)).size).toBe(6);
  });

  it('takes a trial that had ended before a reset of its search for what it is, and no place in the ledger for another', async () => {
    learnt();
    let ended = 0;
    let go = (): void => undefined;
    const freed = new Promise<void>((resolve) => (go = resolve));
    harness.world.attempt = async ({ trial }) => {
      if (trial.trial === 2) return Promise.resolve({ objective: 0.7, metrics: { score: 0.7 } });
      await freed;
      ended += 1;
      return {};
    };
    await harness.start(document('partly'), 'partly');
    await expect.poll(() => harness.world.rows.length).toBe(1);
    await taskDone(await reset(harness, searchWorkflowId('partly', 'search'), 'first'));
    await expect.poll(async () => (await trialsOf('partly').catch(() => []))[2]?.status).toBe('succeeded');
    go();
    expect(((await harness.client.workflow.getHandle('partly').result()) as RunResult).status).toBe('succeeded');
    expect(ended).toBe(2);
    expect(harness.world.attempts.map(({ trial }) => trial.trial).sort()).toEqual([0, 1, 2]);
    const trial = (await trialsOf('partly'))[2];
    const trained = harness.world.attempts.find(({ trial: { trial: number } }) => number === 2)?.trial.parameters;
    expect(trial).toMatchObject({ objective: 0.7, parameters: trained });
    expect([...new Set(harness.world.rows.map((row) => row.trial))].sort()).toEqual([0, 1, 2]);
    // A ledger that keeps one batch for each key keeps every trial once.
    const kept = new Map([...harness.world.batches].reverse().map(({ key, rows }) => [key, rows]));
    expect([...kept.values()].flatMap((rows) => rows.map((row) => row.trial)).sort()).toEqual([0, 1, 2]);
  });
});
