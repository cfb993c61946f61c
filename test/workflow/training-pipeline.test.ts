import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AdapterError } from '../../src/contract/errors.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunResult, RunState } from '../../src/contract/state.ts';
import { GRACES } from '../../src/rules/durations.ts';
import { documentOf, query, script } from './documents.ts';
import { startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import type { MemoryPorts } from './memory-ports.ts';

describe('trainingPipeline', () => {
  const ports: MemoryPorts = createMemoryPorts();
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness(ports, 'real');
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    ports.reset();
  });

  const run = async (document: RunDocument): Promise<RunResult> => (await harness.start(document)).result();
  const failing = async (document: RunDocument): Promise<ApplicationFailure> => {
    const error: unknown = await (await harness.start(document)).result().then(
      () => new Error('the run succeeded'),
      (reason: unknown) => reason,
    );
    if (!(error instanceof WorkflowFailedError)) throw error;
    return error.cause as ApplicationFailure;
  };
  const statuses = (result: { steps: RunResult['steps'] }): Record<string, string> =>
    Object.fromEntries(result.steps.map((step) => [step.id, step.status]));

  it('keeps the log of each attempt of a step beside its run, apart from its output', async () => {
    ports.onJob = async ({ labels }) => (labels.attempt === '1' ? { state: 'failed', exitCode: 1 } : {});
    const result = await run(documentOf([script('noisy', { retry: { attempts: 2, backoffSeconds: 0.01 } })]));
    const kept = [...ports.objects].flatMap(([uri, { data }]) => (uri.includes('/logs/') ? [[uri, new TextDecoder().decode(data)]] : []));
    const home = `file:///memory/runs/${result.run}/steps/noisy/logs`;
    expect(kept.filter(([uri]) => uri?.endsWith('.log'))).toEqual(
      [1, 2].map((attempt) => [`${home}/${attempt}/000000000001.log`, '2026-11-29T10:00:00Z noisy writes\n']),
    );
    expect(kept.filter(([uri]) => uri?.endsWith('END.json'))).toHaveLength(2);
  });

  it('passes outputs from step to step', async () => {
    const result = await run(documentOf([query('a'), query('b', { tables: { a: '{steps.a.outputs.table}' }, dependsOn: ['a'] })]));
    expect(statuses(result)).toEqual({ a: 'succeeded', b: 'succeeded' });
    expect(ports.calls).toEqual([`query SELECT 'a'`, `query SELECT 'b'`]);
    expect(ports.rowsOf('steps').map((row) => row.status)).toEqual(['succeeded', 'succeeded']);
    expect(ports.rowsOf('runs').map((row) => row.status)).toEqual(['running', 'succeeded']);
  });

  it('takes everything from the cache the second time, and makes again what is gone', async () => {
    const document = documentOf([query('a'), query('b', { tables: { a: '{steps.a.outputs.table}' } })]);
    const first = await run(document);
    const second = await run(document);
    expect(statuses(second)).toEqual({ a: 'cached', b: 'cached' });
    expect(second.steps.map((step) => step.outputs)).toEqual(first.steps.map((step) => step.outputs));
    expect(ports.calls).toHaveLength(2);
    ports.tables.delete(first.steps[1]?.outputs.table as string);
    expect(statuses(await run(document))).toEqual({ a: 'cached', b: 'succeeded' });
  });

  it('lets a failed step fail what depends on it and nothing else, and says why', async () => {
    ports.onQuery = async (sql) => {
      if (sql.includes('bad')) throw new AdapterError('InvalidQuery', 'bad.sql:1: no such column');
    };
    const failure = await failing(documentOf([query('bad'), query('needs', { dependsOn: ['bad'] }), query('free')]));
    expect(failure.type).toBe('InvalidQuery');
    expect(failure.message).toContain('step bad failed: bad.sql:1: no such column');
    expect(failure.message).toContain('not run because of that: needs');
    const [result] = failure.details as [RunResult];
    expect(statuses(result)).toEqual({ bad: 'failed', needs: 'blocked', free: 'succeeded' });
    expect([...ports.objects.keys()].filter((uri) => uri.endsWith('.lock'))).toEqual([]);
  });

  it('runs onExit steps after a failure, which see how the run ended', async () => {
    ports.onQuery = async (sql) => {
      if (sql.includes('bad')) throw new AdapterError('InvalidQuery', 'no');
    };
    const ended = (status: string): StepCondition => ({
      op: '==',
      left: { op: 'ref', ref: 'run.status' },
      right: { op: 'value', value: status },
    });
    type StepCondition = NonNullable<RunDocument['steps'][number]['when']>;
    const failure = await failing(
      documentOf([query('bad')], {
        onExit: [script('on-failure', { when: ended('failed') }), script('on-success', { when: ended('succeeded') })],
      }),
    );
    expect(statuses((failure.details as [RunResult])[0])).toEqual({ bad: 'failed', 'on-failure': 'succeeded', 'on-success': 'skipped' });
  });

  it('checks the types of what a script writes', async () => {
    ports.onJob = async () => ({ outputs: { rows: 'many' } });
    const failure = await failing(documentOf([script('count', { outputs: { rows: 'int' }, retry: { attempts: 1 } })]));
    expect(failure.message).toContain('step count, output rows: expected int, found "many"');
  });

  it('starts a preempted script again without counting it as a retry', async () => {
    let preemptions = 0;
    ports.onJob = async () => (preemptions++ < 3 ? { state: 'failed', exitCode: 143, disruption: 'EvictionByEvictionAPI' } : {});
    const result = await run(documentOf([script('spot', { retry: { attempts: 1 } })]));
    expect(statuses(result)).toEqual({ spot: 'succeeded' });
    expect(preemptions).toBe(4);
  });

  it('cancels what runs, removes its Jobs, and still runs onExit', async () => {
    ports.onJob = (job) => (job.labels.step === 'long' ? new Promise(() => undefined) : Promise.resolve({}));
    const handle = await harness.start(
      documentOf([script('long'), script('later', { dependsOn: ['long'] })], { onExit: [script('clean-up')] }),
    );
    await until(async () => ports.calls.some((call) => call.startsWith('create')), 'the Job');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancel/i);
    const state = await handle.query<RunState>('state');
    expect(statuses(state)).toEqual({ long: 'cancelled', later: 'cancelled', 'clean-up': 'succeeded' });
    expect(state.status).toBe('cancelled');
    expect(new Set(ports.calls.filter((call) => call.startsWith('remove'))).size).toBe(1);
  });

  it('removes the Job of a step that is cancelled while the worker that watched it is away', async () => {
    // No part of the Job's own worker: to Temporal it waits for its next try.
    ports.onJob = () => Promise.reject(ApplicationFailure.create({ message: 'gone', nextRetryDelay: '1 hour' }));
    const handle = await harness.start(documentOf([script('long')]));
    await until(async () => ports.calls.some((call) => call.startsWith('create')), 'the Job');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancel/i);
    expect(new Set(ports.calls.filter((call) => call.startsWith('remove'))).size).toBe(1);
  });

  it('ends the jobs of BigQuery of a step that is cancelled while the worker that watched them is away', async () => {
    ports.onQuery = () => Promise.reject(ApplicationFailure.create({ message: 'gone', nextRetryDelay: '1 hour' }));
    const document = documentOf([query('long')]);
    const bigquery = { kind: 'bigquery' as const, project: 'shop', dataset: 'ranking' };
    const handle = await harness.start({ ...document, profile: Profile.parse({ ...document.profile, warehouse: bigquery }) });
    await until(async () => ports.calls.some((call) => call.startsWith('query')), 'the query');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancel/i);
    expect(ports.calls.slice(1)).toEqual([expect.stringMatching(new RegExp(`^cancel longhaul-${handle.workflowId}-long-`)) as string]);
  });

  it('waits for a person, and refuses answers to what nobody asked', async () => {
    const approval = { id: 'ask', spec: { kind: 'approval' as const, message: 'Promote?' } };
    const handle = await harness.start(documentOf([approval, script('promote', { dependsOn: ['ask'] })]));
    const state = await until(async () => {
      const now = await handle.query<RunState>('state');
      return now.approvals.length > 0 && now;
    }, 'the approval');
    expect(state.status).toBe('waiting');
    await expect(handle.executeUpdate('approve', { args: [{ step: 'promote' }] })).rejects.toThrow();
    await handle.executeUpdate('approve', { args: [{ step: 'ask', by: 'ana', why: 'looks good' }] });
    const result = await handle.result();
    expect(result.steps[0]?.outputs).toEqual({ approved: true, by: 'ana', why: 'looks good' });
  });

  it('makes an output once when two runs need it at the same time', async () => {
    let release: () => void = () => undefined;
    const open = new Promise<void>((resolve) => (release = resolve));
    ports.onQuery = () => open;
    const document = documentOf([query('shared')]);
    const first = await harness.start(document);
    await until(async () => ports.calls.length > 0, 'the first query');
    const second = await harness.start(document);
    await until(async () => (await second.query<RunState>('state')).steps[0]?.status === 'waiting', 'the second run to wait');
    release();
    const results = await Promise.all([first.result(), second.result()]);
    expect(results.map((result) => statuses(result).shared)).toEqual(['succeeded', 'cached']);
    expect(ports.calls).toHaveLength(1);
  });

  describe('while another run makes the same output', () => {
    type Run = Awaited<ReturnType<Harness['start']>>;
    /** The first one makes it until it is cancelled or the test says that it is made. */
    const twoRuns = async (): Promise<{ first: Run; second: Run; waiting: number | undefined; made: () => void }> => {
      const made = Promise.withResolvers<undefined>();
      ports.onQuery = (_sql, signal) =>
        Promise.race([
          made.promise,
          new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('ended')))),
        ]);
      const document = documentOf([query('shared')]);
      const first = await harness.start(document);
      await until(async () => ports.calls.length > 0, 'the first query');
      const second = await harness.start(document);
      await until(async () => (await second.query<RunState>('state')).steps[0]?.status === 'waiting', 'the second run to wait');
      const wait = await until(
        async () => (await second.describe()).raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'prepareStep'),
        'its activity',
      );
      return { first, second, waiting: Number(wait.activityOptions?.startToCloseTimeout?.seconds), made: () => made.resolve(undefined) };
    };
    const looks = (): number => ports.reads.filter((uri) => uri.endsWith('.lock')).length;
    const triesOf = async (run: Run): Promise<unknown[]> =>
      ((await run.fetchHistory()).events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) =>
        started ? [started.attempt] : [],
      );

    it('waits in one try of one activity, which may last as long as a Job', async () => {
      const { first, second, waiting, made } = await twoRuns();
      expect(waiting).toBe(GRACES.jobMs / 1000);
      const before = looks();
      await until(() => Promise.resolve(looks() > before + 1), 'two more looks');
      made();
      await Promise.all([first.result(), second.result()]);
      expect(new Set(await triesOf(second))).toEqual(new Set([1]));
      expect(ports.calls).toHaveLength(1);
    });

    it('makes it itself when the other run gives up', async () => {
      const { first, second, made } = await twoRuns();
      await first.cancel();
      await expect(first.result()).rejects.toThrow(/cancel/i);
      made();
      expect(statuses(await second.result()).shared).toBe('succeeded');
    });

    it('ends when it is cancelled', async () => {
      const { first, second, made } = await twoRuns();
      await second.cancel();
      await expect(second.result()).rejects.toThrow(/cancel/i);
      made();
      expect(statuses(await first.result()).shared).toBe('succeeded');
    });
  });

  it('refuses a document that is not one, with the first problems', async () => {
    const failure = await failing({ pipeline: 'X', steps: [{ id: 'a', spec: { kind: 'query' } }] } as unknown as RunDocument);
    expect(failure.type).toBe('InvalidDocument');
    expect(failure.message).toContain('schemaVersion');
  });

  it('fills in the defaults of a document written by hand', async () => {
    const { onExit: _onExit, params: _params, ...document } = documentOf([query('a')]);
    expect(statuses(await run(document as RunDocument))).toEqual({ a: 'succeeded' });
  });

  it('starts no step while it is paused', async () => {
    let release: () => void = () => undefined;
    const open = new Promise<void>((resolve) => (release = resolve));
    ports.onQuery = (sql) => (sql.includes('first') ? open : Promise.resolve());
    const handle = await harness.start(documentOf([query('first'), query('second', { dependsOn: ['first'] })]));
    await until(async () => ports.calls.length > 0, 'the first query');
    await handle.executeUpdate('pause', { args: [{ by: 'ana' }] });
    release();
    await until(async () => (await handle.query<RunState>('state')).steps[0]?.status === 'succeeded', 'the first step');
    expect((await handle.query<RunState>('state')).status).toBe('paused');
    expect(ports.calls).toHaveLength(1);
    await handle.executeUpdate('resume', { args: [{}] });
    expect(statuses(await handle.result())).toEqual({ first: 'succeeded', second: 'succeeded' });
  });

  it('runs onExit when it is cancelled while it is paused', async () => {
    const handle = await harness.start(
      documentOf([query('first'), { id: 'ask', spec: { kind: 'approval', message: '?' } }], { onExit: [script('clean-up')] }),
    );
    await until(async () => (await handle.query<RunState>('state')).approvals.length > 0, 'the approval');
    await handle.executeUpdate('pause', { args: [{}] });
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancel/i);
    expect(statuses(await handle.query<RunState>('state'))).toMatchObject({ ask: 'cancelled', 'clean-up': 'succeeded' });
  });

  it('pauses at its budget until someone resumes it', async () => {
    ports.onJob = async () => ({ startedAt: 0, endedAt: 3_600_000 });
    const document = documentOf([script('dear'), script('next', { dependsOn: ['dear'] })], { budget: { cost: 5 } });
    document.profile.pools = [{ name: 'gold', spot: false, pricePerHour: 7, nodeSelector: {}, tolerations: [] }];
    const handle = await harness.start(document);
    const state = await until(async () => {
      const now = await handle.query<RunState>('state');
      return now.status === 'paused' && now;
    }, 'the pause');
    expect(state.reason).toContain('it cost 7.00 of 5 USD');
    expect(statuses(state)).toEqual({ dear: 'succeeded', next: 'pending' });
    await handle.executeUpdate('resume', { args: [{ by: 'ana' }] });
    const result = await handle.result();
    expect(result.cost).toBe(14);
  });

  it('runs a wide graph', async () => {
    const steps = Array.from({ length: 60 }, (_, index) => script(`s${index}`));
    const result = await run(documentOf([...steps, script('last', { dependsOn: steps.map((step) => step.id) })]));
    expect(result.steps.every((step) => step.status === 'succeeded')).toBe(true);
  });
});
