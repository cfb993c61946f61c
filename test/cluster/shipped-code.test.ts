/** Code that is shipped into a real pod, of an image that knows nothing of Longhaul. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storageEnvironment } from '../../activities/storage-environment.ts';
import { pythonImage } from '../../deploy/dev-cluster/index.ts';
import { openPorts, type OpenPorts } from '../../src/adapters/open.ts';
import { archiveOf } from '../../src/compile/code/archive.ts';
import { sha256 } from '../../src/contract/canonical-json.ts';
import { codeUri } from '../../src/contract/code.ts';
import type { JobEnd, JobSpec } from '../../src/contract/jobs.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { Compute, ObjectStore } from '../../src/ports/index.ts';
import { startEmulators, type Emulators } from '../../src/stack/emulators/index.ts';
import { clusterCanRun, makeNamespace, poolOf, removeNamespace, sharedCluster } from './harness.ts';
import { TRAINER_IMAGE } from './images.ts';

const NAMESPACE = 'shipped-code';
const BARE_IMAGE = 'test.local/bare-python:1';

describe.skipIf(!clusterCanRun())('shipped code on a cluster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-shipped-'));
  let emulators: Emulators;
  let ports: OpenPorts;
  let profile: Profile;
  let compute: Compute;
  let store: ObjectStore;
  let jobs = 0;

  beforeAll(async () => {
    const cluster = sharedCluster();
    const venv = join(folder, 'venv');
    execFileSync('python3', ['-m', 'venv', '--without-pip', venv]);
    const bare = await pythonImage({ venv, name: BARE_IMAGE });
    await Promise.all([cluster.loadImage(bare.archive), makeNamespace(cluster, NAMESPACE)]);
    emulators = await startEmulators({
      directory: join(folder, 'emulators'),
      gcs: { buckets: ['shipped'], externalHost: cluster.hostAddress },
    });
    const { host, port } = await cluster.expose(Number(new URL(emulators.gcs ?? '').port));
    profile = Profile.parse({
      warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
      storage: { kind: 'gcs', bucket: 'shipped', apiEndpoint: `http://${host}:${port}` },
      compute: { kind: 'kubernetes', namespace: NAMESPACE, kubeconfig: cluster.kubeconfig, image: TRAINER_IMAGE },
    });
    ports = openPorts();
    [store, compute] = await Promise.all([ports.store(profile), ports.compute(profile)]);
  });
  afterAll(async () => {
    await ports.close();
    await emulators.stop();
    await removeNamespace(sharedCluster(), NAMESPACE);
    rmSync(folder, { recursive: true, force: true });
  });

  async function run(script: string, damage: (archive: Uint8Array) => Uint8Array = (archive) => archive): Promise<JobEnd> {
    const archive = archiveOf([{ path: 'train.py', data: Buffer.from(script), executable: false }]);
    const uri = codeUri(store.root, { sha256: sha256(archive) });
    await store.write(uri, damage(archive));
    const spec: JobSpec = {
      name: `shipped-${++jobs}`,
      labels: { pipeline: 'p', run: 'r', step: 's' },
      image: BARE_IMAGE,
      command: ['python', 'train.py', 'a b'],
      code: { archive: uri },
      env: storageEnvironment(profile),
      resources: { cpu: 0.1, memoryMb: 256, gpu: 0 },
      pool: poolOf('on-demand'),
      graceSeconds: 5,
    };
    await compute.create(spec);
    return await compute.watch(spec.name, { signal: new AbortController().signal, noCapacitySeconds: 600 });
  }

  it('runs with the SDK in an image that has neither, and keeps the exit code', async () => {
    const end = await run('import longhaul, os, sys; print(longhaul.__file__, os.listdir(), sys.argv[1:]); sys.exit(9)');
    expect(end).toMatchObject({ state: 'failed', exitCode: 9 });
    expect(end.logTail).toContain("/longhaul/python/longhaul/__init__.py ['train.py'] ['a b']");
  });

  it('never runs when it is not what was shipped, and says so', async () => {
    const end = await run('print("ran")', (archive) => archive.map((byte, index) => (index === 512 ? byte + 1 : byte)));
    expect(end).toMatchObject({ state: 'failed', exitCode: 65 });
    expect(end.logTail).toContain('is not what was shipped');
  });
});
