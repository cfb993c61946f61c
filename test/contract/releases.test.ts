/** What each release wrote is taken up by today's worker: `fixtures/releases/{release}` holds it as it was written. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { attemptIdentity, stepIdentity } from '../../activities/job-places.ts';
import type { JobIdentity } from '../../activities/job-places.ts';
import { writeTrialJson } from '../../activities/trial-files.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { openProcessCompute } from '../../src/adapters/process/index.ts';
import { canonicalJson } from '../../src/contract/canonical-json.ts';
import type { JobSpec } from '../../src/contract/jobs.ts';
import type { AttemptInput } from '../../src/contract/attempts.ts';
import type { TrialJson } from '../../src/contract/trial.ts';
import type { ObjectStore } from '../../src/ports/index.ts';
import type { Thing } from '../support/kubernetes/objects.ts';
import { startStandIn } from '../support/kubernetes/server.ts';
import { attemptInput } from '../support/attempt-input.ts';

const FOLDER = join(import.meta.dirname, 'fixtures', 'releases');
const RUN = 'nightly-20261124-030000';
const STORE = { root: 'gs://bucket/prefix' };
const inTrial = {
  trial: { pipeline: 'grocery-ranking', run: RUN, step: 'search.ranker', trial: 3 },
  attempt: 2,
} as unknown as AttemptInput;
const attempt = attemptIdentity(STORE, inTrial);
const step = stepIdentity(STORE, { pipeline: 'grocery-ranking', run: RUN, step: 'prepare.a', attempt: 1 });
const wanted = (identity: JobIdentity): JobSpec => ({
  ...identity,
  command: ['sh', '-c', 'echo of today'],
  env: { ADDED_SINCE: '1' },
  resources: { cpu: 2, memoryMb: 64, gpu: 0 },
  pool: { name: 'spot', spot: true, pricePerHour: 1, nodeSelector: {}, tolerations: [] },
  graceSeconds: 1,
});

describe.each(readdirSync(FOLDER))('what release %s wrote', (release) => {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(FOLDER, release, file), 'utf8'));

  it.each([['attempt-job.json', attempt] as const, ['step-job.json', step] as const])('adopts %s on a cluster', async (file, identity) => {
    const standIn = await startStandIn();
    const compute = await openKubernetesCompute(standIn.config);
    const job = read(file) as Thing;
    // What it runs does not matter here, only that it is there and runs on.
    Object.assign(job.spec, { suspend: true });
    standIn.objects.add('jobs', job);
    expect(await compute.create(wanted(identity))).toEqual({ adopted: true, name: job.metadata.name });
    expect(standIn.objects.list('jobs').map(({ metadata }) => metadata.name)).toEqual([job.metadata.name]);
    const another = { ...wanted(identity), labels: { ...identity.labels, run: 'another' }, name: 'another' };
    expect(await compute.create(another)).toEqual({ adopted: false, name: 'another' });
    await compute.close();
    await standIn.close();
  });

  it('adopts a Job that is a process', async () => {
    const path = await mkdtemp(join(tmpdir(), 'longhaul-release-'));
    const compute = await openProcessCompute({ kind: 'process', path });
    const spec = { ...(read('attempt-spec.json') as JobSpec), command: ['sh', '-c', 'sleep 0.2; exit 7'] };
    await compute.create(spec);
    expect(await compute.create(wanted(attempt))).toEqual({ adopted: true, name: spec.name });
    expect(await compute.watch(spec.name, { signal: new AbortController().signal, noCapacitySeconds: 9 })).toMatchObject({ exitCode: 7 });
    await compute.close();
    await rm(path, { recursive: true, force: true });
  });

  const inStore = async (use: (store: ObjectStore, input: AttemptInput, uri: string) => Promise<void>): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), 'longhaul-release-'));
    mkdirSync(folder, { recursive: true });
    const store = await openDirectoryStore({ kind: 'directory', path: folder });
    await use(store, await attemptInput(store), `${store.root}/out/trial-0/trial.json`);
    await rm(folder, { recursive: true, force: true });
  };
  const written = (store: ObjectStore, change: object = {}): string =>
    canonicalJson({
      ...(JSON.parse(readFileSync(join(FOLDER, release, 'trial.json'), 'utf8').replaceAll('file:///store', store.root)) as object),
      ...change,
    });

  it('goes on with its trial.json, which its trainer can read', async () => {
    await inStore(async (store, input, uri) => {
      await store.write(uri, written(store));
      await writeTrialJson(store, { ...input, attempt: 2, meanSecondsBetweenPreemptions: 60 });
      const now = JSON.parse(new TextDecoder().decode((await store.read(uri))?.data)) as TrialJson;
      const before = JSON.parse(written(store)) as TrialJson;
      expect(now).toEqual({ ...before, checkpoint: { ...before.checkpoint, meanSecondsBetweenPreemptions: 60 } });
    });
  });

  it.each([{ seed: 9 }, { parameters: { learning_rate: 0.02 } }, { trial: 1 }, { run: 'another' }, { data: { train: 'file:///else' } }])(
    'refuses one of another trial: %j',
    async (change) => {
      await inStore(async (store, input, uri) => {
        await store.write(uri, written(store, change));
        await expect(writeTrialJson(store, input)).rejects.toMatchObject({
          type: 'InvalidInput',
          message: expect.stringContaining(uri) as string,
        });
      });
    },
  );

  it('takes a document of the next release, with a field more, for what it is', async () => {
    await inStore(async (store, input, uri) => {
      await store.write(uri, written(store, { addedNext: true }));
      await writeTrialJson(store, input);
      expect(new TextDecoder().decode((await store.read(uri))?.data)).toBe(written(store, { addedNext: true }));
    });
  });
});
