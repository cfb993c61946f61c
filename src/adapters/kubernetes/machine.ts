/** What a pod needs of its machine besides CPU, memory and disk: devices, shared memory, taints that clouds set by themselves. */
import type { JobSpec } from '../../contract/jobs.ts';
import type { Pool } from '../../contract/profile.ts';
import type { KubernetesConfig } from './client.ts';

const USUAL_GPU = 'nvidia.com/gpu';
const SHM = { name: 'shm', mountPath: '/dev/shm' };
/** Of the container's memory, as `/dev/shm` has of a machine's by default (tmpfs); 64 MiB, which a container gets, ends loaders of batches. */
const SHM_SHARE = 1 / 2;

type Machine = Pick<JobSpec, 'resources' | 'pool'>;

const gpuResource = ({ pool }: Machine): string => pool.gpuResource ?? USUAL_GPU;

/** As a request and a limit, by the name that the vendor's device plugin has. */
export const gpus = (spec: Machine): Record<string, string> =>
  spec.resources.gpu > 0 ? { [gpuResource(spec)]: String(spec.resources.gpu) } : {};

/** An autoscaler that tidies up takes no machine whose pod says so. */
export const KEPT = { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' };

const hasOwn = ({ volumes }: KubernetesConfig): boolean =>
  volumes.some(({ name, mountPath }) => name === SHM.name || mountPath === SHM.mountPath);

/** Counts towards the container's memory as far as it is used. A volume of the profile takes its place. */
export const sharedMemory = ({ resources }: Machine, config: KubernetesConfig): object[] =>
  hasOwn(config)
    ? []
    : [{ name: SHM.name, emptyDir: { medium: 'Memory', sizeLimit: `${Math.max(1, Math.floor(resources.memoryMb * SHM_SHARE))}Mi` } }];
export const sharedMemoryMount = (config: KubernetesConfig): object[] => (hasOwn(config) ? [] : [SHM]);

/**
 * Taints that GKE sets on nodes by itself, and those of GPUs anywhere: `cloud.google.com/gke-spot` and `gke-flex-start` of machines of that
 * kind, `kubernetes.io/arch` of Arm, the resource's name of machines with devices. Those of the pool come first.
 */
export function tolerationsOf(spec: Machine): Pool['tolerations'] {
  const { nodeSelector, tolerations } = spec.pool;
  const tainted = ['cloud.google.com/gke-spot', 'cloud.google.com/gke-flex-start', 'kubernetes.io/arch'].flatMap((key) => {
    const value = nodeSelector[key];
    const isTaint = key === 'kubernetes.io/arch' ? value === 'arm64' : value === 'true';
    return isTaint ? [{ key, operator: 'Equal' as const, value, effect: 'NoSchedule' as const }] : [];
  });
  const devices = Object.keys(gpus(spec)).map((key) => ({ key, operator: 'Exists' as const, effect: 'NoSchedule' as const }));
  return [...tolerations, ...[...tainted, ...devices].filter(({ key }) => !tolerations.some((own) => own.key === key))];
}
