import type { V1Job } from '@kubernetes/client-node';
import { AdapterError } from '../../contract/errors.ts';
import type { JobSpec } from '../../contract/jobs.ts';
import type { Json } from '../../contract/values.ts';
import type { KubernetesConfig } from './client.ts';
import { gpus, KEPT, sharedMemory, sharedMemoryMount, tolerationsOf } from './machine.ts';
import { completions, gangPod, gangReferences, gangValues } from './gang.ts';
import { EXACT_LABELS, KUEUE_QUEUE, labelsOf, specHash, SPEC_HASH } from './labels.ts';
import { sourceOf } from '../../contract/secrets.ts';
import { isLaunched, launchCommand, prepareCommand } from '../../rules/launch.ts';
import { mergeOverlay } from '../../rules/overlay.ts';
import { CONTAINER_SECURITY, POD_SECURITY } from '../../rules/pod-security.ts';

/** The container that is the Job; an overlay may add others. */
export const MAIN_CONTAINER = 'main';
/** Before it, of shipped code: brings launcher, SDK and code into whatever image the main one has. */
export const LAUNCHER_CONTAINER = 'longhaul-launcher';
const HOME = { name: 'longhaul-code', mountPath: '/longhaul' } as const;
const GCS_FUSE_DRIVER = 'gcsfuse.csi.storage.gke.io';
/**
 * The Job controller is to make no second pod: an attempt that ended is answered by the trial, which knows why.
 * As rules of failure they keep the sign in the Job's status, for a worker that comes after the pod is gone.
 */
const FAILURE_RULES = [
  { action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
  { action: 'FailJob', onExitCodes: { containerName: MAIN_CONTAINER, operator: 'NotIn', values: [0] } },
] as const;
const LAUNCHER_RULE = { action: 'FailJob', onExitCodes: { containerName: LAUNCHER_CONTAINER, operator: 'NotIn', values: [0] } } as const;
export const DISRUPTION_RULE = 0;

interface Template {
  readonly metadata?: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> };
  readonly spec?: PodSpec;
}
interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
}
interface Container {
  readonly name?: string;
  readonly securityContext?: { readonly privileged?: boolean };
}

/**
 * The Job of one attempt: one pod, or as many as it has nodes, never restarted, within Pod Security "restricted".
 * @throws AdapterError('InvalidInput') when the profile's pod template is not acceptable.
 */
export function jobManifest(spec: JobSpec, config: KubernetesConfig): V1Job {
  const labels = { ...config.labels, ...labelsOf(spec.labels) };
  const base = { metadata: { labels, annotations: podAnnotations(config) }, spec: podSpec(spec, config) };
  const template = shaped(base, config);
  return plain({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: spec.name,
      labels: { ...labels, ...(config.queue === undefined ? {} : { [KUEUE_QUEUE]: config.queue }) },
      annotations: { ...config.annotations, [SPEC_HASH]: specHash(spec), [EXACT_LABELS]: JSON.stringify(spec.labels) },
    },
    spec: {
      backoffLimit: 0,
      ...completions(spec),
      podFailurePolicy: { rules: isLaunched(spec) ? [...FAILURE_RULES, LAUNCHER_RULE] : FAILURE_RULES },
      ttlSecondsAfterFinished: config.ttlSecondsAfterFinished,
      suspend: config.queue === undefined ? undefined : true,
      template,
    },
  }) as V1Job;
}

/**
 * The pod as the profile's `podTemplate` leaves it.
 * @throws AdapterError('InvalidInput') when it would leave its place, or lack the container that is Longhaul's.
 */
export function shaped(base: object, { podTemplate }: Pick<KubernetesConfig, 'podTemplate'>): object {
  const template = plain(podTemplate === undefined ? base : mergeOverlay(plain(base) as Json, podTemplate)) as Template;
  checkTemplate(template);
  checkLabels(plain(base) as Template, template);
  return template;
}

/** Longhaul finds its pods by them, and the chart's network policies do. */
function checkLabels(base: Template, { metadata }: Template): void {
  for (const [name, value] of Object.entries(base.metadata?.labels ?? {}))
    if (OWN_LABEL.test(name) && metadata?.labels?.[name] !== value)
      throw new AdapterError('InvalidInput', `compute.podTemplate: metadata.labels must keep ${name}: ${value}`);
}

const OWN_LABEL = /^(?:app\.kubernetes\.io|longhaul\.dev)\//;

function podAnnotations(config: KubernetesConfig): Record<string, string> {
  const fuse = config.volumes.some((volume) => volume.gcsFuse !== undefined);
  return { ...KEPT, ...(fuse ? { 'gke-gcsfuse/volumes': 'true' } : {}), ...config.annotations };
}

function podSpec(spec: JobSpec, config: KubernetesConfig): object {
  const { pool } = spec;
  const launched = isLaunched(spec);
  const volumes = [...config.volumes.map(volume), ...(launched ? [{ name: HOME.name, emptyDir: {} }] : []), ...sharedMemory(spec, config)];
  const tolerations = tolerationsOf(spec);
  return {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: spec.graceSeconds,
    // The pod's and not the Job's: an end at the deadline keeps its pod and log, and waiting for a machine does not count.
    activeDeadlineSeconds: spec.deadlineSeconds,
    serviceAccountName: config.serviceAccount,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    priorityClassName: config.priorityClass,
    imagePullSecrets: config.imagePullSecrets.length > 0 ? config.imagePullSecrets.map((name) => ({ name })) : undefined,
    nodeSelector: Object.keys(pool.nodeSelector).length > 0 ? pool.nodeSelector : undefined,
    tolerations: tolerations.length > 0 ? tolerations : undefined,
    securityContext: POD_SECURITY,
    ...gangPod(spec),
    volumes: volumes.length > 0 ? volumes : undefined,
    initContainers: launched ? [launcher(spec, config)] : undefined,
    containers: [main(spec, config)],
  };
}

function main(spec: JobSpec, config: KubernetesConfig): object {
  return {
    name: MAIN_CONTAINER,
    image: imageOf(spec.image ?? config.image, spec, config),
    imagePullPolicy: config.imagePullPolicy,
    command: launchCommand(spec, HOME.mountPath).map(literal),
    // An image's own folder may hold what takes the place of a library.
    workingDir: spec.code ? HOME.mountPath : undefined,
    ...surroundings(spec, config, resources(spec, config), secretVariables(spec)),
  };
}

/** In the profile's image, which has Longhaul's packages and the store's client; it asks for no GPU, no secret and for nothing that the main one does not. */
function launcher(spec: JobSpec, config: KubernetesConfig): object {
  return {
    name: LAUNCHER_CONTAINER,
    image: imageOf(config.image, spec, config),
    imagePullPolicy: config.imagePullPolicy,
    command: prepareCommand(spec.code, HOME.mountPath).map(literal),
    ...surroundings(spec, config, resources({ ...spec, resources: { ...spec.resources, gpu: 0 } }, config)),
  };
}

/** The tag stays for people to read; machines go by the digest. One that is never pulled is there by its tag alone. */
function imageOf(image: string, { digests = {} }: JobSpec, { imagePullPolicy }: KubernetesConfig): string {
  const digest = imagePullPolicy === 'Never' || image.includes('@') || !Object.hasOwn(digests, image) ? undefined : digests[image];
  return digest === undefined ? image : `${image}@${digest}`;
}

function surroundings(spec: JobSpec, config: KubernetesConfig, asked: object, secrets: readonly object[] = []): object {
  const mounts = config.volumes.map(({ name, mountPath, subPath, readOnly }) => ({ name, mountPath, subPath, readOnly }));
  const volumeMounts = [...mounts, ...(isLaunched(spec) ? [HOME] : []), ...sharedMemoryMount(config)];
  return {
    env: [
      ...Object.entries({ ...config.env, ...spec.env, ...gangValues(spec) }).map(([name, value]) => ({ name, value: literal(value) })),
      ...gangReferences(spec),
      ...secrets,
    ],
    resources: asked,
    volumeMounts: volumeMounts.length > 0 ? volumeMounts : undefined,
    securityContext: CONTAINER_SECURITY,
    // The pod's status then carries the end of the log, which outlives an evicted pod's log by a little.
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

/** By reference: their values come from Kubernetes to the container, and nowhere else. */
function secretVariables({ name: job, secrets = [] }: JobSpec): object[] {
  return secrets.map((reference) => {
    const source = sourceOf(reference);
    if ('variable' in source)
      throw new AdapterError(
        'InvalidInput',
        `Job ${job}: secret ${reference.name}: expected kubernetes:SECRET/KEY, found ${reference.from}`,
      );
    return { name: reference.name, valueFrom: { secretKeyRef: { name: source.secret, key: source.key } } };
  });
}

function volume({ name, readOnly, gcsFuse, source }: KubernetesConfig['volumes'][number]): object {
  if (!gcsFuse) return { name, ...source };
  return { name, csi: { driver: GCS_FUSE_DRIVER, readOnly, volumeAttributes: { ...gcsFuse.attributes, bucketName: gcsFuse.bucket } } };
}

/** Memory, disk and GPUs are what was asked for and no more; spare CPU may be used unless the profile says otherwise. */
function resources(spec: Pick<JobSpec, 'resources' | 'pool'>, config: KubernetesConfig): object {
  const { cpu, memoryMb, ephemeralMb } = spec.resources;
  const cpus = `${Math.ceil(cpu * 1000)}m`;
  const both = {
    memory: `${memoryMb}Mi`,
    ...(ephemeralMb === undefined ? {} : { 'ephemeral-storage': `${ephemeralMb}Mi` }),
    ...gpus(spec),
  };
  return { requests: { cpu: cpus, ...both }, limits: { ...(config.cpuLimit === 'request' ? { cpu: cpus } : {}), ...both } };
}

/** Kubernetes expands `$(NAME)` in commands and values; `$$` stands for one `$`. */
const literal = (text: string): string => text.replaceAll('$', '$$$$');

function checkTemplate(template: Template): void {
  const spec = template.spec ?? {};
  const refuse = (path: string, why: string): never => {
    throw new AdapterError('InvalidInput', `compute.podTemplate: ${path} ${why}`);
  };
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC'] as const)
    if (spec[field]) refuse(`spec.${field}`, 'is not allowed; pods of Longhaul keep to themselves');
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  for (const { name, securityContext } of containers)
    if (securityContext?.privileged) refuse(`container ${name ?? '?'}: securityContext.privileged`, 'is not allowed');
  if (!spec.containers?.some(({ name }) => name === MAIN_CONTAINER))
    refuse('spec.containers', `must keep the container "${MAIN_CONTAINER}"`);
}

/** Without the fields that are undefined. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
