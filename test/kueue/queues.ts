/** Queues of the real Kueue, and what others put into them. */
import type { V1Job } from '@kubernetes/client-node';
import { BUSYBOX_IMAGE } from '../../deploy/dev-cluster/index.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { POLITE } from '../cluster/harness.ts';

const API = 'kueue.x-k8s.io/v1beta2';
const QUEUE = 'kueue.x-k8s.io/queue-name';
const PRIORITY = 'kueue.x-k8s.io/priority-class';
/** Enough for whatever the tests ask. */
const MEMORY = '64Gi';

interface Workload {
  readonly metadata: { readonly name: string; readonly ownerReferences?: readonly { readonly name: string }[] };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[];
    readonly admission?: { readonly podSetAssignments: readonly { readonly flavors: Readonly<Record<string, string>> }[] };
  };
}

export interface Queues {
  /** A queue, its ClusterQueue of the same name, and cores of each resource flavor, the first one preferred. */
  make(name: string, cores: Readonly<Record<string, number>>): Promise<void>;
  /** A Job of others; one that is urgent takes the place of what is not. Resolves when it runs. */
  occupy(queue: string, options: { readonly cpu: number; readonly urgent: boolean; readonly pool?: string }): Promise<Occupant>;
  /** Null: Kueue keeps none for that Job (any more). */
  workloadOf(job: string): Promise<Workload | null>;
  /** How many it has admitted, and how many wait, by its own count. */
  counts(queue: string): Promise<{ readonly admitted: number; readonly pending: number }>;
}

interface Occupant {
  leave(): Promise<void>;
}

/** Flavors are named after the pool whose nodes they are; `any` is no pool's. */
export async function openQueues(cluster: Cluster, namespace: string): Promise<Queues> {
  const apply = (...items: readonly object[]): Promise<string> =>
    cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const get = async <T>(...args: readonly string[]): Promise<T> =>
    JSON.parse(await cluster.kubectl(['-n', namespace, 'get', ...args, '-o', 'json'])) as T;
  const flavor = (name: string): object => ({
    apiVersion: API,
    kind: 'ResourceFlavor',
    metadata: { name },
    ...(name === 'any' ? {} : { spec: { nodeLabels: { pool: name } } }),
  });
  await apply(...['any', 'spot', 'on-demand'].map(flavor), {
    apiVersion: API,
    kind: 'WorkloadPriorityClass',
    metadata: { name: 'urgent' },
    value: 1000,
  });
  let occupants = 0;
  return {
    make: async (name, cores) => {
      const flavors = Object.entries(cores).map(([each, cpu]) => ({
        name: each,
        resources: [
          { name: 'cpu', nominalQuota: `${Math.round(cpu * 1000)}m` },
          { name: 'memory', nominalQuota: MEMORY },
        ],
      }));
      const spec = {
        namespaceSelector: {},
        preemption: { withinClusterQueue: 'LowerPriority' },
        resourceGroups: [{ coveredResources: ['cpu', 'memory'], flavors }],
      };
      await apply(
        { apiVersion: API, kind: 'ClusterQueue', metadata: { name }, spec },
        { apiVersion: API, kind: 'LocalQueue', metadata: { name, namespace }, spec: { clusterQueue: name } },
      );
      await cluster.kubectl(['-n', namespace, 'wait', '--for=condition=Active', `localqueue/${name}`, '--timeout=600s']);
    },
    occupy: async (queue, { cpu, urgent, pool }) => {
      const name = `occupant-${++occupants}`;
      const labels = { [QUEUE]: queue, ...(urgent ? { [PRIORITY]: 'urgent' } : {}) };
      await apply({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name, namespace, labels },
        spec: { suspend: true, template: { spec: occupantPod(cpu, pool) } },
      });
      await cluster.kubectl(['-n', namespace, 'wait', '--for=jsonpath={.status.ready}=1', `job/${name}`, '--timeout=600s']);
      return { leave: async () => void (await cluster.kubectl(['-n', namespace, 'delete', 'job', name, '--wait=false'])) };
    },
    workloadOf: async (job) => {
      const { items } = await get<{ items: readonly Workload[] }>('workloads');
      return items.find(({ metadata }) => metadata.ownerReferences?.some(({ name }) => name === job)) ?? null;
    },
    counts: async (queue) => {
      const { status } = await get<{ status?: { admittedWorkloads?: number; pendingWorkloads?: number } }>('clusterqueue', queue);
      return { admitted: status?.admittedWorkloads ?? 0, pending: status?.pendingWorkloads ?? 0 };
    },
  };
}

function occupantPod(cpu: number, pool: string | undefined): NonNullable<V1Job['spec']>['template']['spec'] {
  return {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 1,
    ...(pool === undefined ? {} : { nodeSelector: { pool } }),
    securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'main',
        image: BUSYBOX_IMAGE,
        imagePullPolicy: 'IfNotPresent',
        command: ['sh', '-c', POLITE],
        resources: { requests: { cpu: `${Math.round(cpu * 1000)}m`, memory: '16Mi' } },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  };
}
