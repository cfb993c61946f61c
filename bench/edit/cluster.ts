/** A pod that trains edited code, beside the same pod with the same program on its command line: what shipping adds. */
import { join } from 'node:path';
import { storageEnvironment } from '../../activities/storage-environment.ts';
import { canRunCluster, startCluster, type Cluster } from '../../deploy/dev-cluster/index.ts';
import { openPorts } from '../../src/adapters/open.ts';
import { archiveOf } from '../../src/compile/code/archive.ts';
import { sha256 } from '../../src/contract/canonical-json.ts';
import { codeUri } from '../../src/contract/code.ts';
import type { JobSpec } from '../../src/contract/jobs.ts';
import { Profile } from '../../src/contract/profile.ts';
import { median, round2 } from './statistics.ts';
import { startEmulators } from '../../src/stack/emulators/index.ts';
import { TRAINER_IMAGE, trainerImage } from '../../test/cluster/images.ts';

const NAMESPACE = 'bench-edit';
const ROUNDS = 3;
const CAPACITY_SECONDS = 600;

export async function measureCluster(folder: string): Promise<{ readonly cluster_s: number | null; readonly pod_s: number | null }> {
  if (!(await canRunCluster()).ok) return { cluster_s: null, pod_s: null };
  const image = await trainerImage();
  const cluster = await startCluster({
    dir: join(folder, 'state'),
    mounts: image.mounts,
    nodes: [{ name: 'one', labels: { pool: 'one' } }],
  });
  try {
    await cluster.loadImage(image.archive);
    await cluster.kubectl(['create', 'namespace', NAMESPACE]);
    await cluster.kubectl(['-n', NAMESPACE, 'wait', '--for=create', 'serviceaccount/default', '--timeout=600s']);
    return await measureIn(cluster, folder);
  } finally {
    await cluster.stop();
  }
}

async function measureIn(cluster: Cluster, folder: string): Promise<{ readonly cluster_s: number; readonly pod_s: number }> {
  const emulators = await startEmulators({
    directory: join(folder, 'emulators'),
    gcs: { buckets: ['bench'], externalHost: cluster.hostAddress },
  });
  const ports = openPorts();
  try {
    const { host, port } = await cluster.expose(Number(new URL(emulators.gcs ?? '').port));
    const profile = Profile.parse({
      warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
      storage: { kind: 'gcs', bucket: 'bench', apiEndpoint: `http://${host}:${port}` },
      compute: { kind: 'kubernetes', namespace: NAMESPACE, kubeconfig: cluster.kubeconfig, image: TRAINER_IMAGE },
    });
    const [store, compute] = await Promise.all([ports.store(profile), ports.compute(profile)]);
    /** Seconds from now until the program says the time. */
    const run = async (name: string, program: Pick<JobSpec, 'command' | 'code'>, saved: number): Promise<number> => {
      await compute.create({
        ...program,
        name,
        labels: { pipeline: 'p', run: 'r', step: name },
        env: storageEnvironment(profile),
        resources: { cpu: 0.1, memoryMb: 256, gpu: 0 },
        pool: { name: 'one', spot: false, pricePerHour: 0, nodeSelector: { pool: 'one' }, tolerations: [] },
        graceSeconds: 1,
      });
      const end = await compute.watch(name, { signal: new AbortController().signal, noCapacitySeconds: CAPACITY_SECONDS });
      const told = /step (\d+\.\d+)/.exec(end.logTail)?.[1];
      if (told === undefined) throw new Error(`${name} ended without a step: ${end.message}\n${end.logTail}`);
      return Number(told) - saved / 1000;
    };
    const plain: number[] = [];
    const shipped: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const script = `import longhaul, time; print("step", time.time(), ${round})`;
      const without = await run(`plain-${round}`, { command: ['python3', '-c', script] }, Date.now());
      const saved = Date.now();
      const archive = archiveOf([{ path: 'train.py', data: Buffer.from(script), executable: false }]);
      const uri = codeUri(store.root, { sha256: sha256(archive) });
      await store.write(uri, archive);
      const withCode = await run(`shipped-${round}`, { command: ['python3', 'train.py'], code: { archive: uri } }, saved);
      if (round > 0) {
        plain.push(without);
        shipped.push(withCode);
      }
    }
    const pod_s = median(plain);
    return { cluster_s: round2(median(shipped) - pod_s), pod_s: round2(pod_s) };
  } finally {
    await ports.close();
    await emulators.stop();
  }
}
