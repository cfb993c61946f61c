/** What a run document may ask of the workers that it is given to: a file of the installation, named by LONGHAUL_POLICY. */
import { z } from 'zod';

/** Texts in which `*` stands for anything. A rule that is left out allows everything, an empty list nothing. */
const Patterns = z.array(z.string().min(1)).optional();

export const Policy = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal(1).default(1),
  warehouses: z.array(z.enum(['duckdb', 'bigquery'])).optional(),
  stores: z.array(z.enum(['directory', 'gcs'])).optional(),
  /** `process` runs trainers and scripts as the worker itself. */
  computes: z.array(z.enum(['process', 'kubernetes'])).optional(),
  /** Directories of the worker's machine, each with what is below it. */
  paths: Patterns,
  /** Addresses of emulators (`apiEndpoint`). */
  endpoints: Patterns,
  projects: Patterns,
  /** `dataset` or `project.dataset`: of the ledger and of tables that steps name. What SQL itself reads is a matter of IAM. */
  datasets: Patterns,
  /** The data set, or the directory of DuckDB, of the ledger: `datasets` may have others that several teams read. */
  ledgers: Patterns,
  /** `bucket` or `bucket/prefix`, each with what is below it. */
  buckets: Patterns,
  namespaces: Patterns,
  /** A profile without one has `default`, as its pods have. */
  serviceAccounts: Patterns,
  /** Whether a pod gets its account's token for the cluster. */
  serviceAccountTokens: z.boolean().default(true),
  kubeconfigs: Patterns,
  contexts: Patterns,
  images: Patterns,
  priorityClasses: Patterns,
  /** Names of machines that a pod may ask for: `nodeName`, and selectors and affinities by `kubernetes.io/hostname` or `metadata.name`. */
  nodes: Patterns,
  /** Keys of taints that pods may tolerate; `*` alone lets them tolerate every one, of the control plane too. */
  tolerations: Patterns,
  schedulers: Patterns,
  /** How containers run, and where: a class brings tolerations and selectors of its own. */
  runtimeClasses: Patterns,
  /**
   * Secrets that a pod may mount, take variables from or pull its images with, by name; `pull:NAME` for the last alone; in `secrets` of steps also
   * `NAME/KEY`, and `env:NAME` of the worker's own.
   */
  secrets: Patterns,
  /** Kinds of volumes: `emptyDir`, `persistentVolumeClaim`, …; of CSI drivers `csi:DRIVER`. */
  volumes: Patterns,
  /** Keys of labels that no document may set: a pod with the console's labels gets what people send to the console. */
  reservedLabels: z.array(z.string().min(1)).default([]),
  /** `false`: no samplers of one's own, whose code would run in the pod of the sampler. */
  ownSamplers: z.boolean().default(true),
  /** `false`: no `podTemplate`. */
  podTemplate: z.boolean().default(true),
  /** `restricted`: pods as they come of `podTemplate` and `volumes` keep the whole Pod Security Standard of that name. */
  podSecurity: z.enum(['any', 'restricted']).default('any'),
  /** The most that a Job, or a container of `podTemplate`, may ask for. */
  resources: z
    .strictObject({
      cpu: z.number().positive().optional(),
      memoryMb: z.int().positive().optional(),
      ephemeralMb: z.int().positive().optional(),
      gpu: z.int().nonnegative().optional(),
      /** Machines of one trial; the rest counts for each of them. */
      nodes: z.int().positive().optional(),
    })
    .default({}),
  /** Trials of the team that may run at once, over all its runs; the rest waits, and the run that has fewest goes first. */
  trials: z.int().positive().optional(),
  /**
   * Pools that teams may share, by name (`CLUSTER/NAME` of a pool with a cluster), and how many attempts may be in each at once, over all teams and
   * whatever a document says. A run's own smaller `maxAttempts` holds for that run.
   */
  pools: z.record(z.string(), z.int().positive()).optional(),
  /** Commands of notifications, their words with a blank between them: `/opt/tell *`. */
  commands: Patterns,
  /** Variables of the control worker that a notification may take for the address of a webhook. */
  webhooks: Patterns,
  /** Addresses of experiment trackers; the variables that hold their secrets are under `secrets`, as `env:NAME`. */
  trackers: Patterns,
});
export type Policy = z.infer<typeof Policy>;

export interface Violation {
  /** The field of the policy that says no. */
  readonly rule: Exclude<keyof Policy, '$schema' | 'version'>;
  /** Where in the run document: `profile.compute.serviceAccount`. */
  readonly path: string;
  readonly found: string;
  readonly allowed: readonly string[];
}

/** `profile.compute.namespace: the policy's rule "namespaces" does not allow "kube-system"; allowed: team-a` */
export function violationText({ rule, path, found, allowed }: Violation): string {
  const text = found.length > 120 ? `${found.slice(0, 120)}…` : found;
  return `${path}: the policy's rule "${rule}" does not allow ${JSON.stringify(text)}; allowed: ${allowed.length === 0 ? 'nothing' : allowed.join(', ')}`;
}
