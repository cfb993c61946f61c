/** The shared view of all Jobs, over broken, silent and restarted API servers; with a thousand Jobs it is in test/cluster-more. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import { isGone } from '../../src/adapters/kubernetes/errors.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import type { JobEnd } from '../../src/contract/jobs.ts';
import type { Compute } from '../../src/ports/compute.ts';
import { faultProxy } from './fault-proxy.ts';
import type { FaultProxy } from './fault-proxy.ts';
import { clusterCanRun, endByFile, kubernetesConfig, makeNamespace, removeNamespace, sharedCluster, shellJob } from './harness.ts';

const NAMESPACE = 'jobs-view';
const SILENCE_MS = 2_000;

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
    await removeNamespace(cluster, NAMESPACE);
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
});
