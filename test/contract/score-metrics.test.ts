/** Metrics of tables of scores, of every task, beside scikit-learn: one SQL on DuckDB and on BigQuery's emulator. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Measured } from '../../activities/evaluation/measure.ts';
import type { Measurement } from '../../activities/evaluation/measurements.ts';
import { pairsUnseen } from '../../activities/evaluation/unseen.ts';
import { measureScores } from '../../activities/evaluation/score-tables.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openDuckdbWarehouse } from '../../src/adapters/duckdb/index.ts';
import { pythonExecutable } from '../../src/adapters/python.ts';
import { goalOf } from '../../src/contract/metrics.ts';
import { EvaluateSpec } from '../../src/contract/steps.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { JobContext, Warehouse } from '../../src/ports/warehouse.ts';
import { openGoogle } from '../support/google.ts';

type Reference = Readonly<Record<string, Readonly<Record<'good' | 'poor', Readonly<Record<string, Readonly<Record<string, number>>>>>>>>;

const context: JobContext = { signal: new AbortController().signal, progress: () => undefined };
const TASKS = ['binary', 'regression', 'forecast', 'multiclass'] as const;

interface Opened {
  readonly warehouse: Warehouse;
  readonly store: ObjectStore;
  close(): Promise<void>;
}

async function onDuckdb(root: string): Promise<Opened> {
  const store = await openDirectoryStore({ kind: 'directory', path: join(root, 'store') });
  const warehouse = await openDuckdbWarehouse({ kind: 'duckdb', path: join(root, 'warehouse'), threads: 2 }, { store });
  return { warehouse, store, close: () => warehouse.close() };
}

async function onEmulator(): Promise<Opened> {
  const google = await openGoogle();
  const warehouse = await google.connect();
  return {
    warehouse,
    store: google.store,
    async close() {
      await warehouse.close();
      await google.close();
    },
  };
}

let made: string;
let reference: Reference;
beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'longhaul-reference-'));
  const script = join(import.meta.dirname, 'fixtures', 'reference_tasks.py');
  const { stdout } = await promisify(execFile)(pythonExecutable(), [script, made]);
  reference = JSON.parse(stdout) as Reference;
});
afterAll(() => rm(made, { recursive: true, force: true }));

describe.each([
  ['duckdb', onDuckdb],
  ['bigquery', onEmulator],
] as const)('metrics of tables of scores: %s', (kind, open) => {
  let root: string;
  let opened: Opened;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'longhaul-scores-'));
    opened = await open(root);
    for (const task of TASKS) {
      await opened.store.upload(join(made, `${task}.parquet`), `${opened.store.root}/given/${task}.parquet`);
      for (const model of task === 'multiclass' ? ['good'] : ['good', 'poor'])
        await make(`${task}_${model}`, `SELECT s.*${task === 'multiclass' ? '' : `, s.${model} AS score`} FROM {s} AS s`, {
          s: `${opened.store.root}/given/${task}.parquet`,
        });
    }
  });
  afterAll(async () => {
    await opened.close();
    await rm(root, { recursive: true, force: true });
  });

  const make = (name: string, sql: string, sources: Record<string, string>, tables: Record<string, string> = {}): Promise<unknown> =>
    opened.warehouse.query(
      {
        jobId: `given-${name}`,
        sql,
        sqlFile: 'given.sql',
        parameters: {},
        tables,
        sources,
        destination: `d.${name}`,
        clustering: [],
        labels: {},
      },
      context,
    );
  const specOf = (task: string, more: object = {}): EvaluateSpec => {
    const classes = (model: string): object => Object.fromEntries(['red', 'green', 'blue'].map((name) => [name, `${model}_${name}`]));
    return EvaluateSpec.parse({
      kind: 'evaluate',
      task,
      scores: task === 'multiclass' ? `d.${task}_good` : { mine: `d.${task}_good`, other: `d.${task}_poor` },
      weight: 'weight',
      segments: ['region'],
      ...(task === 'multiclass' ? { classes: classes('good') } : {}),
      ...(task === 'forecast' ? { scale: 'scale' } : {}),
      quantile: 0.8,
      ...more,
    });
  };
  let runs = 0;
  const measure = (spec: EvaluateSpec): Promise<Measured> =>
    measureScores(opened.warehouse, { spec, name: `e${++runs}`, labels: {} }, context);
  const one = (measured: Measured, scorer: string, value = ''): Measurement => {
    const found = measured.measurements.find((each) => each.scorer === scorer && each.value === value);
    if (!found) throw new Error(`nothing measured of ${scorer} ${value}`);
    return found;
  };

  it.each(TASKS)('are those of scikit-learn, with weights and ties: %s', async (task) => {
    // Units of several rows on one warehouse, of one on the other: to the SQL it is the name of a column.
    const measured = await measure(specOf(task, kind === 'bigquery' ? { cluster: 'shop' } : {}));
    expect(one(measured, 'model')).toMatchObject({ units: kind === 'bigquery' ? 150 : 3000, sessions: 3000 });
    for (const [scorer, model] of [['model', 'good'], ...(task === 'multiclass' ? [] : [['other', 'poor']])] as ['model', 'good'][])
      for (const [place, expected] of Object.entries(reference[task]?.[model] ?? {})) {
        const { metrics } = one(measured, scorer, place);
        expect(Object.keys(metrics).sort()).toEqual(Object.keys(expected).sort());
        for (const [name, value] of Object.entries(expected))
          expect(metrics[name]?.value, `${scorer} ${place} ${name}`).toBeCloseTo(value, 8);
      }
    // Against a model that has learned nothing, every metric of the good one is better.
    const baseline = task === 'binary' || task === 'multiclass' ? 'share' : 'mean';
    for (const [name, estimate] of Object.entries(one(measured, 'model').metrics)) {
      const floor = one(measured, baseline).metrics[name]?.value ?? Number.NaN;
      // A constant is calibrated, and a mean absolute error relative to the scale knows nothing of it.
      if (name === 'calibration_error') continue;
      expect(goalOf(name) === 'maximize' ? estimate.value > floor : estimate.value < floor, `${name} ${estimate.value} ${floor}`).toBe(
        true,
      );
    }
  });

  // What is made of the answers, which the cases above compare, is the same for both.
  if (kind === 'duckdb') {
    it('tell a good model from a poor one, and by how much of each unit', async () => {
      const measured = await measure(specOf('binary', { cluster: 'shop' }));
      const { metrics, units, sessions } = one(measured, 'model');
      expect([units, sessions]).toEqual([150, 3000]);
      for (const name of ['auc', 'pr_auc', 'log_loss', 'brier'])
        expect(metrics[name]).toMatchObject({ difference: { comparedWith: 'other', verdict: 'better' } });
      expect(one(measured, 'other').metrics['auc']).toMatchObject({ difference: { comparedWith: 'model', verdict: 'worse' } });
      // By row or by shop is the same where shops are alike.
      const byRow = one(await measure(specOf('binary')), 'model').metrics['auc'];
      const width = (of: typeof byRow): number => Number(of?.high) - Number(of?.low);
      expect(width(metrics['auc']) / width(byRow)).toBeGreaterThan(0.7);
      expect(width(metrics['auc']) / width(byRow)).toBeLessThan(1.4);
    });

    it('of a model that makes no mistake are not certain: 20 positives and 40 negatives tell so much', async () => {
      await make(
        'perfect',
        'SELECT t.id, IF(MOD(t.id, 3) = 0, 1, 0) AS label, IF(MOD(t.id, 3) = 0, 0.9, 0.1) AS score FROM {t} AS t WHERE t.id < 60',
        {},
        { t: 'd.binary_good' },
      );
      const measured = await measure(specOf('binary', { scores: 'd.perfect', weight: undefined, segments: [] }));
      const { auc, accuracy, pr_auc: exactness } = one(measured, 'model').metrics;
      expect([one(measured, 'model').units, auc?.value, auc?.high, accuracy?.value, accuracy?.high]).toEqual([60, 1, 1, 1, 1]);
      expect(auc?.low).toBeCloseTo(1 - pairsUnseen(20, 40, 0.95), 2);
      expect(accuracy?.low).toBeCloseTo(0.025 ** (1 / 60), 3);
      // Of an average precision without a mistake nobody knows, and the AUC of a constant is what it is.
      expect(exactness).toMatchObject({ value: 1, low: 1, high: 1 });
      expect(one(measured, 'share').metrics['auc']).toMatchObject({ value: 0.5, low: 0.5, high: 0.5 });
      expect(auc?.difference).toMatchObject({ value: 0.5, comparedWith: 'share', verdict: 'better' });
    });

    it('have no interval of fewer than 30 units', async () => {
      const measured = await measure(specOf('binary', { cluster: 'region', segments: [] }));
      expect(one(measured, 'model')).toMatchObject({
        units: 3,
        metrics: { auc: { low: null, high: null, difference: { verdict: 'cannot tell', p: null } } },
      });
    });
  }

  it('rank tables of scores as exports are ranked, with a random order as the baseline', async () => {
    await make('visits', `SELECT MOD(t.id, 300) AS visit, t.id, t.label, t.score, t.shop FROM {t} AS t`, {}, { t: 'd.binary_good' });
    const measured = await measure(
      EvaluateSpec.parse({ kind: 'evaluate', task: 'ranking', scores: 'd.visits', group: 'visit', cluster: 'shop', k: [3] }),
    );
    const [mine, random] = [one(measured, 'model'), one(measured, 'random')];
    expect(mine.metrics['ndcg_at_3']?.value).toBeGreaterThan(Number(random.metrics['ndcg_at_3']?.value));
    // Ten candidates of each visit, in any order.
    expect(random.metrics['average_rank']?.value).toBeCloseTo(5.5, 9);
    expect(mine.units).toBeLessThanOrEqual(150);
    expect(mine.metrics['ndcg_at_3']).toMatchObject({ difference: { verdict: 'better', comparedWith: 'random' } });
  });

  it('refuse scores that cannot be measured, by column', async () => {
    await make('broken', 'SELECT t.id, t.label, IF(t.id = 5, NULL, t.score * 3) AS score FROM {t} AS t', {}, { t: 'd.binary_good' });
    const refused = (more: object): Promise<unknown> =>
      measure(specOf('binary', { scores: 'd.broken', weight: undefined, segments: [], ...more }));
    await expect(refused({})).rejects.toThrow('score: d.broken: 1 of 3000 rows have no finite score');
    await expect(refused({ score: 'nope' })).rejects.toThrow('score: d.broken has no column nope; expected one of id, label, score');
    await expect(measure(specOf('binary', { score: 'weight' }))).rejects.toThrow(
      /of 3000 scores lie outside of 0 to 1; expected probabilities/,
    );
    await expect(measure(specOf('binary', { label: 'shop' }))).rejects.toThrow(/labels are not 0 or 1/);
    await expect(measure(specOf('binary', { id: 'region' }))).rejects.toThrow(/rows repeat an id/);
  });
});
