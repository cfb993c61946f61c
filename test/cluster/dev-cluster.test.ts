import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { CoreV1Event, V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUSYBOX_IMAGE, openCluster } from '../../deploy/dev-cluster/index.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import { clusterCanRun, endByFile, kubernetesConfig, makeNamespace, removeNamespace, sharedCluster } from './harness.ts';
import { NODE_MONITOR_GRACE_SECONDS } from './timing.ts';

const NAMESPACE = 'dev-cluster';
/** Nodes of this file's own: it lets them vanish. */
const MACHINE = 'machine-1';
const SMALL = 'gpus-1';

/** A Job as Pod Security "restricted" wants it. */
const job = (
  name: string,
  command: string,
  pod: Readonly<Record<string, unknown>> = {},
  resources: Readonly<Record<string, unknown>> = {},
): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { labels: { run: name } },
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 2,
          securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: 'main',
              image: BUSYBOX_IMAGE,
              command: ['sh', '-c', command],
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
              resources,
            },
          ],
          ...pod,
        },
      },
    },
  });

/** Ends with 143 on SIGTERM, as a trainer does. */
const UNTIL_TERMINATED = 'trap "exit 143" TERM; while true; do sleep 0.1; done';

async function poll<T>(probe: () => Promise<T | undefined>, seconds = 600): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe.skipIf(!clusterCanRun())('the development cluster', () => {
  let cluster: Cluster;
  let client: KubeClient;

  const create = async (manifest: string): Promise<string> => await cluster.kubectl(['create', '-f', '-'], manifest);
  const completed = async (name: string): Promise<string> =>
    await cluster.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=complete', `job/${name}`, '--timeout=600s']);
  const pods = async (name: string): Promise<readonly V1Pod[]> =>
    (await client.request<{ items: V1Pod[] }>('GET', client.podsPath(), { query: { labelSelector: `run=${name}` } })).items;
  const running = async (name: string): Promise<V1Pod> =>
    await poll(async () => (await pods(name)).find(({ status }) => status?.phase === 'Running'));
  const ready = async (node: string, status: string): Promise<string> =>
    await cluster.kubectl(['wait', `--for=condition=Ready=${status}`, `node/${node}`, '--timeout=600s']);
  const disruption = async (name: string): Promise<string> =>
    await poll(
      async () =>
        (await pods(name))[0]?.status?.conditions?.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True')?.reason,
    );

  beforeAll(async () => {
    cluster = sharedCluster();
    client = openClient(kubernetesConfig(cluster, NAMESPACE));
    await Promise.all([
      makeNamespace(cluster, NAMESPACE),
      cluster.addNode({ name: MACHINE, labels: { pool: 'machine' } }),
      cluster.addNode({ name: SMALL, labels: { pool: 'gpus' }, cpu: 1, memoryMb: 1024, gpus: 2 }),
    ]);
  });

  afterAll(async () => {
    await removeNamespace(cluster, NAMESPACE);
    for (const node of [MACHINE, SMALL]) await cluster.removeNode(node).catch(() => undefined);
  });

  it('runs a Job to completion on the node that its selector names, under Pod Security "restricted"', async () => {
    await create(job('chosen', 'id -u; echo done', { nodeSelector: { pool: 'gpus' } }));
    await completed('chosen');
    expect((await pods('chosen'))[0]?.spec?.nodeName).toBe(SMALL);
    expect(await cluster.kubectl(['-n', NAMESPACE, 'logs', 'job/chosen'])).toBe('65534\ndone\n');
  });

  it('refuses a pod that is not restricted', async () => {
    await expect(cluster.kubectl(['-n', NAMESPACE, 'run', 'root', `--image=${BUSYBOX_IMAGE}`])).rejects.toThrow(
      'violates PodSecurity "restricted',
    );
  });

  it('gives a kubelet the rights over its own node and pods only', async () => {
    const can = async (verb: string, what: string): Promise<string> =>
      await cluster
        .kubectl(['auth', 'can-i', verb, what, `--as=system:node:${MACHINE}`, '--as-group=system:nodes'])
        .catch((error: unknown) => String(error));
    expect(await can('get', `node/${MACHINE}`)).toContain('yes');
    expect(await can('delete', `node/${SMALL}`)).toContain('no');
    expect(await can('list', 'secrets')).toContain('no');
  });

  it('lets nobody without a certificate into a kubelet, and none of its own into etcd', async () => {
    const node = (await cluster.status()).nodes[0]!.address;
    expect(await httpStatus(`https://${node}:10250/pods`)).toBe(401);
    const etcd = cluster.hostAddress.replace(/^10\.(\d+)\..*/, '127.64.$1.1');
    await expect(httpStatus(`https://${etcd}:2379/version`)).rejects.toThrow(/certificate required|ECONNRESET/);
  });

  it('tells pods apart by what they request: cores, memory and GPUs of a node', async () => {
    const node = JSON.parse(await cluster.kubectl(['get', 'node', SMALL, '-o', 'json'])) as {
      status: { allocatable: Record<string, string> };
    };
    expect(node.status.allocatable['cpu']).toBe('1');
    expect(node.status.allocatable['nvidia.com/gpu']).toBe('2');
    await create(job('gpu', 'true', {}, { limits: { 'nvidia.com/gpu': '2' } }));
    await completed('gpu');
    expect((await pods('gpu'))[0]?.spec?.nodeName).toBe(SMALL);
    await create(job('too-large', 'true', {}, { limits: { 'nvidia.com/gpu': '3' } }));
    const event = await poll(async () => {
      const query = { fieldSelector: 'reason=FailedScheduling' };
      const { items } = await client.request<{ items: CoreV1Event[] }>('GET', `/api/v1/namespaces/${NAMESPACE}/events`, { query });
      return items.find(({ message }) => message?.includes('nvidia.com/gpu'))?.message;
    });
    expect(event).toMatch(/\d Insufficient nvidia.com\/gpu/);
  });

  it('lets pods reach a service of the machine', async () => {
    const server = createServer((_request, response) => response.end('from the machine'));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const exposed = await cluster.expose((server.address() as AddressInfo).port);
    try {
      await create(job('outward', `wget -q -O - http://${exposed.host}:${exposed.port}/`));
      await completed('outward');
      expect(await cluster.kubectl(['-n', NAMESPACE, 'logs', 'job/outward'])).toBe('from the machine');
    } finally {
      await exposed.close();
      server.close();
    }
  });

  it('lets pods on other nodes reach a Service', async () => {
    await create(job('server', 'cd /etc && exec httpd -f -p 8080', { nodeSelector: { pool: 'gpus' } }));
    await running('server');
    await cluster.kubectl(['-n', NAMESPACE, 'create', 'service', 'clusterip', 'server', '--tcp=80:8080']);
    await cluster.kubectl(['-n', NAMESPACE, 'set', 'selector', 'service', 'server', 'run=server']);
    const address = await cluster.kubectl(['-n', NAMESPACE, 'get', 'service', 'server', '-o', 'jsonpath={.spec.clusterIP}']);
    await create(
      job('client', `until busybox timeout 2 busybox wget -q -O - http://${address}/passwd; do sleep 0.2; done`, {
        nodeSelector: { pool: 'machine' },
      }),
    );
    await completed('client');
    expect(await cluster.kubectl(['-n', NAMESPACE, 'logs', 'job/client'])).toContain('nobody');
    await cluster.kubectl(['-n', NAMESPACE, 'delete', 'job/server', 'service/server', '--wait=false']);
  });

  it('shuts a node down as a spot VM is: pods end with TerminationByKubelet', async () => {
    await create(job('noticed', UNTIL_TERMINATED, { nodeSelector: { pool: 'machine' } }));
    await running('noticed');
    await cluster.shutdown(MACHINE);
    expect(await disruption('noticed')).toBe('TerminationByKubelet');
    await ready(MACHINE, 'False');
    await cluster.thaw(MACHINE);
    await ready(MACHINE, 'True');
  });

  it('freezes a node: NotReady after the grace period, its containers dead; thawed it is Ready again and runs Jobs', async () => {
    await create(job('frozen', UNTIL_TERMINATED, { nodeSelector: { pool: 'machine' } }));
    await running('frozen');
    const frozenAt = Date.now();
    await cluster.freeze(MACHINE);
    await ready(MACHINE, 'Unknown');
    expect((Date.now() - frozenAt) / 1000).toBeGreaterThan(NODE_MONITOR_GRACE_SECONDS - 3);
    expect((await pods('frozen'))[0]?.status?.phase).toBe('Running');
    expect((await cluster.status()).nodes.find(({ name }) => name === MACHINE)?.state).toBe('frozen');
    await cluster.thaw(MACHINE);
    await ready(MACHINE, 'True');
    const exitCode = await poll(async () => (await pods('frozen'))[0]?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode);
    expect(exitCode).toBe(137);
    await create(job('after-thaw', 'true', { nodeSelector: { pool: 'machine' } }));
    await completed('after-thaw');
  });

  it('registers a node again whose object was deleted', async () => {
    await cluster.deleteNodeObject(SMALL);
    await poll(async () => ((await cluster.status()).nodes.find(({ name }) => name === SMALL)?.state === 'deleted' ? true : undefined));
    await cluster.restartNode(SMALL);
    await create(job('again', 'true', { nodeSelector: { pool: 'gpus' } }, { limits: { 'nvidia.com/gpu': '1' } }));
    await completed('again');
  });

  it('keeps its pods over a restart of the API server', async () => {
    await create(job('outlives', 'while ! test -e /tmp/end; do sleep 0.1; done'));
    await running('outlives');
    await cluster.restartApiServer();
    const name = (await cluster.kubectl(['-n', NAMESPACE, 'get', 'pods', '-l', 'run=outlives', '-o', 'name'])).trim();
    await endByFile(cluster, NAMESPACE, name);
    await completed('outlives');
  });

  // The last one that needs it: it was added while the cluster ran.
  it('adds and removes a node while it runs, opened from its folder', async () => {
    const same = openCluster(cluster.directory);
    const names = async (): Promise<string[]> => (await same.status()).nodes.map(({ name }) => name);
    expect(await names()).toEqual(expect.arrayContaining(['spot-1', 'on-demand-1', MACHINE, SMALL]));
    await same.removeNode(SMALL);
    expect(await names()).not.toContain(SMALL);
    expect(await cluster.kubectl(['get', 'nodes', '-o', 'name'])).not.toContain(SMALL);
  });

  it('refuses what it cannot do in one clear line', async () => {
    await expect(cluster.addNode({ name: 'spot-1' })).rejects.toThrow('there is a node spot-1 already');
    await expect(cluster.addNode({ name: 'Spot_1' })).rejects.toThrow('name: expected lower case letters');
    await expect(cluster.addNode({ name: 'huge', cpu: 10_000 })).rejects.toThrow(
      /cpu: expected more than 0 and at most the machine's \d+ cores, found 10000/,
    );
    await expect(cluster.drain('nowhere')).rejects.toThrow('no node nowhere; there are: spot-1, on-demand-1, ');
    expect(() => openCluster('/nowhere')).toThrow('no cluster in /nowhere');
  });
});

async function httpStatus(url: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    const asked = request(url, { rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', reject);
    asked.end();
  });
}
