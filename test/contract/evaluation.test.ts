/** Evaluation from an export to the ledger on DuckDB, with the real scorer. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEvaluationActivities } from '../../activities/evaluation.ts';
import type { EvaluateInput } from '../../activities/evaluation-contract.ts';
import { createScoringActivities } from '../../activities/scoring.ts';
import type { PlanScoresInput, ScoringActivities, ScoringJob } from '../../activities/scoring.ts';
import { createStepJobActivities } from '../../activities/step-jobs.ts';
import type { StepJobActivities } from '../../activities/step-jobs.ts';
import type { StepJobEnd, StepJobInput } from '../../activities/step-job-contract.ts';
import type { EvaluateExportInput } from '../../activities/early-evaluation-contract.ts';
import type { WorkInput, WorkResult } from '../../activities/queries.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openDuckdbWarehouse } from '../../src/adapters/duckdb/index.ts';
import { openProcessCompute } from '../../src/adapters/process/index.ts';
import { pythonExecutable } from '../../src/adapters/python.ts';
import { shortHash } from '../../src/contract/ids.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { Pool } from '../../src/contract/profile.ts';
import { EvaluateSpec, EvaluationSpec } from '../../src/contract/steps.ts';
import type { Json } from '../../src/contract/values.ts';
import type { Compute, Ports } from '../../src/ports/index.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { Warehouse } from '../../src/ports/warehouse.ts';

describe('evaluation', () => {
  let root: string;
  let store: ObjectStore;
  let warehouse: Warehouse;
  let compute: Compute;
  let activities: ReturnType<typeof createEvaluationActivities> & ScoringActivities & StepJobActivities;
  let profile: Profile;
  /** What an evaluation of `byTaste` comes to. */
  let first: WorkResult;
  const at = (path: string): string => `${store.root}/${path}`;
  const byPopularity = (): string => at('trial-0/exports/0');
  const byTaste = (): string => at('trial-0/exports/1');

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'longhaul-evaluation-'));
    const script = join(import.meta.dirname, 'fixtures', 'tiny_exports.py');
    store = await openDirectoryStore({ kind: 'directory', path: join(root, 'store') });
    await promisify(execFile)(pythonExecutable(), [script, join(root, 'made')], { env: { ...process.env, CUDA_VISIBLE_DEVICES: '' } });
    const made = join(root, 'made');
    const files = (await readdir(made, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    for (const path of files.map((entry) => join(entry.parentPath, entry.name))) await store.upload(path, at(relative(made, path)));
    warehouse = await openDuckdbWarehouse({ kind: 'duckdb', path: join(root, 'warehouse'), threads: 2 }, { store });
    for (const [source, destination] of [
      ['data', 'grocery.test'],
      ['flat', 'grocery.flat'],
    ] as const)
      await warehouse.query(
        {
          jobId: `test-set-${source}`,
          sql: 'SELECT * FROM {data}',
          sqlFile: 'test.sql',
          parameters: {},
          tables: {},
          sources: { data: at(source) },
          destination,
          clustering: [],
          labels: {},
        },
        { signal: new AbortController().signal, progress: () => undefined },
      );
    profile = Profile.parse({
      warehouse: { kind: 'duckdb', path: join(root, 'warehouse') },
      storage: { kind: 'directory', path: join(root, 'store') },
      compute: { kind: 'process', path: join(root, 'jobs') },
    });
    compute = await openProcessCompute({ kind: 'process', path: join(root, 'jobs') });
    const ports: Ports = { store: async () => store, warehouse: async () => warehouse, compute: async () => compute };
    activities = { ...createEvaluationActivities(ports), ...createScoringActivities(ports), ...createStepJobActivities(ports) };
    first = await evaluate(input('run-1', { compareWith: ['champion'] }));
  });
  afterAll(async () => {
    await compute.close();
    await warehouse.close();
    await rm(root, { recursive: true, force: true });
  });

  const shared = (): object => ({
    table: 'grocery.test',
    features: at('features.json'),
    data: at('data'),
    k: [5],
    segments: ['weekday', 'aisle'],
    baseline: { name: 'popularity', column: 'popularity' },
  });
  const input = (run: string, changes: object = {}): WorkInput<EvaluateSpec> => ({
    run,
    pipeline: 'grocery',
    profile,
    step: 'evaluate',
    key: '0123456789ab',
    spec: EvaluateSpec.parse({ kind: 'evaluate', ...shared(), model: byTaste(), ...changes }),
  });
  const evaluate = (of: EvaluateInput): Promise<WorkResult> =>
    new MockActivityEnvironment().run<[EvaluateInput], WorkResult, (given: EvaluateInput) => Promise<WorkResult>>(
      (given) => activities.evaluateModel(given),
      of,
    );
  /** As the workflow does: a Job for each export that the warehouse does not score, then the metrics. */
  const scoreByJobs = async (of: WorkInput<EvaluateSpec>): Promise<EvaluateInput> => {
    const environment = new MockActivityEnvironment();
    const planned = await environment.run<[PlanScoresInput], readonly ScoringJob[], ScoringActivities['planScores']>(
      (given) => activities.planScores(given),
      { ...of, spec: { ...of.spec, model: of.spec.model ?? '' } },
    );
    for (const { document, output } of planned) {
      const job: StepJobInput = {
        ...of,
        step: `${of.step}--${shortHash(document)}`,
        spec: { kind: 'score', document, output, resources: { cpu: 1, memoryMb: 2048, gpu: 0 }, inputs: {}, outputs: {} },
        attempt: 1,
        pool: profile.pools[0] as Pool,
        noCapacitySeconds: 600,
        deadlineSeconds: null,
      };
      const end = await environment.run<[StepJobInput], StepJobEnd, StepJobActivities['runStepJob']>(
        (given) => activities.runStepJob(given),
        job,
      );
      expect(end, end.logTail).toMatchObject({ verdict: 'succeeded' });
    }
    return { ...of, scored: planned.map(({ model, output }) => ({ model, output })) };
  };
  type Early = typeof activities.evaluateExport;
  const evaluateEarly = (of: EvaluateExportInput): ReturnType<Early> =>
    new MockActivityEnvironment().run<[EvaluateExportInput], Awaited<ReturnType<Early>>, Early>(
      (given) => activities.evaluateExport(given),
      of,
    );
  const number = (outputs: Record<string, Json>, name: string): number => {
    const value = outputs[name];
    if (typeof value !== 'number') throw new Error(`${name} is ${JSON.stringify(value)}`);
    return value;
  };

  it('tells the metrics of an export beside its baseline, and writes them into the ledger once', async () => {
    const { outputs } = first;
    // No champion yet: there was nothing to compare with.
    expect(Object.keys(outputs['metrics'] as object)).toEqual(['model', 'popularity']);
    expect(number(outputs, 'average_rank')).toBeLessThan(3);
    expect(number(outputs, 'baseline_average_rank')).toBeGreaterThan(4);
    expect(number(outputs, 'recall_at_5')).toBeGreaterThan(number(outputs, 'baseline_recall_at_5'));
    const rows = await warehouse.ledger('evaluations', { run: 'run-1' });
    const whole = rows.find((row) => row.scorer === 'model' && row.segment === '' && row.metric === 'mrr');
    expect(whole).toMatchObject({
      trial: 0,
      export: byTaste(),
      value: outputs['mrr'],
      sessions: 120,
      early: false,
      compared_with: 'popularity',
    });
    expect(whole?.low).toBeLessThan(Number(whole?.value));
    expect(new Set(rows.filter((row) => row.segment === 'weekday').map((row) => row.segment_value)).size).toBe(7);
    expect(new Set(rows.filter((row) => row.segment === 'aisle').map((row) => row.segment_value))).toEqual(new Set(['a0', 'a1', 'a2']));
    // A retry, or a run whose step was not cached.
    expect(await evaluate(input('run-1', { compareWith: ['champion'] }))).toEqual({ outputs });
    expect(await warehouse.ledger('evaluations', { run: 'run-1' })).toHaveLength(rows.length);
  });

  it('compares an export that scores like the baseline with that, and with the champion, once there is one', async () => {
    const model = (await warehouse.ledger('models', { export: byTaste() }))[0];
    expect(model).toMatchObject({ pipeline: 'grocery', stage: 'candidate', trial: 0 });
    const time = new Date().toISOString();
    await warehouse.append('models', [{ ...model, pipeline: 'grocery', run: 'run-1', stage: 'champion', time }], 'promoted');
    const { outputs } = await evaluate(input('run-2', { model: byPopularity(), compareWith: ['champion'] }));
    for (const name of ['average_rank', 'mrr', 'ndcg_at_5', 'recall_at_5']) expect(outputs[name]).toBe(outputs[`baseline_${name}`]);
    const rows = await warehouse.ledger('evaluations', { run: 'run-2', scorer: 'popularity', segment: '' });
    expect(rows.map((row) => [row.compared_with, row.difference, row.difference_low, row.difference_high])).toEqual(
      Array(4).fill(['model', 0, 0, 0]),
    );
    const metrics = outputs['metrics'] as Record<string, Record<string, { value: number; difference: Record<string, Json> }>>;
    expect(metrics['champion']?.['mrr']?.value).toBe(first.outputs['mrr']);
    expect(metrics['model']?.['mrr']?.difference['comparedWith']).toBe('champion');
    expect(metrics['model']?.['mrr']?.difference['high']).toBeLessThan(0);
  });

  it('evaluates early, says so, and leaves no tables of scores', async () => {
    const spec = EvaluationSpec.parse(shared());
    const early: EvaluateExportInput = {
      run: 'run-6',
      pipeline: 'grocery',
      profile,
      step: 'search',
      trial: 0,
      samples: 5000,
      key: 'run-6-search-t0-1',
      export: byTaste(),
      spec: { ...spec, everyExports: 1, everySeconds: 0 },
    };
    const { metrics } = await evaluateEarly(early);
    expect(metrics['average_rank']).toBeLessThan(3);
    const rows = await warehouse.ledger('evaluations', { run: 'run-6', scorer: 'model', segment: '' });
    expect(rows).toHaveLength(4);
    expect(rows[0]).toMatchObject({ early: true, samples: 5000, trial: 0, step: 'search' });
    const left = await readdir(join(root, 'warehouse', 'tables'), { recursive: true });
    expect(left.filter((name) => name.includes('search'))).toEqual([]);
  });

  it('measures scores of a Job like those that the warehouse made, and removes their parts', async () => {
    const given = await scoreByJobs(input('run-9', { compareWith: [at('trial-0/exports/2'), at('trial-0/exports/3')] }));
    expect(given.scored).toHaveLength(3);
    const { outputs } = await evaluate(given);
    for (const name of ['average_rank', 'mrr', 'ndcg_at_5', 'recall_at_5']) expect(outputs[name]).toBe(first.outputs[name]);
    const metrics = outputs['metrics'] as Record<string, Record<string, { value: number }>>;
    // Both have learned taste from the labels of the test set itself.
    for (const other of ['trial-0/exports/2', 'trial-0/exports/3']) expect(metrics[other]?.['average_rank']?.value).toBeLessThan(3);
    const left: string[] = [];
    for await (const { uri } of store.list(`${store.root}/scores/`)) left.push(uri);
    expect(left).toEqual([]);
    // Its answer was lost: the table is there, the parts are not.
    expect(await evaluate(given)).toEqual({ outputs });
    // Evaluating the champion again does not take its stage.
    expect(await warehouse.ledger('models', { stage: 'champion' })).toMatchObject([{ export: byTaste() }]);
  });

  it('evaluates a model of another task by its examples', async () => {
    const given = await scoreByJobs(
      input('run-10', {
        task: 'binary',
        model: at('trial-0/exports/3'),
        id: 'example',
        baseline: undefined,
        segments: ['aisle'],
        table: 'grocery.flat',
        data: at('flat'),
        features: at('flat.json'),
      }),
    );
    const { outputs } = await evaluate(given);
    expect(number(outputs, 'auc')).toBeGreaterThan(0.9);
    expect(number(outputs, 'baseline_auc')).toBe(0.5);
    const rows = await warehouse.ledger('evaluations', { run: 'run-10', scorer: 'model', metric: 'auc' });
    expect(rows.map((row) => row.segment_value).sort()).toEqual(['', 'a0', 'a1', 'a2']);
    expect(rows[0]).toMatchObject({ export: at('trial-0/exports/3') });
  });

  it.each([
    [{ model: 'MISSING' }, 'model: there is no model export at'],
    [{ baseline: { name: 'model', column: 'popularity' } }, 'baseline.name: expected another name than "model"'],
    [{ segments: ['aisle', 'aisle'] }, 'segments: expected each once, found aisle, aisle'],
  ])('refuses %o', async (changes, message) => {
    const model = 'model' in changes ? { model: at('trial-9/exports/1') } : {};
    await expect(evaluate(input('run-7', { ...changes, ...model }))).rejects.toThrow(message);
  });
});
