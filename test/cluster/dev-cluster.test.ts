import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUSYBOX_IMAGE, canRunCluster, ensureTools, openCluster, startCluster } from '../../deploy/dev-cluster/index.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';

const capability = await canRunCluster();
if (!capability.ok) process.stderr.write(`skipped, the cluster suite: ${capability.why}\n`);

const NODE_MONITOR_GRACE_SECONDS = 6;

interface Pod {
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[];
    readonly containerStatuses?: readonly { readonly state: { readonly terminated?: { readonly exitCode: number } } }[];
  };
}

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
    metadata: { name, namespace: 'restricted' },
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

async function poll<T>(probe: () => Promise<T | undefined>, seconds = 30): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe.skipIf(!capability.ok)('the development cluster', () => {
  let cluster: Cluster;
  let warmSeconds = 0;
  const sysctlsBefore = machineSysctls();

  const create = async (manifest: string): Promise<string> => await cluster.kubectl(['create', '-f', '-'], manifest);
  const completed = async (name: string): Promise<string> =>
    await cluster.kubectl(['-n', 'restricted', 'wait', '--for=condition=complete', `job/${name}`, '--timeout=600s']);
  const pods = async (name: string): Promise<readonly Pod[]> =>
    (JSON.parse(await cluster.kubectl(['-n', 'restricted', 'get', 'pods', '-l', `run=${name}`, '-o', 'json'])) as { items: readonly Pod[] })
      .items;
  const running = async (name: string): Promise<Pod> =>
    await poll(async () => (await pods(name)).find(({ status }) => status.phase === 'Running'));
  const ready = async (node: string, status: string): Promise<string> =>
    await cluster.kubectl(['wait', `--for=condition=Ready=${status}`, `node/${node}`, '--timeout=600s']);
  const disruption = async (name: string): Promise<string> =>
    await poll(
      async () =>
        (await pods(name))[0]?.status.conditions?.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True')?.reason,
    );

  beforeAll(async () => {
    // The first start on a machine builds Kubernetes.
    await ensureTools((line) => void process.stderr.write(`cluster: ${line}\n`));
    const started = Date.now();
    cluster = await startCluster({
      nodes: [
        { name: 'spot-1', labels: { pool: 'spot' } },
        { name: 'on-demand-1', labels: { pool: 'on-demand' }, cpu: 1, memoryMb: 1024, gpus: 2 },
      ],
      timing: { nodeMonitorGrace: NODE_MONITOR_GRACE_SECONDS },
    });
    warmSeconds = (Date.now() - started) / 1000;
    await cluster.kubectl(['create', 'namespace', 'restricted']);
    await cluster.kubectl(['label', 'namespace', 'restricted', 'pod-security.kubernetes.io/enforce=restricted']);
    await cluster.kubectl(['-n', 'restricted', 'wait', '--for=create', 'serviceaccount/default', '--timeout=600s']);
  });

  afterAll(async () => {
    const { directory } = cluster;
    await cluster.stop();
    expect(existsSync(directory)).toBe(false);
    expect(machineSysctls()).toEqual(sysctlsBefore);
  });

  it('is up with two nodes in under 30 s once it was built', () => {
    expect(warmSeconds).toBeLessThan(30);
  });

  it('runs a Job to completion on the node that its selector names, under Pod Security "restricted"', async () => {
    await create(job('chosen', 'id -u; echo done', { nodeSelector: { pool: 'on-demand' } }));
    await completed('chosen');
    expect((await pods('chosen'))[0]?.spec.nodeName).toBe('on-demand-1');
    expect(await cluster.kubectl(['-n', 'restricted', 'logs', 'job/chosen'])).toBe('65534\ndone\n');
  });

  it('refuses a pod that is not restricted', async () => {
    await expect(cluster.kubectl(['-n', 'restricted', 'run', 'root', `--image=${BUSYBOX_IMAGE}`])).rejects.toThrow(
      'violates PodSecurity "restricted',
    );
  });

  it('gives a kubelet the rights over its own node and pods only', async () => {
    const can = async (verb: string, what: string): Promise<string> =>
      await cluster
        .kubectl(['auth', 'can-i', verb, what, '--as=system:node:spot-1', '--as-group=system:nodes'])
        .catch((error: unknown) => String(error));
    expect(await can('get', 'node/spot-1')).toContain('yes');
    expect(await can('delete', 'node/on-demand-1')).toContain('no');
    expect(await can('list', 'secrets')).toContain('no');
  });

  it('lets nobody without a certificate into a kubelet, and none of its own into etcd', async () => {
    const node = (await cluster.status()).nodes[0]!.address;
    expect(await httpStatus(`https://${node}:10250/pods`)).toBe(401);
    const etcd = cluster.hostAddress.replace(/^10\.(\d+)\..*/, '127.64.$1.1');
    await expect(httpStatus(`https://${etcd}:2379/version`)).rejects.toThrow(/certificate required|ECONNRESET/);
  });

  it('tells pods apart by what they request: cores, memory and GPUs of a node', async () => {
    const node = JSON.parse(await cluster.kubectl(['get', 'node', 'on-demand-1', '-o', 'json'])) as {
      status: { allocatable: Record<string, string> };
    };
    expect(node.status.allocatable['cpu']).toBe('1');
    expect(node.status.allocatable['nvidia.com/gpu']).toBe('2');
    await create(job('gpu', 'true', {}, { limits: { 'nvidia.com/gpu': '2' } }));
    await completed('gpu');
    expect((await pods('gpu'))[0]?.spec.nodeName).toBe('on-demand-1');
    await create(job('too-large', 'true', {}, { limits: { 'nvidia.com/gpu': '3' } }));
    const event = await poll(async () => {
      const message = await cluster.kubectl([
        '-n',
        'restricted',
        'get',
        'events',
        '--field-selector=reason=FailedScheduling',
        '-o',
        'jsonpath={.items[*].message}',
      ]);
      return message.includes('nvidia.com/gpu') ? message : undefined;
    });
    expect(event).toContain('2 Insufficient nvidia.com/gpu');
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
      expect(await cluster.kubectl(['-n', 'restricted', 'logs', 'job/outward'])).toBe('from the machine');
    } finally {
      await exposed.close();
      server.close();
    }
  });

  it('lets pods on other nodes reach a Service', async () => {
    await create(job('server', 'cd /etc && exec httpd -f -p 8080', { nodeSelector: { pool: 'on-demand' } }));
    await running('server');
    await cluster.kubectl(['-n', 'restricted', 'create', 'service', 'clusterip', 'server', '--tcp=80:8080']);
    await cluster.kubectl(['-n', 'restricted', 'set', 'selector', 'service', 'server', 'run=server']);
    const address = await cluster.kubectl(['-n', 'restricted', 'get', 'service', 'server', '-o', 'jsonpath={.spec.clusterIP}']);
    await create(
      job('client', `until busybox timeout 2 busybox wget -q -O - http://${address}/passwd; do sleep 0.2; done`, {
        nodeSelector: { pool: 'spot' },
      }),
    );
    await completed('client');
    expect(await cluster.kubectl(['-n', 'restricted', 'logs', 'job/client'])).toContain('nobody');
    await cluster.kubectl(['-n', 'restricted', 'delete', 'job/server', 'service/server', '--wait=false']);
  });

  it('drains a node: its pods carry DisruptionTarget and exit 143', async () => {
    await create(job('drained', UNTIL_TERMINATED, { nodeSelector: { pool: 'spot' } }));
    await running('drained');
    // The evicted pod is deleted as soon as it has ended; a finalizer keeps it for a look.
    const name = (await cluster.kubectl(['-n', 'restricted', 'get', 'pods', '-l', 'run=drained', '-o', 'name'])).trim();
    await cluster.kubectl(['-n', 'restricted', 'patch', name, '-p', '{"metadata":{"finalizers":["longhaul.dev/look"]}}']);
    const draining = cluster.drain('spot-1');
    expect(await disruption('drained')).toBe('EvictionByEvictionAPI');
    const exitCode = await poll(async () => (await pods('drained'))[0]?.status.containerStatuses?.[0]?.state.terminated?.exitCode);
    expect(exitCode).toBe(143);
    await cluster.kubectl(['-n', 'restricted', 'patch', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    await draining;
    await cluster.uncordon('spot-1');
  });

  it('ends pods by a NoExecute taint', async () => {
    await create(job('tainted', UNTIL_TERMINATED, { nodeSelector: { pool: 'spot' } }));
    await running('tainted');
    const taint = { key: 'maintenance', value: 'now', effect: 'NoExecute' } as const;
    await cluster.taint('spot-1', taint);
    expect(await disruption('tainted')).toBe('DeletionByTaintManager');
    await cluster.untaint('spot-1', taint);
  });

  it('shuts a node down as a spot VM is: pods end with TerminationByKubelet', async () => {
    await create(job('noticed', UNTIL_TERMINATED, { nodeSelector: { pool: 'spot' } }));
    await running('noticed');
    await cluster.shutdown('spot-1');
    expect(await disruption('noticed')).toBe('TerminationByKubelet');
    await ready('spot-1', 'False');
    await cluster.thaw('spot-1');
    await ready('spot-1', 'True');
  });

  it('freezes a node: NotReady after the grace period, its containers dead; thawed it is Ready again and runs Jobs', async () => {
    await create(job('frozen', UNTIL_TERMINATED, { nodeSelector: { pool: 'spot' } }));
    await running('frozen');
    const frozenAt = Date.now();
    await cluster.freeze('spot-1');
    await ready('spot-1', 'Unknown');
    expect((Date.now() - frozenAt) / 1000).toBeGreaterThan(NODE_MONITOR_GRACE_SECONDS - 3);
    expect((await pods('frozen'))[0]?.status.phase).toBe('Running');
    expect((await cluster.status()).nodes.find(({ name }) => name === 'spot-1')?.state).toBe('frozen');
    await cluster.thaw('spot-1');
    await ready('spot-1', 'True');
    const exitCode = await poll(async () => (await pods('frozen'))[0]?.status.containerStatuses?.[0]?.state.terminated?.exitCode);
    expect(exitCode).toBe(137);
    await create(job('after-thaw', 'true', { nodeSelector: { pool: 'spot' } }));
    await completed('after-thaw');
  });

  it('registers a node again whose object was deleted', async () => {
    await cluster.deleteNodeObject('on-demand-1');
    await poll(async () =>
      (await cluster.status()).nodes.find(({ name }) => name === 'on-demand-1')?.state === 'deleted' ? true : undefined,
    );
    await cluster.restartNode('on-demand-1');
    await create(job('again', 'true', { nodeSelector: { pool: 'on-demand' } }, { limits: { 'nvidia.com/gpu': '1' } }));
    await completed('again');
  });

  it('keeps its pods over a restart of the API server', async () => {
    await create(job('outlives', 'while ! test -e /tmp/end; do sleep 0.1; done'));
    await running('outlives');
    await cluster.restartApiServer();
    const name = (await cluster.kubectl(['-n', 'restricted', 'get', 'pods', '-l', 'run=outlives', '-o', 'name'])).trim();
    await cluster.kubectl(['-n', 'restricted', 'exec', name, '--', 'touch', '/tmp/end']);
    await completed('outlives');
  });

  it('adds and removes a node while it runs, opened from its folder', async () => {
    const same = openCluster(cluster.directory);
    await same.addNode({ name: 'spot-2', labels: { pool: 'extra' } });
    await create(job('extra', 'true', { nodeSelector: { pool: 'extra' } }));
    await completed('extra');
    await same.removeNode('spot-2');
    expect((await same.status()).nodes.map(({ name }) => name)).toEqual(['spot-1', 'on-demand-1']);
    expect(await cluster.kubectl(['get', 'nodes', '-o', 'name'])).not.toContain('spot-2');
  });

  it('refuses what it cannot do in one clear line', async () => {
    await expect(cluster.addNode({ name: 'spot-1' })).rejects.toThrow('there is a node spot-1 already');
    await expect(cluster.addNode({ name: 'Spot_1' })).rejects.toThrow('name: expected lower case letters');
    await expect(cluster.addNode({ name: 'huge', cpu: 10_000 })).rejects.toThrow(
      /cpu: expected more than 0 and at most the machine's \d+ cores, found 10000/,
    );
    await expect(cluster.drain('nowhere')).rejects.toThrow('no node nowhere; there are: spot-1, on-demand-1');
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

function machineSysctls(): readonly string[] {
  return ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'].map((name) => readFileSync(`/proc/sys/${name}`, 'utf8'));
}
