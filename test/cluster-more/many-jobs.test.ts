/** The shared view of all Jobs, with a thousand of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BUSYBOX_IMAGE } from '../../deploy/dev-cluster/index.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { faultProxy } from '../cluster/fault-proxy.ts';
import { clusterCanRun, kubernetesConfig, makeNamespace, poolOf, sharedCluster, shellJob } from '../cluster/harness.ts';

const NAMESPACE = 'many-jobs';
const JOBS = 1_000;
/** Watches of Jobs, pods, nodes and events, of two clients, and what they keep open for small requests. */
const CONNECTIONS = 30;

describe.skipIf(!clusterCanRun())('the view of Jobs', () => {
  const directory = mkdtempSync(join(tmpdir(), 'longhaul-proxy-'));
  // Its namespace goes with the cluster: to delete a thousand Jobs and their pods takes as long as to make them.
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  // Simulated: the Jobs are suspended, their pods are made here, never scheduled, and given an end. No machine here starts a thousand containers.
  it(`watches ${JOBS} Jobs with a few connections, and sees each end`, async () => {
    const cluster = sharedCluster();
    const proxy = await faultProxy(cluster.kubeconfig, join(directory, 'kubeconfig'));
    await makeNamespace(cluster, NAMESPACE);
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
    await proxy.close();
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
