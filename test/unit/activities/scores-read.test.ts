/** Scores that a Job has written, while another run that needed the same has done with them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeScores, scoresOf } from '../../../activities/evaluation/measure.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { EvaluateSpec } from '../../../src/contract/steps.ts';
import type { ObjectStore, Warehouse } from '../../../src/ports/index.ts';
import type { TableInfo } from '../../../src/ports/warehouse.ts';

const TABLE: TableInfo = { table: 'd.scores', rows: 1, bytes: 1, version: '1', columns: [], job: null };
const DATA = { table: 'd.test', features: 'gs://f', data: 'gs://d' };
const context = { heartbeat: () => undefined, progress: () => undefined, signal: new AbortController().signal };

let folder: string;
let store: ObjectStore;
let dropped: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-scores-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
  dropped = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** @param meanwhile happens while the parts are read */
async function read(meanwhile: (output: string) => Promise<void>): Promise<TableInfo> {
  const output = `${store.root}/scores/abc`;
  for (const name of ['READY', 'part-00000.parquet']) await store.write(`${output}/${name}`, name);
  const warehouse = {
    query: async () => {
      await meanwhile(output);
      return TABLE;
    },
    drop: async (name: string) => void dropped.push(name),
  } as unknown as Warehouse;
  const spec = { ...EvaluateSpec.parse({ kind: 'evaluate', model: 'gs://m', ...DATA }), ...DATA };
  const input = { spec, scored: [{ model: 'gs://m', output }], candidates: [], name: 'n', labels: {} };
  const testSet = { carried: [], dataset: 'd' };
  return scoresOf(warehouse, store, input, { scorer: 'model', export: 'gs://m' }, testSet, context);
}

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
