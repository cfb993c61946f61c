import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { createStepActivities } from '../../../activities/steps.ts';
import type { FinishInput, Prepared } from '../../../activities/steps.ts';
import type { PrepareInput } from '../../../src/cache/key.ts';
import type { Profile } from '../../../src/contract/profile.ts';
import type { StepState } from '../../../src/contract/state.ts';
import type { Step, StepSpec } from '../../../src/contract/steps.ts';
import { GRACES } from '../../../src/rules/durations.ts';
import { documentOf, exportStep, query, script } from '../../workflow/documents.ts';
import type { StepInput } from '../../workflow/documents.ts';
import { createMemoryPorts, ROOT } from '../../workflow/memory-ports.ts';

const stepOf = (input: StepInput): Step => {
  const [step] = documentOf([input]).steps;
  if (!step) throw new Error('no step');
  return step;
};

function setUp() {
  const ports = createMemoryPorts();
  const activities = createStepActivities(ports, async () => true);
  const { profile } = documentOf([]);
  const prepare = (step: Step, fields: Partial<PrepareInput> = {}): Promise<Prepared> =>
    new MockActivityEnvironment().run((input: PrepareInput) => activities.prepareStep(input), {
      run: 'run',
      pipeline: 'p',
      profile,
      step,
      references: [],
      startedAt: 0,
      wait: false,
      ...fields,
    });
  const finish = (step: Step, prepared: Prepared, outputs: StepState['outputs']): Promise<void> => {
    const state: StepState = {
      id: step.id,
      kind: step.spec.kind,
      status: 'succeeded',
      startedAt: 0,
      endedAt: 1,
      cacheKey: prepared.key,
      cacheHit: false,
      outputs,
      reason: null,
      workflowId: null,
      cost: 0,
    };
    const input: FinishInput = {
      run: 'run',
      pipeline: 'p',
      profile,
      state,
      endedAt: 1,
      digest: prepared.outcome === 'miss' ? prepared.digest : null,
      outputTypes: { table: 'table', uri: 'uri', output: 'uri', big: 'json' },
      job: null,
      image: null,
      bytes: null,
    };
    return new MockActivityEnvironment().run((given: FinishInput) => activities.finishStep(given), input);
  };
  const table = (name: string, version: string): void => {
    ports.tables.set(name, { table: name, rows: 1, bytes: 1, version, columns: [], job: null });
  };
  return { ports, prepare, finish, table, profile };
}

const keyOf = async (given: ReturnType<typeof setUp>, step: Step, fields: Partial<PrepareInput> = {}): Promise<string> =>
  (await given.prepare(step, fields)).key;

describe('the cache key', () => {
  it('is the same for the same content, whatever the run, the pipeline, the step and the file are called', async () => {
    const given = setUp();
    const step = stepOf(query('a', { sql: 'SELECT 1' }));
    const renamed = { ...step, id: 'b', spec: { ...step.spec, sqlFile: 'moved.sql' } as StepSpec };
    expect(await keyOf(given, renamed, { run: 'other', pipeline: 'q' })).toBe(await keyOf(given, step));
  });

  it('changes with the SQL, the version of a table, and the generation of an object', async () => {
    const given = setUp();
    given.table('d.in', 'v1');
    const sql = (text: string): Step => stepOf(query('a', { sql: text, tables: { t: 'd.in' } }));
    const first = await keyOf(given, sql('SELECT 1'));
    expect(await keyOf(given, sql('SELECT 2'))).not.toBe(first);
    given.table('d.in', 'v2');
    expect(await keyOf(given, sql('SELECT 1'))).not.toBe(first);

    const store = await given.ports.store({} as Profile);
    await store.write(`${ROOT}/in/part-0`, 'a');
    const reads = stepOf(script('s', { inputs: { data: `${ROOT}/in` } as never }));
    const before = await keyOf(given, reads);
    expect(await keyOf(given, reads)).toBe(before);
    await store.write(`${ROOT}/in/part-0`, 'b');
    expect(await keyOf(given, reads)).not.toBe(before);
  });

  it('covers tables that came from other steps, wherever they stand', async () => {
    const given = setUp();
    given.table('d.in', 'v1');
    const references = [{ type: 'table' as const, value: 'd.in' }];
    const step = stepOf(script('s', { inputs: { table: 'd.in' } as never }));
    const before = await keyOf(given, step, { references });
    given.table('d.in', 'v2');
    expect(await keyOf(given, step, { references })).not.toBe(before);
  });

  it("is a run's own where nothing is to be shared", async () => {
    const given = setUp();
    const step = stepOf({ ...query('a'), cache: false });
    expect(await keyOf(given, step, { run: 'one' })).not.toBe(await keyOf(given, step, { run: 'two' }));
    expect([...given.ports.objects.keys()]).toEqual([]);
  });

  it('cannot be had when an input does not exist', async () => {
    const given = setUp();
    await expect(given.prepare(stepOf(exportStep('e', 'd.missing')))).rejects.toMatchObject({
      type: 'InvalidInput',
      message: 'step e reads the table d.missing, which does not exist',
    });
  });
});

describe('a step that was made before', () => {
  it('is a hit as long as all that it made is there and unchanged', async () => {
    const given = setUp();
    const step = stepOf(query('a'));
    given.table('d.out', 'v1');
    await given.finish(step, await given.prepare(step), { table: 'd.out', rows: 1 });
    expect(await given.prepare(step)).toMatchObject({ outcome: 'hit', outputs: { table: 'd.out', rows: 1 }, from: 'run' });
    given.table('d.out', 'v2');
    expect(await given.prepare(step)).toMatchObject({ outcome: 'miss' });
  });

  it('is not a hit when one part of a prefix is gone', async () => {
    const given = setUp();
    const store = await given.ports.store({} as Profile);
    const step = stepOf(script('s'));
    await store.write(`${ROOT}/o/a`, 'a');
    await store.write(`${ROOT}/o/b`, 'b');
    await given.finish(step, await given.prepare(step), { output: `${ROOT}/o` });
    expect((await given.prepare(step)).outcome).toBe('hit');
    await store.remove(`${ROOT}/o/b`);
    expect((await given.prepare(step)).outcome).toBe('miss');
  });

  it('has its row in the ledger once, and no lock is left', async () => {
    const given = setUp();
    const step = stepOf(script('s'));
    await given.finish(step, await given.prepare(step), {});
    await given.prepare(step);
    await given.prepare(step);
    expect(given.ports.rowsOf('steps')).toHaveLength(1);
    expect([...given.ports.objects.keys()].filter((uri) => uri.endsWith('.lock'))).toEqual([]);
  });

  it('may not have outputs that are too large for a history', async () => {
    const given = setUp();
    const step = stepOf(script('s'));
    await expect(given.finish(step, await given.prepare(step), { big: 'x'.repeat(70_000) })).rejects.toMatchObject({
      type: 'InvalidInput',
    });
  });
});

it('a step that another run makes is looked for again and again by a run of 0.1, which gives each look minutes', async () => {
  const given = setUp();
  const step = stepOf(query('a'));
  await given.prepare(step);
  const { profile } = given;
  const activities = createStepActivities(given.ports, async () => true);
  const later = new MockActivityEnvironment({
    workflowExecution: { workflowId: 'later', runId: 'r' },
    startToCloseTimeoutMs: GRACES.otherRunLookLongestMs,
  });
  const input: PrepareInput = { run: 'later', pipeline: 'p', profile, step, references: [], startedAt: 0, wait: true };
  await expect(later.run((one: PrepareInput) => activities.prepareStep(one), input)).rejects.toMatchObject({
    type: 'Unavailable',
    category: 'BENIGN',
    nextRetryDelay: GRACES.otherRunLookMs,
  });
});

describe('a hit', () => {
  it('makes its record young again, so that gc goes by the last use', async () => {
    const given = setUp();
    const step = stepOf(query('a', { sql: 'SELECT 1' }));
    const prepared = await given.prepare(step);
    given.table('d.a', 'v1');
    await given.finish(step, prepared, { table: 'd.a' });
    const store = await given.ports.store(given.profile);
    // Written anew with the same content: its time of writing is when it was used last.
    const written = async (): Promise<string | undefined> => (await store.stat(`${ROOT}/cache/${prepared.key}.json`))?.generation;
    const before = await written();
    expect((await given.prepare(step)).outcome).toBe('hit');
    expect(await written()).not.toBe(before);
    expect((await given.prepare(step)).outcome).toBe('hit');
  });
});
