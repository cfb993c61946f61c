/** The shared view of all Jobs: over broken, silent and restarted API servers, and with a thousand Jobs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUSYBOX_IMAGE } from '../../deploy/dev-cluster/index.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import { isGone } from '../../src/adapters/kubernetes/errors.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import type { JobEnd } from '../../src/contract/jobs.ts';
import type { Compute } from '../../src/ports/compute.ts';
import { faultProxy } from './fault-proxy.ts';
import type { FaultProxy } from './fault-proxy.ts';
import { clusterCanRun, endByFile, kubernetesConfig, makeNamespace, poolOf, sharedCluster, shellJob } from './harness.ts';

const NAMESPACE = 'jobs-view';
const SILENCE_MS = 2_000;
const JOBS = 1_000;
/** Watches of Jobs, pods, nodes and events, of two clients, and what they keep open for small requests. */
const CONNECTIONS = 30;

describe.skipIf(!clusterCanRun())('the view of Jobs', () => {
  let cluster: Cluster;
  let proxy: FaultProxy;
  let compute: Compute;
  const directory = mkdtempSync(join(tmpdir(), 'longhaul-proxy-'));

  beforeAll(async () => {
    cluster = sharedCluster();
    await makeNamespace(cluster, NAMESPACE);
    proxy = await faultProxy(cluster.kubeconfig, join(directory, 'kubeconfig'));
    compute = await openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE, { kubeconfig: proxy.kubeconfig }), {
      view: { silenceMs: SILENCE_MS },
    });
  });
  afterAll(async () => {
    await compute.close();
    await proxy.close();
    // Its namespace goes with the cluster: to delete a thousand Jobs and their pods takes as long as to make them.
    rmSync(directory, { recursive: true, force: true });
  });

  /** A Job that runs until it is told to end, through a file in it. */
  const begin = async (): Promise<{ watching: Promise<JobEnd>; end: () => Promise<void> }> => {
    const spec = shellJob('while ! test -e /tmp/end; do sleep 0.1; done; exit 3');
    await compute.create(spec);
    let watching!: Promise<JobEnd>;
    await new Promise<void>((resolve, reject) => {
      watching = compute.watch(spec.name, {
        signal: new AbortController().signal,
        noCapacitySeconds: 60,
        onStatus: ({ phase }) => phase === 'running' && resolve(),
      });
      watching.catch(reject);
    });
    return { watching, end: () => endByFile(cluster, NAMESPACE, `job/${spec.name}`) };
  };

  it('goes on after its connections broke', async () => {
    const job = await begin();
    proxy.cut();
    await job.end();
    expect(await job.watching).toMatchObject({ exitCode: 3 });
  });

  it('notices watches that have fallen silent', async () => {
    const job = await begin();
    proxy.silence();
    await job.end();
    expect(await job.watching).toMatchObject({ exitCode: 3 });
  });

  it('goes on after the API server was killed and started again', async () => {
    const job = await begin();
    await cluster.restartApiServer();
    await job.end();
    expect(await job.watching).toMatchObject({ exitCode: 3 });
  });

  it('knows the server’s way to say that a place in the history is gone', async () => {
    const client = openClient(kubernetesConfig(cluster, NAMESPACE));
    const read = async (): Promise<void> => {
      const query = { watch: true, resourceVersion: '1', timeoutSeconds: 2 };
      for await (const line of client.lines(client.jobsPath(), { query, signal: new AbortController().signal, silenceMs: 5000 })) {
        const { type, object } = JSON.parse(line) as { type: string; object: { code: number; reason: string } };
        if (type === 'ERROR') throw Object.assign(new Error('in the stream'), object);
      }
    };
    const error: unknown = await read().catch((reason: unknown) => reason);
    expect(isGone(error) || (error as { code?: number }).code === 410).toBe(true);
  });

  // Simulated: the Jobs are suspended, their pods are made here, never scheduled, and given an end. No machine here starts a thousand containers.
  it(`watches ${JOBS} Jobs with a few connections, and sees each end`, async () => {
    const many = await openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE, { kubeconfig: proxy.kubeconfig, queue: 'nobody' }));
    const client = openClient(kubernetesConfig(cluster, NAMESPACE));
    const specs = Array.from({ length: JOBS }, () => shellJob('true', { pool: poolOf('simulated') }));
    await inTurns(specs, async (spec) => many.create(spec));
    const ends = specs.map((spec) => many.watch(spec.name, { signal: new AbortController().signal, noCapacitySeconds: 600 }));
    await inTurns(specs, async ({ name }) => client.request('POST', client.podsPath(), { body: podOf(name) }));
    expect(proxy.open()).toBeLessThanOrEqual(CONNECTIONS);
    const at = new Date().toISOString();
    const terminated = { exitCode: 0, reason: 'Completed', startedAt: at, finishedAt: at };
    const main = { name: 'main', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated } };
    const status = { phase: 'Succeeded', containerStatuses: [main] };
    await inTurns(specs, async ({ name }) =>
      client.request('PATCH', `${client.podsPath(name)}/status`, { body: { status }, contentType: 'application/merge-patch+json' }),
    );
    const states = (await Promise.all(ends)).map(({ state }) => state);
    expect(states.filter((state) => state === 'succeeded')).toHaveLength(JOBS);
    await many.close();
  });
});

const podOf = (job: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: job, labels: { 'app.kubernetes.io/managed-by': 'longhaul', 'batch.kubernetes.io/job-name': job } },
  spec: {
    schedulerName: 'nobody',
    securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      { name: 'main', image: BUSYBOX_IMAGE, securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
    ],
  },
});

/** As many at once as one worker would. */
async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const rest = [...items];
  const next = async (): Promise<void> => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) await act(item);
  };
  await Promise.all(Array.from({ length: 25 }, next));
}
