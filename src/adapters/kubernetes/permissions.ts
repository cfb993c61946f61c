/** Every right that Longhaul uses on a cluster. The Helm chart grants these and no more; `longhaul doctor` asks for each that something fails without. */
export interface Permission {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verbs: readonly string[];
  readonly namespaced: boolean;
  /** What does not work without it. */
  readonly why: string;
}

export const PERMISSIONS: readonly Permission[] = [
  {
    group: 'batch',
    resource: 'jobs',
    verbs: ['create', 'delete', 'get', 'list', 'watch'],
    namespaced: true,
    why: 'attempts of trials and container steps are Jobs',
  },
  {
    group: '',
    resource: 'pods',
    verbs: ['list', 'patch', 'watch'],
    namespaced: true,
    why: 'how an attempt ended is read from its pod; a patch asks it to end with a checkpoint',
  },
  {
    group: '',
    resource: 'pods',
    subresource: 'log',
    verbs: ['get'],
    namespaced: true,
    why: 'the log of a failed attempt, and `longhaul logs`',
  },
  { group: '', resource: 'events', verbs: ['list', 'watch'], namespaced: true, why: 'why a Job does not start: quotas, volumes' },
  {
    group: 'apps',
    resource: 'deployments',
    verbs: ['create', 'delete', 'patch'],
    namespaced: true,
    why: 'the TensorBoard of a pipeline (profile: tensorboard)',
  },
  {
    group: '',
    resource: 'services',
    verbs: ['create', 'delete', 'patch'],
    namespaced: true,
    why: 'how the machines of one trial find each other; the TensorBoard of a pipeline (profile: tensorboard)',
  },
  {
    group: '',
    resource: 'nodes',
    verbs: ['get', 'list', 'watch'],
    namespaced: false,
    why: 'a machine that vanished is noticed by its node; without it a lost pod is noticed minutes later',
  },
];

/** Besides, where a profile names a queue of Kueue. */
export const QUEUE_PERMISSIONS: readonly Permission[] = [
  {
    group: 'kueue.x-k8s.io',
    resource: 'workloads',
    verbs: ['list'],
    namespaced: true,
    why: 'which resource flavor Kueue chose for an attempt, and so what it cost, and why it has not admitted one (profile: compute.queue)',
  },
];

/** Besides, where the cluster serves metrics of pods: not having it costs nothing but what it tells. */
export const USE_PERMISSIONS: readonly Permission[] = [
  {
    group: 'metrics.k8s.io',
    resource: 'pods',
    verbs: ['list'],
    namespaced: true,
    why: 'what attempts use of their machines, where their trainers do not say it (`longhaul advise`)',
  },
];

/** `pods/log` */
export const resourceName = ({ resource, subresource }: Permission): string => (subresource ? `${resource}/${subresource}` : resource);
