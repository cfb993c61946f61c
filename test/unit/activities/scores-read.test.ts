/** Scores that a Job has written, of which somebody removes parts, and those of two runs that evaluate the same. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { evaluationName } from '../../../activities/evaluation/names.ts';
import { removeScores, scoresOf } from '../../../activities/evaluation/measure.ts';
import { createScoringActivities } from '../../../activities/scoring.ts';
import type { PlanScoresInput, ScoringJob } from '../../../activities/scoring.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { Profile } from '../../../src/contract/profile.ts';
import { EvaluateSpec } from '../../../src/contract/steps.ts';
import type { ObjectStore, Ports, Warehouse } from '../../../src/ports/index.ts';
import type { QueryRequest, TableInfo } from '../../../src/ports/warehouse.ts';

const TABLE: TableInfo = { table: 'd.scores', rows: 1, bytes: 1, version: '1', columns: [], job: null };
const DATA = { table: 'd.test', features: 'gs://f', data: 'gs://d' };
const context = { heartbeat: () => undefined, progress: () => undefined, signal: new AbortController().signal };

let folder: string;
let store: ObjectStore;
let dropped: string[];
let expirations: (number | undefined)[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-scores-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
  dropped = [];
  expirations = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** @param meanwhile happens while the parts are read */
async function read(meanwhile: (output: string) => Promise<void>, scorer = 'model'): Promise<TableInfo> {
  const output = `${store.root}/scores/abc`;
  for (const name of ['READY', 'part-00000.parquet']) await store.write(`${output}/${name}`, name);
  const warehouse = {
    query: async ({ expirationDays }: QueryRequest) => {
      expirations.push(expirationDays);
      await meanwhile(output);
      return TABLE;
    },
    describe: async () => null,
    drop: async (name: string) => void dropped.push(name),
  } as unknown as Warehouse;
  const spec = { ...EvaluateSpec.parse({ kind: 'evaluate', model: 'gs://m', ...DATA }), ...DATA };
  const input = { spec, scored: [{ model: 'gs://m', output }], candidates: [], name: 'n', labels: {} };
  const testSet = { carried: [], dataset: 'd' };
  return scoresOf(warehouse, store, input, { scorer, export: 'gs://m' }, testSet, context);
}

it('stay where they are an output, and expire where a model is only compared with them', async () => {
  await read(async () => undefined);
  await read(async () => undefined, 'champion');
  expect(expirations).toEqual([undefined, expect.any(Number)]);
});

it('are the table where nobody has removed any', async () => {
  expect(await read(async () => undefined)).toBe(TABLE);
  expect(dropped).toEqual([]);
});

it.each([
  ['removed', async (): Promise<void> => undefined],
  ['removed and written again', async (output: string): Promise<void> => void (await store.write(`${output}/READY`, 'anew'))],
])('are no table where they were %s while it was made: parts of it may be missing', async (_what, then) => {
  const reading = read(async (output) => {
    await removeScores(store, { model: 'gs://m', output });
    await then(output);
  });
  await expect(reading).rejects.toThrow('the scores were removed while they were read');
  expect(dropped).toEqual([expect.stringMatching(/^d\.scores_n_/)]);
});

it('of an earlier attempt are its table, which nobody drops, also where the parts are gone', async () => {
  const output = `${store.root}/scores/abc`;
  const made = { ...TABLE, version: '2' };
  const warehouse = { describe: async () => made, drop: async (name: string) => void dropped.push(name) } as unknown as Warehouse;
  const spec = { ...EvaluateSpec.parse({ kind: 'evaluate', model: 'gs://m', ...DATA }), ...DATA };
  const input = { spec, scored: [{ model: 'gs://m', output }], candidates: [], name: 'n', labels: {} };
  const candidate = { scorer: 'model', export: 'gs://m' };
  for (const name of [undefined, 'READY', 'part-00001.parquet']) {
    if (name !== undefined) await store.write(`${output}/${name}`, name);
    expect(await scoresOf(warehouse, store, input, candidate, { carried: [], dataset: 'd' }, context)).toBe(made);
  }
  expect(dropped).toEqual([]);
});

it('have names of their own in every run and step that evaluates the same', () => {
  const of = { run: 'a-1', step: 'evaluate', key: '0123456789ab' };
  const names = [of, { ...of, run: 'a-2' }, { ...of, step: 'evaluate_again' }, { ...of, key: 'ba9876543210' }].map(evaluationName);
  expect(new Set(names).size).toBe(names.length);
  expect(evaluationName({ ...of })).toBe(names[0]);
});

it('are written apart by the Jobs of two runs, and each removes its own', async () => {
  const exported = `${store.root}/trial-1/exports/5`;
  const data = { table: 'd.test', features: `${store.root}/features.json`, data: `${store.root}/data` };
  await store.write(`${exported}/READY`, JSON.stringify({ scorer: { kind: 'lightgbm', file: 'model.txt' } }));
  const layout = { kind: 'flat', session: 'session', item: 'item', label: 'label' };
  await store.write(data.features, JSON.stringify({ layout, features: [{ name: 'price', type: 'numeric', default: 0 }] }));
  const columns = ['session', 'item', 'label', 'score'].map((name) => ({ name, type: 'STRING' }));
  const warehouse = { describe: async () => ({ ...TABLE, table: 'd.test', columns }) } as unknown as Warehouse;
  const ports = { store: async () => store, warehouse: async () => warehouse } as unknown as Ports;
  const { planScores } = createScoringActivities(ports);
  const profile = Profile.parse({
    warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
    storage: { kind: 'directory', path: folder },
    compute: { kind: 'process', path: join(folder, 'jobs') },
  });
  const spec = { ...EvaluateSpec.parse({ kind: 'evaluate', model: exported, ...data }), model: exported };
  const plan = async (run: string, step: string): Promise<string> => {
    const given: PlanScoresInput = { run, step, pipeline: 'p', profile, key: 'k', spec };
    const [job] = await new MockActivityEnvironment().run<[PlanScoresInput], readonly ScoringJob[], typeof planScores>(
      (one) => planScores(one),
      given,
    );
    return job?.output ?? '';
  };
  const outputs = [await plan('a-1', 'evaluate'), await plan('a-2', 'evaluate'), await plan('a-1', 'evaluate_again')];
  expect(new Set(outputs).size).toBe(outputs.length);
  expect(await plan('a-1', 'evaluate')).toBe(outputs[0]);
  for (const output of outputs) await store.write(`${output}/READY`, '{}');
  await removeScores(store, { model: exported, output: outputs[0] ?? '' });
  for (const output of outputs.slice(1)) expect(await store.stat(`${output}/READY`)).not.toBeNull();
});
