/** Each right that the chart grants is needed: without one verb, what uses it is refused by the API server, and says so. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { PERMISSIONS, resourceName } from '../../src/adapters/kubernetes/permissions.ts';
import type { Permission } from '../../src/adapters/kubernetes/permissions.ts';
import { openKubernetesTensorboards } from '../../src/adapters/kubernetes/tensorboard.ts';
import { BUSYBOX_IMAGE } from '../../deploy/dev-cluster/index.ts';
import type { JobSpec } from '../../src/contract/jobs.ts';
import type { Compute } from '../../src/ports/compute.ts';
import { clusterCanRun, kubernetesConfig, makeNamespace, removeNamespace, sharedCluster, shellJob } from './harness.ts';
import type { KubernetesConfig } from './harness.ts';
import { grant, kubeconfigAs } from './rights.ts';

const NAMESPACE = 'rights';
const ALL = 'all';

/** Whatever the API server refused, in its words. */
type Refusals = string[];
type Operation = (config: KubernetesConfig, refusals: Refusals) => Promise<void>;

const VERBS = PERMISSIONS.flatMap((permission) => permission.verbs.map((verb) => `${verb} ${resourceName(permission)}`));

const without = (left: string): Permission[] =>
  PERMISSIONS.map((permission) => ({
    ...permission,
    verbs: permission.verbs.filter((verb) => `${verb} ${resourceName(permission)}` !== left),
  }));

const accountOf = (verb: string): string => `no-${verb.replace(/[^a-z]/g, '-')}`;

describe.skipIf(!clusterCanRun())('the rights of the chart', () => {
  beforeAll(async () => {
    await makeNamespace(sharedCluster(), NAMESPACE);
    const short = VERBS.map((verb) => [accountOf(verb), without(verb)] as const);
    await grant(sharedCluster(), NAMESPACE, { [ALL]: PERMISSIONS, ...Object.fromEntries(short) });
  });
  afterAll(async () => {
    await removeNamespace(sharedCluster(), NAMESPACE);
  });

  const configOf = (account: string): KubernetesConfig =>
    kubernetesConfig(sharedCluster(), NAMESPACE, {
      kubeconfig: kubeconfigAs(sharedCluster(), NAMESPACE, account),
      queue: 'nobody',
      podTemplate: { spec: { securityContext: { runAsUser: 65534 }, nodeSelector: { pool: 'nowhere' } } },
    });
  const administrator = (): KubernetesConfig => kubernetesConfig(sharedCluster(), NAMESPACE, { queue: 'nobody' });

  const withCompute =
    (use: (compute: Compute, job: JobSpec) => Promise<unknown>): Operation =>
    async (config, refusals) => {
      const job = shellJob('true');
      const [own, compute] = await Promise.all([openKubernetesCompute(administrator()), openKubernetesCompute(config)]);
      await own.create(job);
      await runningPod(job.name);
      await use(compute, job).catch((error: unknown) => refusals.push(String(error)));
      await Promise.all([own.close(), compute.close()]);
    };

  /** Reads what is to be read, until either was seen to be refused or all of it was granted. */
  const watching: Operation = async (config, refusals) => {
    const over = new AbortController();
    const compute = await openKubernetesCompute(config, {
      view: {
        log: (message) => {
          refusals.push(message);
          over.abort();
        },
      },
    });
    const job = shellJob('true');
    const own = await openKubernetesCompute(administrator());
    await own.create(job);
    await compute
      .watch(job.name, { signal: over.signal, noCapacitySeconds: 600, onStatus: () => void watchesOpen(config).then(() => over.abort()) })
      .catch(() => undefined);
    await Promise.all([own.close(), compute.close()]);
  };

  const tensorboard: Operation = async (config, refusals) => {
    const pipeline = `p-${shellJob('true').name}`;
    const spec = { pipeline, logdir: '/tmp/none' };
    const own = openKubernetesTensorboards(configOf(ALL));
    const tried = openKubernetesTensorboards(config);
    await tried.start(spec).catch((error: unknown) => refusals.push(String(error)));
    await own.start(spec);
    await tried.stop({ pipeline }).catch((error: unknown) => refusals.push(String(error)));
    await own.stop({ pipeline });
  };

  const terminating = withCompute((compute, job) => compute.terminate(job.name));
  const OPERATIONS: Readonly<Record<string, Operation>> = {
    'create jobs': withCompute((compute) => compute.create(shellJob('true'))),
    'delete jobs': withCompute((compute, job) => compute.remove(job.name)),
    'get jobs': withCompute((compute, job) => compute.create(job)),
    'list jobs': withCompute((compute) => compute.list()),
    'watch jobs': watching,
    'list pods': terminating,
    'patch pods': terminating,
    'watch pods': watching,
    'get pods/log': withCompute(async (compute, job) => {
      for await (const _line of compute.logs(job.name));
    }),
    'list events': watching,
    'watch events': watching,
    'create deployments': tensorboard,
    'delete deployments': tensorboard,
    'patch deployments': tensorboard,
    'create services': tensorboard,
    'delete services': tensorboard,
    'patch services': tensorboard,
    'get nodes': async (config, refusals) => {
      await openClient(config).request('GET', '/api/v1/nodes/vanished').catch((error: unknown) => refusals.push(String(error))); // prettier-ignore
    },
    'list nodes': watching,
    'watch nodes': watching,
  };

  it('are each used by something that this test does', () => {
    expect(Object.keys(OPERATIONS).sort()).toEqual([...VERBS].sort());
  });

  it('are enough', async () => {
    for (const operation of new Set(Object.values(OPERATIONS))) {
      const refusals: Refusals = [];
      await operation(configOf(ALL), refusals);
      expect(refusals.filter((text) => /forbidden|cannot be watched/.test(text))).toEqual([]);
    }
  });

  it.each(VERBS)('are too few without: %s', async (verb) => {
    const refusals: Refusals = [];
    await OPERATIONS[verb]?.(configOf(accountOf(verb)), refusals);
    const [name = '', resource = ''] = verb.split(' ');
    expect(refusals.join('\n')).toMatch(new RegExp(`forbidden: User "system:serviceaccount:${NAMESPACE}:${accountOf(verb)}" cannot ${name} resource "${resource}"`)); // prettier-ignore
  });

  /** A pod that says it runs; the Job is suspended, so nothing else makes one. */
  async function runningPod(job: string): Promise<void> {
    const client = openClient(administrator());
    const { metadata } = await client.request<{ metadata: { uid: string } }>('GET', client.jobsPath(job));
    // Not its controller: the Job controller would remove it.
    const ownerReferences = [{ apiVersion: 'batch/v1', kind: 'Job', name: job, uid: metadata.uid, blockOwnerDeletion: true }];
    const labels = { 'app.kubernetes.io/managed-by': 'longhaul', 'batch.kubernetes.io/job-name': job };
    const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    const body = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: job, labels, ownerReferences },
      spec: {
        schedulerName: 'nobody',
        securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } },
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: BUSYBOX_IMAGE, securityContext }],
      },
    };
    await client.request('POST', client.podsPath(), { body });
    const state = { running: { startedAt: new Date().toISOString() } };
    const main = { name: 'main', image: '', imageID: '', ready: true, restartCount: 0, state };
    const status = { phase: 'Running', containerStatuses: [main] };
    await client.request('PATCH', `${client.podsPath(job)}/status`, { body: { status }, contentType: 'application/merge-patch+json' });
  }

  /** All four watches were answered, one way or the other, by the time that the same questions were. */
  async function watchesOpen(config: KubernetesConfig): Promise<void> {
    const client = openClient(config);
    const paths = [client.jobsPath(), client.podsPath(), '/api/v1/nodes', `/api/v1/namespaces/${NAMESPACE}/events`];
    for (const path of paths) {
      const query = { watch: true, timeoutSeconds: 1 };
      try {
        for await (const _line of client.lines(path, { query, signal: new AbortController().signal, silenceMs: 5_000 }));
      } catch {
        return new Promise(() => undefined);
      }
    }
  }
});
