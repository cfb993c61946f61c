/** What tests on the shared cluster have in common: a namespace of their own under Pod Security "restricted", and the adapter for it. */
import { inject } from 'vitest';
import { BUSYBOX_IMAGE, openCluster } from '../../deploy/dev-cluster/index.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import { absent } from '../../src/adapters/kubernetes/ending.ts';
import type { JobSpec } from '../../src/contract/jobs.ts';
import { Compute } from '../../src/contract/profile.ts';
import type { Pool } from '../../src/contract/profile.ts';
import { until } from '../workflow/environment.ts';

export type KubernetesConfig = Extract<Compute, { kind: 'kubernetes' }>;

/** False where the machine cannot run a cluster; the set-up says why. */
export const clusterCanRun = (): boolean => inject('clusterDirectory') !== null;

export function sharedCluster(): Cluster {
  const directory = inject('clusterDirectory');
  if (directory === null) throw new Error('no cluster here');
  return openCluster(directory);
}

export async function makeNamespace(cluster: Cluster, name: string): Promise<void> {
  const client = openClient(kubernetesConfig(cluster, name));
  const metadata = { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } };
  await client.request('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata } });
  const account = `/api/v1/namespaces/${name}/serviceaccounts/default`;
  await until(() => client.request<object>('GET', account).catch(absent), `the account of namespace ${name}`);
}

/** Ends a container that waits for `/tmp/end`; it may be over, and with it the command in it, before that is told. */
export async function endByFile(cluster: Cluster, namespace: string, pod: string): Promise<void> {
  await cluster.kubectl(['-n', namespace, 'exec', pod, '--', 'touch', '/tmp/end']).catch((error: unknown) => {
    if (!String(error).includes('exit code 137')) throw error;
  });
}

export async function removeNamespace(cluster: Cluster, name: string): Promise<void> {
  const client = openClient(kubernetesConfig(cluster, name));
  await client.request('DELETE', `/api/v1/namespaces/${name}`).catch(absent);
}

export function kubernetesConfig(cluster: Cluster, namespace: string, changes: object = {}): KubernetesConfig {
  return Compute.parse({
    kind: 'kubernetes',
    namespace,
    kubeconfig: cluster.kubeconfig,
    image: BUSYBOX_IMAGE,
    // The image's user is root.
    podTemplate: { spec: { securityContext: { runAsUser: 65534 } } },
    ...changes,
  }) as KubernetesConfig;
}

export const poolOf = (label: string, changes: Partial<Pool> = {}): Pool => ({
  name: label,
  spot: label.startsWith('spot'),
  pricePerHour: 0,
  nodeSelector: { pool: label },
  tolerations: [],
  ...changes,
});

/** Ends with 143 when it is asked to, a little later, as a trainer that saves does. */
export const POLITE = `trap 'echo asked; sleep 0.2; echo saved; exit 143' TERM; echo ready; while :; do sleep 0.1; done`;

let jobs = 0;
export function shellJob(script: string, changes: Partial<JobSpec> = {}): JobSpec {
  return {
    name: `job-${Date.now().toString(36)}-${++jobs}`,
    labels: { pipeline: 'p', run: 'r', step: 's' },
    command: ['sh', '-c', script],
    env: {},
    resources: { cpu: 0.05, memoryMb: 32, gpu: 0 },
    pool: poolOf('spot'),
    graceSeconds: 3,
    ...changes,
  };
}
