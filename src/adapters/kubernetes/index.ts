import { setTimeout as delay } from 'node:timers/promises';
import type { V1Job, V1Pod } from '@kubernetes/client-node';
import { AdapterError } from '../../contract/errors.ts';
import { isSameJob } from '../../contract/jobs.ts';
import type { JobSpec } from '../../contract/jobs.ts';
import type { Compute, JobInfo } from '../../ports/compute.ts';
import { GRACES, WAITS } from '../../rules/durations.ts';
import { openClient } from './client.ts';
import type { ClientOptions, KubeClient, KubernetesConfig } from './client.ts';
import { absent, deleteJob, terminate } from './ending.ts';
import { finished } from './job-observation.ts';
import { hasStatus, translate } from './errors.ts';
import { ensureService } from './gang.ts';
import { jobManifest } from './job-manifest.ts';
import { JobsView } from './jobs-view.ts';
import type { JobsViewOptions } from './jobs-view.ts';
import { exactLabels, JOB_NAME, selector } from './labels.ts';
import { jobLogs } from './logs.ts';
import { containerOf, isTerminal } from './pod-parts.ts';
import { PodUse } from './pod-metrics.ts';
import { podsOf } from './pods.ts';
import { DEFAULT_PATIENCE, watchJob } from './watch-job.ts';
import type { Patience } from './watch-job.ts';
import { Workloads } from './workloads.ts';

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Deletion of one Job between our two requests to create it. */
const MAX_CREATIONS = 5;

export interface KubernetesComputeOptions {
  readonly client?: ClientOptions;
  readonly patience?: Partial<Patience>;
  readonly view?: JobsViewOptions;
}

/**
 * Jobs of a Kubernetes namespace. One list + watch a process serves all watched Jobs; it starts with the first `watch` and ends with `close`.
 * @throws AdapterError('InvalidInput') when the kubeconfig cannot be read.
 */
export function openKubernetesCompute(config: KubernetesConfig, options: KubernetesComputeOptions = {}): Promise<Compute> {
  return Promise.resolve().then(() => kubernetesCompute(config, openClient(config, options.client), options));
}

function kubernetesCompute(config: KubernetesConfig, client: KubeClient, options: KubernetesComputeOptions): Compute {
  const queueSeconds = config.queueSeconds ?? DEFAULT_PATIENCE.queueSeconds;
  const patience = { ...DEFAULT_PATIENCE, queueSeconds, ...options.patience };
  let view: JobsView | null = null;
  /** A Job was made here: what is refused from now on is no missing right, and passes. */
  let isProven = false;
  /** Of Services, which Jobs of one pod do not need. */
  let isServiceProven = false;
  const jobsView = (): JobsView => (view ??= new JobsView(client, { ...options.view, workloads, podUse }));
  const log = (message: string): void => jobsView().log(message);
  const workloads = new Workloads(client, log);
  const podUse = new PodUse(client, log);
  const translated = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw translate(error, what, config.namespace, isProven);
    }
  };

  /** Whose Service is refused for good, as a right that is missing, is begun by nobody: no Job of it is left behind. */
  const servedBy = async (job: V1Job, spec: JobSpec, adopted: boolean): Promise<void> => {
    try {
      await ensureService(client, spec, job);
      isServiceProven ||= (spec.nodes ?? 1) > 1;
    } catch (error) {
      const refused = translate(error, `Service of Job ${spec.name}`, config.namespace, isServiceProven);
      if (!adopted && refused.type !== 'Unavailable')
        await deleteJob(client, job.metadata?.name ?? spec.name, 'Background').catch(() => undefined);
      throw refused;
    }
  };

  return {
    async create(spec) {
      checkName(spec.name);
      const manifest = jobManifest(spec, config);
      return translated(`Job ${spec.name}`, async () => {
        const former = await findFormer(client, spec);
        const { job, adopted } = former ? { job: former, adopted: true } : await createOrFind(client, manifest);
        if (adopted && !isSame(job, spec))
          throw new AdapterError('InvalidInput', `Job ${spec.name} belongs to ${ownerOf(job)}; remove it, or give the run another name`);
        await servedBy(job, spec, adopted);
        isProven = true;
        view?.takeJob(job);
        return { adopted, name: job.metadata?.name ?? spec.name };
      });
    },

    async watch(name, watchOptions) {
      checkName(name);
      return watchJob({ client, view: jobsView(), workloads }, name, watchOptions, patience);
    },

    async terminate(name) {
      checkName(name);
      await translated(`Job ${name}`, () => terminate(client, name));
    },

    async remove(name, { waitSeconds = Number.POSITIVE_INFINITY } = {}) {
      checkName(name);
      await translated(`Job ${name}`, async () => {
        await deleteJob(client, name, 'Foreground');
        await untilGone(client, name, waitSeconds);
      });
    },

    async *logs(name, logOptions = {}) {
      checkName(name);
      try {
        yield* jobLogs(client, name, logOptions);
      } catch (error) {
        throw translate(error, `log of Job ${name}`, config.namespace, isProven);
      }
    },

    async list(labels = {}) {
      return translated('Jobs', () => listJobs(client, labels));
    },

    async close() {
      await view?.close();
      view = null;
    },
  };
}

function checkName(name: string): void {
  if (!NAME.test(name))
    throw new AdapterError('InvalidInput', `Job name "${name}": expected at most 63 lower-case letters, digits and dashes between them`);
}

const isSame = (job: V1Job, spec: JobSpec): boolean => isSameJob(exactLabels(job.metadata?.annotations), spec.labels);

function ownerOf(job: V1Job): string {
  const { run, step, trial, attempt } = exactLabels(job.metadata?.annotations);
  if (run === undefined) return 'somebody else';
  const parts = [`run ${run}`, step && `step ${step}`, trial && `trial ${trial}`, attempt && `attempt ${attempt}`];
  return `${parts.filter(Boolean).join(', ')} of this or another installation`;
}

/** A Job that an earlier release made, by the name that it gave. */
async function findFormer(client: KubeClient, spec: JobSpec): Promise<V1Job | null> {
  for (const name of (spec.formerNames ?? []).filter((each) => NAME.test(each))) {
    const job = await client.request<V1Job>('GET', client.jobsPath(name)).catch(absent);
    if (job && job.metadata?.deletionTimestamp === undefined && isSame(job, spec)) return job;
  }
  return null;
}

async function createOrFind(client: KubeClient, manifest: V1Job): Promise<{ job: V1Job; adopted: boolean }> {
  const name = manifest.metadata?.name ?? '';
  for (let attempt = 1; ; attempt++) {
    try {
      return { job: await client.request<V1Job>('POST', client.jobsPath(), { body: manifest }), adopted: false };
    } catch (error) {
      if (!hasStatus(error, 409)) throw error;
    }
    const job = await adoptable(client, name);
    if (job) return { job, adopted: true };
    if (attempt >= MAX_CREATIONS) throw new AdapterError('Unavailable', `Job ${name} was there and was not there in turns`);
  }
}

/** Null when its name is free now. There is a Job: whatever is answered to us meanwhile is no reason to leave it alone. */
async function adoptable(client: KubeClient, name: string): Promise<V1Job | null> {
  try {
    const job = await client.request<V1Job>('GET', client.jobsPath(name)).catch(absent);
    if (!job || job.metadata?.deletionTimestamp === undefined) return job;
    // Being removed: its name is free when its pods are gone.
    if (await untilGone(client, name, GRACES.nameFreeSeconds)) return null;
  } catch (error) {
    throw new AdapterError('Unavailable', `Job ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  throw new AdapterError('Unavailable', `Job ${name} is being removed, and is not gone after ${GRACES.nameFreeSeconds} s`);
}

/** True: Job and pods are not there any more. False: they still are after the time. */
async function untilGone(client: KubeClient, name: string, waitSeconds: number): Promise<boolean> {
  const since = performance.now();
  for (let wait: number = WAITS.removalLookFirstMs; ; wait = Math.min(WAITS.removalLookLongestMs, wait * 1.5)) {
    const left = since + waitSeconds * 1000 - performance.now();
    if (left <= 0) return false;
    // It was accepted: what is answered to a look changes nothing about that.
    if (await isGoneNow(client, name).catch(() => false)) return true;
    await delay(Math.min(wait, left));
  }
}

/** Also when there is another Job of that name already. */
async function isGoneNow(client: KubeClient, name: string): Promise<boolean> {
  const job = await client.request<V1Job>('GET', client.jobsPath(name)).catch(absent);
  if (job) return job.metadata?.deletionTimestamp === undefined;
  return (await podsOf(client, name)).length === 0;
}

async function listJobs(client: KubeClient, labels: Readonly<Record<string, string>>): Promise<JobInfo[]> {
  const query = { labelSelector: selector(labels) };
  const [jobs, pods] = await Promise.all([
    client.request<{ items: V1Job[] }>('GET', client.jobsPath(), { query }),
    client.request<{ items: V1Pod[] }>('GET', client.podsPath(), { query }),
  ]);
  const podsOfJob = Map.groupBy(pods.items, (pod) => pod.metadata?.labels?.[JOB_NAME]);
  return jobs.items.flatMap((job): JobInfo[] => {
    const name = job.metadata?.name ?? '';
    const exact = exactLabels(job.metadata?.annotations);
    if (Object.entries(labels).some(([key, value]) => exact[key] !== value)) return [];
    return [{ name, labels: exact, phase: phaseOf(job, podsOfJob.get(name) ?? []) }];
  });
}

/** As a whole it runs when all pods do, and has ended when one has failed or all are over. */
function phaseOf(job: V1Job, pods: readonly V1Pod[]): JobInfo['phase'] {
  const isOver = pods.length > 0 && (pods.every(isTerminal) || pods.some(({ status }) => status?.phase === 'Failed'));
  if (finished(job) || isOver) return 'ended';
  return pods.length >= (job.spec?.completions ?? 1) && pods.every((pod) => isTerminal(pod) || containerOf(pod)?.state?.running)
    ? 'running'
    : 'pending';
}
