import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readProgress, readResult, writeTrialJson } from '../../../activities/trial-files.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { Profile } from '../../../src/contract/profile.ts';
import type { AttemptInput } from '../../../src/contract/attempts.ts';
import { SearchSpec } from '../../../src/contract/steps.ts';
import { TrialJson } from '../../../src/contract/trial.ts';
import type { ObjectStore } from '../../../src/ports/index.ts';

let folder: string;
let store: ObjectStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-trial-files-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
  const layout = { kind: 'flat', session: 'session', item: 'item', label: 'label' };
  const features = [{ name: 'price', type: 'numeric', default: 0 }];
  await store.write(`${store.root}/features.json`, JSON.stringify({ layout, features, segments: [] }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function trialJson(
  name: string,
  warehouse: object,
  { trial = 0, audit = {} }: { trial?: number; audit?: object } = {},
): Promise<TrialJson> {
  const profile = Profile.parse({
    warehouse,
    storage: { kind: 'directory', path: folder },
    compute: { kind: 'process', path: folder },
    pools: [{ name: 'local', spot: false, pricePerHour: 0 }],
  });
  const spec = SearchSpec.parse({
    kind: 'search',
    data: { train: 'file:///train' },
    features: `${store.root}/features.json`,
    objective: { metric: 'loss', goal: 'minimize' },
    space: { learning_rate: { type: 'float', low: 0.001, high: 0.1 } },
    trials: 1,
    output: `${store.root}/${name}`,
    ...audit,
  });
  const input: AttemptInput = {
    trial: {
      run: 'run',
      pipeline: 'pipeline',
      step: 'search',
      trial,
      parameters: { learning_rate: 0.01 },
      profile,
      spec,
      output: `${store.root}/${name}/trial-${trial}`,
      commit: null,
      search: null,
      priority: 0,
      deadlineAt: null,
      fork: null,
    },
    attempt: 1,
    pool: profile.pools[0]!,
    memoryMb: 1024,
    noCapacitySeconds: 60,
    lastProgress: 0,
    samples: 0,
    meanSecondsBetweenPreemptions: null,
  };
  const written = await store.read(await writeTrialJson(store, input));
  return TrialJson.parse(JSON.parse(Buffer.from(written?.data ?? '').toString()));
}

it('asks for exports that BigQuery ML can import where it is to evaluate them, and nowhere else', async () => {
  const bigquery = { kind: 'bigquery', project: 'shop' };
  expect((await trialJson('bigquery', bigquery)).exportFor).toBe('bigquery-ml');
  expect((await trialJson('scorer', { ...bigquery, predict: 'scorer' })).exportFor).toBeUndefined();
  expect((await trialJson('embedded', { kind: 'duckdb', path: folder })).exportFor).toBeUndefined();
});

it('lets trials keep for audits what is a gigabyte in all where nobody asked, and any where somebody did', async () => {
  const duckdb = { kind: 'duckdb', path: folder };
  const most = (trial: number, audit: object = {}): Promise<TrialJson['audit']> =>
    trialJson(`audit-${JSON.stringify(audit).length}`, duckdb, { trial, audit }).then((trialJsonOf) => trialJsonOf.audit);
  expect(await most(0)).toEqual({ share: 0.02, maxBytes: 1_000_000_000 });
  const [size, kept] = [100_000_000, []] as [number, number[]];
  for (let trial = 0; trial < 20; trial++) if (((await most(trial))?.maxBytes ?? 0) >= size) kept.push(trial);
  expect(kept).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(await most(19, { audit: { share: 0.1 } })).toEqual({ share: 0.1 });
  expect(await most(19, { audit: { share: 0 } })).toBeUndefined();
});

// As Python's json.dumps writes them.
it.each(['NaN', 'Infinity', '-Infinity'])("reads the %s of a trainer of one's own as null, in points and in the result", async (bare) => {
  const output = `${store.root}/bare-${bare}`;
  const point = `{"n": 2, "time": 1.5, "attempt": 1, "kind": "validation", "epoch": 0, "part": 0, "step": 2, "samples": 2, "metrics": {"auc": ${bare}, "loss of \\"NaN\\"": 0.5}}`;
  await store.write(`${output}/progress/2.json`, point);
  expect(await readProgress(store, output, 2)).toMatchObject({ n: 2, metrics: { auc: null, 'loss of "NaN"': 0.5 } });
  const numbers = `"bestStep": 1, "bestExport": null, "step": 2, "samples": 2, "steps": 2, "epochs": 1, "weightsSha256": "${'0'.repeat(64)}"`;
  await store.write(`${output}/result.json`, `{"metrics": {"auc": ${bare}}, "objective":${bare}, ${numbers}}`);
  expect(await readResult(store, output)).toMatchObject({ objective: null, metrics: { auc: null } });
});

it('takes no other text for JSON', async () => {
  for (const text of ['{"n": nan}', '{NaN: 1}', 'NaN', '{"n": NaN', '{"n": 1NaN}']) {
    await store.write(`${store.root}/other/progress/1.json`, text);
    expect(await readProgress(store, `${store.root}/other`, 1), text).toBe('unreadable');
  }
});
