/** Profile, policy, resources and budget as people write them, with units; their names in the run document: earlier-names.ts. */
import { z } from 'zod';
import { CLUSTER_RENAMES, documentFields, POLICY_RENAMES, POOL_RENAMES, PROFILE_RENAMES } from './earlier-names.ts';
import { Policy } from './policy.ts';
import { Cluster, Compute, Placement, Pool, Profile, Resources, TrialResources, Warehouse } from './profile.ts';
import { Budget } from './search-space.ts';
import { inUnits } from './unit-fields.ts';
import { Name } from './values.ts';

const { memoryMb, ephemeralMb, ...resources } = Resources.shape;
export const ResourcesInFile = z.strictObject({
  cpu: resources.cpu,
  memory: inUnits('Mi', memoryMb),
  ephemeralStorage: inUnits('Mi', ephemeralMb),
  gpu: resources.gpu,
});
export const TrialResourcesInFile = z.strictObject({
  ...ResourcesInFile.shape,
  nodes: TrialResources.shape.nodes.describe('So many machines of this size train a trial together; 1 is the same as none'),
});

const { hours, ...budget } = Budget.shape;
export const BudgetInFile = z.strictObject({ ...budget, time: inUnits('h', hours) });

const { noCapacitySeconds, retrySpotSeconds, deadlineSeconds, maxHoursWithoutCapacity, ...placement } = Placement.shape;
const PlacementInFile = z.strictObject({
  ...placement,
  noCapacity: inUnits('s', noCapacitySeconds).describe('After so long without capacity in one pool, the next one'),
  retrySpot: inUnits('s', retrySpotSeconds).describe('After so long on a later pool, look for a machine of the first one; 0 = never'),
  deadline: inUnits('s', deadlineSeconds).describe('Use on-demand as soon as the rest of the work would not end in time otherwise'),
  maxWithoutCapacity: inUnits('h', maxHoursWithoutCapacity).describe('After so long without a machine in any pool a trial or Job fails'),
});

const [duckdb, bigquery] = Warehouse.options;
const { memoryLimitMb, ...duckdbFields } = duckdb.shape;
const { jobTimeoutSeconds, ...bigqueryFields } = bigquery.shape;
const WarehouseInFile = z.discriminatedUnion('kind', [
  z.strictObject({ ...duckdbFields, memoryLimit: inUnits('Mi', memoryLimitMb) }),
  z.strictObject({ ...bigqueryFields, jobTimeout: inUnits('s', jobTimeoutSeconds) }),
]);

const [process, kubernetes] = Compute.options;
const { queueSeconds, graceSeconds, ttlSecondsAfterFinished, ...kubernetesFields } = kubernetes.shape;
const kubernetesInFile = z.strictObject({
  ...kubernetesFields,
  queueTimeout: inUnits('s', queueSeconds).describe('Waiting in the queue for longer counts as no capacity'),
  grace: inUnits('s', graceSeconds).describe('From SIGTERM to SIGKILL'),
  ttlAfterFinished: inUnits('s', ttlSecondsAfterFinished).describe('A finished Job is kept for so long'),
});
const ComputeInFile = z.discriminatedUnion('kind', [process, kubernetesInFile]);
const lostAfter = inUnits('s', Cluster.options[0].shape.lostAfterSeconds).describe(
  'After so long without an answer its attempts are lost ones, and go on elsewhere; 15 min when left out',
);
const ClusterInFile = z.discriminatedUnion('kind', [process.extend({ lostAfter }), kubernetesInFile.extend({ lostAfter })]);

const { graceSeconds: poolGraceSeconds, ...pool } = Pool.shape;
const PoolInFile = z.strictObject({
  ...pool,
  grace: inUnits('s', poolGraceSeconds).describe('From SIGTERM to SIGKILL in this pool; that of compute when left out'),
});

const { silenceSeconds, logs, checkpoints, tensorboard, pools, prices: _dated, imageDigests: _answered, ...profile } = Profile.shape;
const { maxMb, keepDays, ...logFields } = logs.unwrap().shape;
const { keepSeconds, ...tensorboardFields } = tensorboard.unwrap().shape;
export const ProfileInFile = z.strictObject({
  $schema: z.string().optional(),
  ...profile,
  warehouse: WarehouseInFile,
  compute: ComputeInFile.optional().describe('The one cluster of a profile without `clusters`'),
  clusters: z.record(Name, ClusterInFile).optional().describe('Pools name them; each has a training worker of its own'),
  prices: z.string().optional().describe('A file with a date and prices by pool or machine type; what it says counts'),
  pools: z.array(PoolInFile).min(1).default(pools.parse(undefined)),
  placement: PlacementInFile.optional(),
  silence: inUnits('s', silenceSeconds).describe('An attempt whose progress records stop for so long is taken for lost, 0 = never'),
  logs: z.strictObject({ ...logFields, maxSize: inUnits('Mi', maxMb), keepFor: inUnits('d', keepDays) }).optional(),
  checkpoints: z.strictObject({ keepFor: inUnits('d', checkpoints.unwrap().shape.keepDays) }).optional(),
  tensorboard: z.strictObject({ ...tensorboardFields, keep: inUnits('s', keepSeconds) }).optional(),
});

/** The profile of the run document; null: it has neither `compute`, nor pools of its `clusters`. */
export function profileOfFile({ $schema: _schema, ...file }: z.output<typeof ProfileInFile>): Profile | null {
  const { prices: _read, ...fields } = file;
  const document: Record<string, unknown> = {
    ...documentFields(PROFILE_RENAMES, fields),
    pools: file.pools.map((each) => documentFields(POOL_RENAMES, each)),
  };
  if (file.clusters === undefined) return document['compute'] === undefined ? null : Profile.parse(document);
  const clusters = Object.fromEntries(
    Object.entries(file.clusters).map(([name, cluster]) => [name, documentFields(CLUSTER_RENAMES, cluster)]),
  );
  const home = homeCluster(file.placement?.order ?? [], file.pools, clusters);
  return home === null ? null : Profile.parse({ ...document, clusters, ...home });
}

/** Where runs what belongs to no pool, such as a TensorBoard: the cluster of the pool that is preferred. */
function homeCluster(
  order: readonly string[],
  pools: readonly Pick<Pool, 'name' | 'cluster'>[],
  clusters: Readonly<Record<string, object>>,
): object | null {
  const name = (pools.find((pool) => pool.name === order[0]) ?? pools[0])?.cluster;
  const cluster = name === undefined ? undefined : clusters[name];
  if (cluster === undefined) return null;
  const compute = Object.fromEntries(Object.entries(cluster).filter(([field]) => field !== 'lostAfterSeconds'));
  return { cluster: name, compute };
}

const { resources: limits, ...policy } = Policy.shape;
const { memoryMb: mostMemory, ephemeralMb: mostEphemeral, ...otherLimits } = limits.unwrap().shape;
export const PolicyInFile = z.strictObject({
  ...policy,
  resources: z
    .strictObject({ ...otherLimits, memory: inUnits('Mi', mostMemory), ephemeralStorage: inUnits('Mi', mostEphemeral) })
    .optional()
    .describe('The most that a Job, or a container of `podTemplate`, may ask for'),
});
export const policyOfFile = (file: z.output<typeof PolicyInFile>): Policy => Policy.parse(documentFields(POLICY_RENAMES, file));
