import { z } from 'zod';
import { AuditPolicy } from './audit-policy.ts';
import { Tracker } from './trackers.ts';
import { Name } from './values.ts';

/** CPU in cores, memory and disk in MiB, GPUs as a count. */
export const Resources = z.strictObject({
  cpu: z.number().positive().default(1),
  memoryMb: z.int().positive().default(2048),
  ephemeralMb: z.int().positive().optional(),
  gpu: z.int().nonnegative().default(0),
});
export type Resources = z.infer<typeof Resources>;

/** More is a mistake rather than a wish; the name of a pod has room for the number. */
const MAX_NODES = 1000;
/** Of a trial: so many machines of that size train it together; absent: one. */
export const TrialResources = z.strictObject({ ...Resources.shape, nodes: z.int().min(1).max(MAX_NODES).optional() });
export type TrialResources = z.infer<typeof TrialResources>;

const Toleration = z.strictObject({
  key: z.string().optional(),
  operator: z.enum(['Equal', 'Exists']).default('Equal'),
  value: z.string().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: z.int().optional(),
});

/** What is other than in its pool where Kueue chose this of its resource flavors. */
const Flavor = z.strictObject({
  spot: z.boolean().optional(),
  pricePerHour: z.number().nonnegative().optional(),
  onDemandPricePerHour: z.number().nonnegative().optional(),
});

/** A kind of machine. Prices are per hour for one attempt's share of it (of an attempt on several machines, of each), in the profile's currency. */
export const Pool = z.strictObject({
  name: Name,
  spot: z.boolean(),
  pricePerHour: z.number().nonnegative().default(0),
  /** The on-demand price of the same machine, to tell what spot saved. */
  onDemandPricePerHour: z.number().nonnegative().optional(),
  nodeSelector: z.record(z.string(), z.string()).default({}),
  tolerations: z.array(Toleration).default([]),
  /** Of a GPU, by the vendor's device plugin; `nvidia.com/gpu` when left out. */
  gpuResource: z
    .string()
    .regex(
      /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/,
      'expected VENDOR/NAME, such as nvidia.com/gpu or amd.com/gpu',
    )
    .optional(),
  /** From SIGTERM to SIGKILL here; that of `compute` when left out. Spot nodes of GKE give 15 s, Standard pools from 1.35 on up to 120 s. */
  graceSeconds: z.int().positive().optional(),
  /** At most so many attempts at once over all runs (a semaphore workflow keeps count). */
  maxAttempts: z.int().positive().optional(),
  /** A trial may ask for at most so many `nodes` here. */
  maxNodes: z.int().positive().optional(),
  /** Machines of one attempt: all in one `zone`, or `compact`, which is one zone and there as near to each other as can be had. */
  topology: z.enum(['zone', 'compact']).optional(),
  /** One of `clusters`: where these machines are. */
  cluster: Name.optional(),
  /** What reading a GB of checkpoint and parts costs there, in the profile's currency; 0 when left out. */
  egressPerGb: z.number().nonnegative().optional(),
  /** `maxAttempts` counts over all teams of the Temporal namespace, which get places in turn; of a team's own runs where left out. */
  shared: z.boolean().optional(),
  /** Of Kueue, by name (profile: `compute.queue`): what an attempt costs where it was admitted to one of these; the pool's prices count while it runs. */
  flavors: z.record(z.string(), Flavor).optional(),
});
export type Pool = z.infer<typeof Pool>;

/** Rules of placement, in plain data; `src/rules/placement.ts` applies them. */
export const Placement = z.strictObject({
  /** Pools in the order of preference; all of the profile's pools when empty. */
  order: z.array(Name).default([]),
  /** After so many preemptions in a row in one pool, the next one. */
  preemptionsBeforeNext: z.int().positive().default(3),
  /** After so long without capacity in one pool, the next one. */
  noCapacitySeconds: z.int().positive().default(600),
  /** After so long on a later pool, look for a machine of the first one; with a deadline at once, unless it has `maxAttempts`; 0 = never. */
  retrySpotSeconds: z
    .int()
    .nonnegative()
    .default(6 * 3600),
  /** Use on-demand as soon as the rest of the work would not end in time otherwise. */
  deadlineSeconds: z.int().positive().optional(),
  /** What a trial reads where it goes on in another cluster, its checkpoint and parts: `egressPerGb` of the pool is paid for it. Left out: as it was measured, and 1 before. */
  movedGb: z.number().nonnegative().optional(),
  /** Attempts in a row that trained nothing, whatever ended them (waiting for a machine is none): then a trial, or a Job step, fails; 100 when left out. */
  maxFruitlessAttempts: z.int().positive().optional(),
  /** After so long without a machine in any pool a trial, or a Job step, fails; for ever when left out. */
  maxHoursWithoutCapacity: z.number().positive().optional(),
});
export type Placement = z.infer<typeof Placement>;

export const Warehouse = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('duckdb'),
    /** Directory of the embedded warehouse, absolute after compiling. */
    path: z.string(),
    threads: z.int().positive().optional(),
    memoryLimitMb: z.int().positive().optional(),
  }),
  z.strictObject({
    kind: z.literal('bigquery'),
    project: z.string(),
    location: z.string().default('US'),
    /** Where the ledger's tables live, and step tables without a data set of their own. */
    dataset: z.string().default('longhaul'),
    /** Of each job that Longhaul sends; a step may say its own. */
    maximumBytesBilled: z.int().positive().optional(),
    /** Of each job, besides those of pipeline, run and step. */
    labels: z.record(z.string(), z.string()).optional(),
    /** BigQuery ends a job that takes longer. */
    jobTimeoutSeconds: z.number().positive().optional(),
    /** `projects/P/locations/L/reservations/R`, or `none` for on-demand prices. */
    reservation: z.string().optional(),
    /** Cloud KMS key of all tables and models that Longhaul makes: `projects/P/locations/L/keyRings/R/cryptoKeys/K`. */
    kmsKey: z.string().optional(),
    priority: z.enum(['INTERACTIVE', 'BATCH']).default('INTERACTIVE'),
    pricePerTib: z.number().nonnegative().default(6.25),
    /** An emulator's address; no credentials are used with it. */
    apiEndpoint: z.string().optional(),
    /** How `evaluate` scores: BigQuery ML, or Longhaul's own scorer where ML.PREDICT is not to be had (emulators). */
    predict: z.enum(['bigquery-ml', 'scorer']).default('bigquery-ml'),
    /** Formats besides SavedModels that BigQuery ML imports and scores with; the others are scored by Jobs. */
    imports: z.array(z.enum(['onnx', 'xgboost', 'tensorflow-lite'])).optional(),
  }),
]);
export type Warehouse = z.infer<typeof Warehouse>;

export const Storage = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('directory'), path: z.string() }),
  z.strictObject({ kind: z.literal('gcs'), bucket: z.string(), prefix: z.string().default(''), apiEndpoint: z.string().optional() }),
]);
export type Storage = z.infer<typeof Storage>;

/** A volume of every Job: a bucket through the GCS FUSE CSI driver, or any source that Kubernetes knows. */
const Volume = z
  .strictObject({
    name: Name,
    mountPath: z.string().startsWith('/'),
    subPath: z.string().optional(),
    readOnly: z.boolean().default(false),
    gcsFuse: z
      .strictObject({
        bucket: z.string(),
        /** `volumeAttributes` of the driver besides the bucket's name: `mountOptions`, `fileCacheCapacity`, … */
        attributes: z.record(z.string(), z.string()).default({}),
      })
      .optional(),
    /** As in a pod: `{ persistentVolumeClaim: { claimName: data } }`. */
    source: z.record(z.string(), z.json()).optional(),
  })
  .refine((volume) => (volume.gcsFuse === undefined) !== (volume.source === undefined), 'expected one of gcsFuse and source');

const Processes = z.strictObject({
  kind: z.literal('process'),
  /** Directory of the job records (pid, log, exit), absolute after compiling. */
  path: z.string(),
});
const Kubernetes = z.strictObject({
  kind: z.literal('kubernetes'),
  namespace: z.string().default('longhaul'),
  /** kubeconfig and context; the in-cluster account when both are absent and there is one. */
  kubeconfig: z.string().optional(),
  context: z.string().optional(),
  /** Image of the reference trainer and of script steps. */
  image: z.string(),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
  imagePullSecrets: z.array(z.string()).default([]),
  serviceAccount: z.string().optional(),
  priorityClass: z.string().optional(),
  /** Kueue's local queue; Jobs are then created suspended and admitted by it. */
  queue: z.string().optional(),
  /** Waiting in that queue for longer counts as no capacity; absent: the queue's order decides, however long it takes. */
  queueSeconds: z.int().positive().optional(),
  graceSeconds: z.int().positive().default(15),
  ttlSecondsAfterFinished: z.int().nonnegative().default(3600),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
  env: z.record(z.string(), z.string()).default({}),
  volumes: z.array(Volume).default([]),
  /** `request`: no more CPU than requested, also on a machine that is idle (quality of service "Guaranteed"). */
  cpuLimit: z.enum(['none', 'request']).default('none'),
  /** Merged into the pod template last (strategic merge by name for containers, volumes, env). */
  podTemplate: z.json().optional(),
});
export const Compute = z.discriminatedUnion('kind', [Processes, Kubernetes]);
export type Compute = z.infer<typeof Compute>;

/** After so long without an answer its attempts are lost ones, and go on elsewhere; `WAITS.clusterLostSeconds` when left out. */
const lostAfterSeconds = z.int().positive().optional();
/** One of several clusters of a profile. */
export const Cluster = z.discriminatedUnion('kind', [Processes.extend({ lostAfterSeconds }), Kubernetes.extend({ lostAfterSeconds })]);
export type Cluster = z.infer<typeof Cluster>;

export const Notification = z.strictObject({
  on: z.array(z.enum(['finish', 'failure', 'budget', 'approval'])).min(1),
  /** Slack-compatible webhook: the *name of an environment variable* of the control worker that holds the URL. */
  webhookEnv: z.string().optional(),
  /** A command of the control worker's machine; gets the message as JSON on stdin. */
  command: z.array(z.string()).min(1).optional(),
});

/** Where a pipeline runs. */
export const Profile = z.strictObject({
  version: z.literal(1).default(1),
  warehouse: Warehouse,
  storage: Storage,
  /** With `clusters`: that of the first pool, where what is no attempt runs. */
  compute: Compute,
  /** Pools name them; each has a training worker and a task queue of its own. Absent: `compute` is the one cluster. */
  clusters: z.record(Name, Cluster).optional(),
  currency: z.string().default('USD'),
  /** Where the pools' prices are from, and when they were looked up; absent where the profile says them itself. */
  prices: z.strictObject({ file: z.string(), date: z.iso.date() }).optional(),
  pools: z
    .array(Pool)
    .min(1)
    .default([{ name: 'local', spot: false, pricePerHour: 0, nodeSelector: {}, tolerations: [] }]),
  placement: Placement.prefault({}),
  /** An attempt whose progress records stop for so long is taken for lost, 0 = never. */
  silenceSeconds: z.int().nonnegative().default(600),
  /** Logs of attempts, kept beside their other files: their size per attempt, and for how long `gc` lets them be. */
  logs: z
    .strictObject({
      keep: z.boolean().default(true),
      maxMb: z.number().positive().default(100),
      keepDays: z.number().positive().default(90),
    })
    .optional(),
  /** For how long after its end `gc` lets the checkpoints of a search be, from which `extend` and `retry` go on; 90 days when left out. */
  checkpoints: z.strictObject({ keepDays: z.number().positive().default(90) }).optional(),
  /** What each trial keeps for `longhaul audit`; absent: 2 % of its training can be repeated. */
  audit: AuditPolicy.optional(),
  /** One retry after OOMKilled, with so much more memory; 1 = no retry. */
  memoryGrowth: z.number().min(1).max(4).default(1.5),
  notifications: z.array(Notification).default([]),
  /** Trackers of experiments that hear of its runs. */
  trackers: z.array(Tracker).optional(),
  /** TensorBoard of a search: kept so long after the run. */
  tensorboard: z.strictObject({ enabled: z.boolean().default(false), keepSeconds: z.int().nonnegative().default(3600) }).prefault({}),
  /**
   * What the tags of images meant when it was compiled, by image: the digest that the registry answered with, and behind it those by which machines call
   * the same image. A tag that no registry told of is not here.
   */
  imageDigests: z.record(z.string(), z.array(z.string().regex(/^sha256:[0-9a-f]{64}$/)).min(1)).optional(),
  /** Suffix of the training task queue of `compute`; with `clusters` the name of the one that `compute` is of. */
  cluster: Name.optional(),
});
export type Profile = z.infer<typeof Profile>;
