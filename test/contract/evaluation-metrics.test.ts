/** The metric SQL on DuckDB beside scikit-learn, scipy and numpy. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measure } from '../../activities/evaluation/measure.ts';
import type { Measured } from '../../activities/evaluation/measure.ts';
import type { Measurement } from '../../activities/evaluation/measurements.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openDuckdbWarehouse } from '../../src/adapters/duckdb/index.ts';
import { pythonExecutable } from '../../src/adapters/python.ts';
import { RANKING_METRICS } from '../../src/contract/metrics.ts';
import { EvaluationSpec } from '../../src/contract/steps.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { JobContext, PredictRequest, TableInfo, Warehouse } from '../../src/ports/warehouse.ts';

interface Reference {
  readonly sessions: number;
  readonly whole: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly segments: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Standard errors of the model's means, and of its differences from popularity. */
  readonly spread: Readonly<Record<string, number>>;
  readonly difference_spread: Readonly<Record<string, number>>;
}

const context: JobContext = { signal: new AbortController().signal, progress: () => undefined };
/** Half the width of a 95 % interval of a normal distribution, in standard errors. */
const Z = 1.96;

describe('metrics in SQL', () => {
  let root: string;
  let store: ObjectStore;
  let warehouse: Warehouse;
  let reference: Reference;
  let measured: Measured;

  const spec = (changes: object = {}): EvaluationSpec =>
    EvaluationSpec.parse({
      table: 'd.test',
      features: `${store.root}/features.json`,
      data: `${store.root}/data`,
      k: [3, 10],
      metrics: RANKING_METRICS,
      segments: ['device', 'department'],
      baseline: { name: 'popularity', column: 'popularity' },
      ...changes,
    });
  const one = (scorer: string, segment = '', value = ''): Measurement => {
    const found = measured.measurements.find((each) => each.scorer === scorer && each.segment === segment && each.value === value);
    if (!found) throw new Error(`nothing measured of ${scorer} ${segment} ${value}`);
    return found;
  };
  const run = (changes: object = {}, name = 'test'): Promise<Measured> =>
    measure(warehouse, store, { spec: spec(changes), candidates: [{ scorer: 'model', export: 'file:///m' }], name, labels: {} }, context);

  /** Where it is not about the metrics: planning all of them, with every segment, takes seconds. */
  const FEW = { metrics: ['mrr'], k: [10], segments: [], bootstrap: { samples: 100 } };

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'longhaul-metrics-'));
    const script = join(import.meta.dirname, 'fixtures', 'reference_metrics.py');
    const { stdout } = await promisify(execFile)(pythonExecutable(), [script, root]);
    reference = JSON.parse(stdout) as Reference;
    store = await openDirectoryStore({ kind: 'directory', path: join(root, 'store') });
    const opened = await openDuckdbWarehouse({ kind: 'duckdb', path: join(root, 'warehouse'), threads: 2 }, { store });
    // The scorer is the only part that is not real: the scores are given.
    const given = (request: PredictRequest): Promise<TableInfo> =>
      opened.query(
        {
          ...request,
          sql: 'SELECT * FROM {scores}',
          sqlFile: 'given.sql',
          parameters: {},
          tables: {},
          sources: { scores: `file://${root}/scores.parquet` },
          clustering: [],
        },
        context,
      );
    warehouse = { ...opened, predict: given };
    await store.write(
      `${store.root}/features.json`,
      JSON.stringify({
        layout: { kind: 'flat', session: 'session', item: 'item', label: 'label' },
        features: [{ name: 'popularity', type: 'numeric', default: 0 }],
      }),
    );
    await given({ jobId: 'test-set', destination: 'd.test', labels: {}, model: '', table: '', data: '', features: '', columns: [] });
    measured = await run();
  });
  afterAll(async () => {
    await warehouse.close();
    await rm(root, { recursive: true, force: true });
  });

  it.each(['model', 'popularity'])('are those of scikit-learn, scipy and numpy: %s', (scorer) => {
    const { metrics, sessions } = one(scorer);
    expect(sessions).toBe(reference.sessions);
    for (const [name, value] of Object.entries(reference.whole[scorer] ?? {})) expect(metrics[name]?.value, name).toBeCloseTo(value, 9);
  });

  it('count an ordered item by its weight', async () => {
    const { measurements } = await run({ weight: 'seldom', segments: [] }, 'weighted');
    const metrics = measurements.find((each) => each.scorer === 'model' && each.segment === '')?.metrics;
    expect(reference.whole['weighted']?.['average_rank']).not.toBeCloseTo(reference.whole['model']?.['average_rank'] ?? 0, 2);
    for (const [name, value] of Object.entries(reference.whole['weighted'] ?? {}))
      expect(metrics?.[name]?.value, name).toBeCloseTo(value, 9);
    await expect(run({ ...FEW, weight: 'label_less' }, 'none')).rejects.toThrow('weight: d.test has no column label_less');
  });

  it('are the usual four where nobody asks for more', async () => {
    const { measurements } = await run({ ...FEW, metrics: undefined }, 'usual');
    expect(Object.keys(measurements[0]?.metrics ?? {})).toEqual(['average_rank', 'mrr', 'ndcg_at_10', 'recall_at_10']);
  });

  it('do not depend on where the ordered items stand when all scores are equal', async () => {
    const { measurements } = await run({ baseline: { name: 'constant', column: 'constant' }, segments: [] }, 'constant');
    const metrics = measurements.find((each) => each.scorer === 'constant' && each.segment === '')?.metrics;
    for (const [name, value] of Object.entries(reference.whole['constant'] ?? {}))
      expect(metrics?.[name]?.value, name).toBeCloseTo(value, 9);
  });

  it('are cut by columns of the session and of the candidate, with places among all candidates', () => {
    const values = measured.measurements.filter((each) => each.scorer === 'model' && each.segment !== '');
    expect(values.map((each) => `${each.segment}=${each.value}`).sort()).toEqual(Object.keys(reference.segments).sort());
    for (const each of values) {
      const { sessions, ...expected } = reference.segments[`${each.segment}=${each.value}`] ?? {};
      expect(each.sessions).toBe(sessions);
      for (const [name, value] of Object.entries(expected))
        expect(each.metrics[name]?.value, `${each.value} ${name}`).toBeCloseTo(value, 9);
    }
  });

  it('have intervals as wide as the central limit theorem has them', () => {
    for (const [name, error] of Object.entries(reference.spread)) {
      const { value, low, high } = one('model').metrics[name] ?? {};
      expect(Number(high) - Number(low), name).toBeGreaterThan(2 * Z * error * 0.85);
      expect(Number(high) - Number(low), name).toBeLessThan(2 * Z * error * 1.15);
      expect(low).toBeLessThan(Number(value));
      expect(high).toBeGreaterThan(Number(value));
    }
  });

  it('are compared session by session', () => {
    for (const [name, error] of Object.entries(reference.difference_spread)) {
      const difference = one('model').metrics[name]?.difference;
      expect(difference?.comparedWith).toBe('popularity');
      expect(difference?.value).toBeCloseTo((reference.whole['model']?.[name] ?? 0) - (reference.whole['popularity']?.[name] ?? 0), 8);
      const width = Number(difference?.high) - Number(difference?.low);
      expect(width, name).toBeGreaterThan(2 * Z * error * 0.85);
      expect(width, name).toBeLessThan(2 * Z * error * 1.15);
      expect(one('popularity').metrics[name]?.difference).toMatchObject({ value: -Number(difference?.value), comparedWith: 'model' });
    }
  });

  it('come out the same again, and other intervals of another seed', async () => {
    expect((await run()).measurements).toEqual(measured.measurements);
    const other = (await run({ ...FEW, bootstrap: { seed: 1 } })).measurements[0];
    const same = measured.measurements[0];
    expect(other?.metrics['mrr']?.value).toBe(same?.metrics['mrr']?.value);
    expect(other?.metrics['mrr']?.low).not.toBe(same?.metrics['mrr']?.low);
  });

  it('take one’s own as SQL over the scores', async () => {
    const customMetrics = [
      { file: 'own.sql', sql: 'SELECT AVG(score) AS mean_score, COUNT(DISTINCT session) AS sessions_seen FROM {scores}' },
    ];
    const { metrics } =
      (await run({ ...FEW, customMetrics, goals: { mean_score: 'maximize' } }, 'own')).measurements.find(
        (each) => each.scorer === 'model',
      ) ?? {};
    expect(metrics?.['sessions_seen']).toEqual({ value: 400, low: null, high: null, goal: null });
    expect(metrics?.['mean_score']?.goal).toBe('maximize');
    expect(metrics?.['mean_score']?.value).toBeTypeOf('number');
  });

  it.each([
    [
      'two rows',
      'SELECT score AS x FROM {scores} ORDER BY x LIMIT 2',
      'own.sql: expected one row with a metric in each column, found 2 rows',
    ],
    ['a text', "SELECT 'a' AS x FROM {scores} ORDER BY x LIMIT 1", 'own.sql: the metric x is no number; found "a"'],
    ['a name that is taken', 'SELECT AVG(score) AS mrr FROM {scores}', 'own.sql: there are two metrics named mrr'],
  ])('refuse %s of one’s own', async (_what, sql, message) => {
    await expect(run({ ...FEW, customMetrics: [{ file: 'own.sql', sql }] }, 'wrong')).rejects.toThrow(message);
  });

  it.each([
    [{ segments: ['aisle'] }, 'segments: d.test has no column aisle; expected one of session, item, label'],
    [{ baseline: { name: 'b', column: 'nothing' } }, 'baseline.column: d.test has no column nothing'],
    [{ segments: ['score'] }, 'segments: the name score is taken in tables of scores'],
    [{ table: 'd.none' }, 'table: there is no table d.none'],
  ])('refuse %o', async (changes, message) => {
    await expect(run(changes, 'wrong')).rejects.toThrow(message);
  });
});
