/** A Job of several pods: how its ranks find each other, and which machines they may be on. */
import type { V1Job } from '@kubernetes/client-node';
import { AdapterError } from '../../contract/errors.ts';
import type { JobSpec } from '../../contract/jobs.ts';
import { TRIAL_ENVIRONMENT } from '../../contract/names.ts';
import type { Pool } from '../../contract/profile.ts';
import { COORDINATOR_PORT, gangEnvironment } from '../../rules/gang.ts';
import type { KubeClient } from './client.ts';
import { COMPLETION_INDEX, JOB_NAME, labelsOf } from './labels.ts';

const ZONE = 'topology.kubernetes.io/zone';
/** GKE's labels of where a machine stands, the nearer the later. */
const NEAR = ['cloud.google.com/gce-topology-block', 'cloud.google.com/gce-topology-subblock', 'cloud.google.com/gce-topology-host'];
const MAX_NAME = 63;

type GangSpec = Pick<JobSpec, 'name' | 'nodes' | 'resources' | 'pool' | 'labels'>;

/** What the spec of a Job says of its pods' number; that of one pod is as it ever was. */
export function completions({
  name,
  nodes = 1,
}: GangSpec): Pick<NonNullable<V1Job['spec']>, 'completions' | 'parallelism' | 'completionMode'> {
  if (nodes === 1) return { completions: 1, parallelism: 1 };
  if (hostOf(name, nodes - 1).length > MAX_NAME || serviceOf(name).length > MAX_NAME)
    throw new AdapterError('InvalidInput', `Job name "${name}": too long for ${nodes} pods, whose names have its number behind it`);
  return { completionMode: 'Indexed', completions: nodes, parallelism: nodes };
}

/** Fields of the pod's spec; none for one pod. */
export function gangPod({ name, nodes = 1, pool }: GangSpec): object {
  return nodes === 1 ? {} : { subdomain: serviceOf(name), ...affinity(name, pool.topology) };
}

/** Literal values by name; none for one pod. */
export const gangValues = (spec: GangSpec): Record<string, string> =>
  (spec.nodes ?? 1) === 1
    ? {}
    : { ...gangEnvironment(spec), [TRIAL_ENVIRONMENT.coordinator]: `${hostOf(spec.name, 0)}.${serviceOf(spec.name)}:${COORDINATOR_PORT}` };

/** Variables that each pod has from its own metadata. */
export const gangReferences = ({ nodes = 1 }: GangSpec): object[] =>
  nodes === 1
    ? []
    : [{ name: TRIAL_ENVIRONMENT.nodeRank, valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${COMPLETION_INDEX}']` } } }];

const hostOf = (job: string, rank: number): string => `${job}-${rank}`;
/** Names of Services begin with a letter. */
const serviceOf = (job: string): string => (/^[a-z]/.test(job) ? job : `j-${job}`);

function affinity(name: string, topology: Pool['topology']): object {
  if (topology === undefined) return {};
  const together = (topologyKey: string): object => ({ topologyKey, labelSelector: { matchLabels: { [JOB_NAME]: name } } });
  const nearer = NEAR.map((label, index) => ({ weight: 10 ** index, podAffinityTerm: together(label) }));
  return {
    affinity: {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [together(ZONE)],
        ...(topology === 'compact' ? { preferredDuringSchedulingIgnoredDuringExecution: nearer } : {}),
      },
    },
  };
}

/** The names of the pods, which are there before the pods are ready: ranks look for each other as they begin. It goes with its Job. */
export async function ensureService(client: KubeClient, spec: GangSpec, job: V1Job): Promise<void> {
  if ((spec.nodes ?? 1) === 1) return;
  const { name = spec.name, uid } = job.metadata ?? {};
  const service = serviceOf(name);
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: false, blockOwnerDeletion: false };
  const body = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: service, labels: labelsOf(spec.labels), ownerReferences: [owner] },
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: { [JOB_NAME]: name },
      ports: [{ name: 'coordinator', port: COORDINATOR_PORT }],
    },
  };
  await client.apply(`/api/v1/namespaces/${client.namespace}/services/${service}`, body);
}
