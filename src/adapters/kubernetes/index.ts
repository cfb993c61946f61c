import { setTimeout as delay } from 'node:timers/promises';
import type { V1Job, V1Pod } from '@kubernetes/client-node';
import { AdapterError } from '../../contract/errors.ts';
import type { Compute, JobInfo } from '../../ports/compute.ts';
import { openClient } from './client.ts';
import type { KubeClient, KubernetesConfig } from './client.ts';
import { finished, isTerminal } from './end-signs.ts';
import { containerOf } from './pod-parts.ts';
import { hasStatus, translate } from './errors.ts';
import { jobManifest } from './job-manifest.ts';
import { JobsView } from './jobs-view.ts';
import type { JobsViewOptions } from './jobs-view.ts';
import { exactLabels, JOB_NAME, selector, specHash, SPEC_HASH, TERMINATE_REQUESTED } from './labels.ts';
import { jobLogs } from './logs.ts';
import { podOf, podsOf } from './pods.ts';
import { DEFAULT_PATIENCE, watchJob } from './watch-job.ts';
import type { Patience } from './watch-job.ts';

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const MERGE_PATCH = 'application/merge-patch+json';
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 1_000;
/** Deletion of one Job between our two requests to create it. */
const MOST_CREATIONS = 5;

export interface KubernetesComputeOptions {
  readonly patience?: Partial<Patience>;
  readonly view?: JobsViewOptions;
}

/**
 * Jobs of a Kubernetes namespace. One list + watch a process serves all watched Jobs; it starts with the first `watch` and ends with `close`.
 * @throws AdapterError('InvalidInput') when the kubeconfig cannot be read.
 */
export function openKubernetesCompute(config: KubernetesConfig, options: KubernetesComputeOptions = {}): Promise<Compute> {
  return Promise.resolve().then(() => kubernetesCompute(config, openClient(config), options));
}

function kubernetesCompute(config: KubernetesConfig, client: KubeClient, options: KubernetesComputeOptions): Compute {
  const patience = { ...DEFAULT_PATIENCE, ...options.patience };
  let view: JobsView | null = null;
  const jobsView = (): JobsView => (view ??= new JobsView(client, options.view));
  const translated = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw translate(error, what, config.namespace);
    }
  };

  return {
    async create(spec) {
      checkName(spec.name);
      const manifest = jobManifest(spec, config);
      return translated(`Job ${spec.name}`, async () => {
        const { job, adopted } = await createOrFind(client, manifest);
        if (adopted && job.metadata?.annotations?.[SPEC_HASH] !== specHash(spec))
          throw new AdapterError('InvalidInput', `Job ${spec.name} exists with another spec; remove it, or use another name`);
        view?.takeJob(job);
        return { adopted };
      });
    },

    async watch(name, watchOptions) {
      checkName(name);
      return watchJob(client, jobsView(), name, watchOptions, patience);
    },

    async terminate(name) {
      checkName(name);
      await translated(`Job ${name}`, () => terminate(client, name));
    },

    async remove(name) {
      checkName(name);
      await translated(`Job ${name}`, async () => {
        await deleteJob(client, name, 'Foreground');
        await untilGone(client, name);
      });
    },

    async *logs(name, logOptions = {}) {
      checkName(name);
      try {
        yield* jobLogs(client, name, logOptions);
      } catch (error) {
        throw translate(error, `log of Job ${name}`, config.namespace);
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

async function createOrFind(client: KubeClient, manifest: V1Job): Promise<{ job: V1Job; adopted: boolean }> {
  const name = manifest.metadata?.name ?? '';
  for (let attempt = 1; ; attempt++) {
    try {
      return { job: await client.request<V1Job>('POST', client.jobsPath(), { body: manifest }), adopted: false };
    } catch (error) {
      if (!hasStatus(error, 409)) throw error;
    }
    try {
      const job = await client.request<V1Job>('GET', client.jobsPath(name));
      if (job.metadata?.deletionTimestamp === undefined) return { job, adopted: true };
      // Being removed: its name is free when its pods are gone.
      await untilGone(client, name);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
    }
    if (attempt >= MOST_CREATIONS) throw new AdapterError('Unavailable', `Job ${name} was there and was not there in turns`);
  }
}

/**
 * A deadline of one second for the running pod: its kubelet sends SIGTERM, waits for the grace and keeps pod, exit code and log, which deleting
 * the pod would not. What has not started leaves nothing to keep: it is deleted.
 */
async function terminate(client: KubeClient, name: string): Promise<void> {
  const pod = await podOf(client, name);
  if (pod && (isTerminal(pod) || pod.metadata?.deletionTimestamp !== undefined)) return;
  if (!pod || !containerOf(pod)?.state?.running) {
    const job = pod ? null : await client.request<V1Job>('GET', client.jobsPath(name)).catch(absent);
    if (pod || (job && !finished(job))) await deleteJob(client, name, 'Background');
    return;
  }
  const patch = {
    metadata: { annotations: { [TERMINATE_REQUESTED]: new Date().toISOString() } },
    spec: { activeDeadlineSeconds: 1 },
  };
  await client.request('PATCH', client.podsPath(pod.metadata?.name), { body: patch, contentType: MERGE_PATCH }).catch(absent);
}

async function deleteJob(client: KubeClient, name: string, propagationPolicy: 'Foreground' | 'Background'): Promise<void> {
  await client
    .request('DELETE', client.jobsPath(name), { body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy } })
    .catch(absent);
}

/** Waits until Job and pods are not there any more, however long that takes. */
async function untilGone(client: KubeClient, name: string): Promise<void> {
  for (let wait = FIRST_LOOK_MS; ; wait = Math.min(LAST_LOOK_MS, wait * 1.5)) {
    const job = await client.request<V1Job>('GET', client.jobsPath(name)).catch(absent);
    if (!job && (await podsOf(client, name)).length === 0) return;
    if (job && job.metadata?.deletionTimestamp === undefined) return;
    await delay(wait);
  }
}

async function listJobs(client: KubeClient, labels: Readonly<Record<string, string>>): Promise<JobInfo[]> {
  const query = { labelSelector: selector(labels) };
  const [jobs, pods] = await Promise.all([
    client.request<{ items: V1Job[] }>('GET', client.jobsPath(), { query }),
    client.request<{ items: V1Pod[] }>('GET', client.podsPath(), { query }),
  ]);
  const podOfJob = new Map(pods.items.map((pod) => [pod.metadata?.labels?.[JOB_NAME], pod]));
  return jobs.items.flatMap((job): JobInfo[] => {
    const name = job.metadata?.name ?? '';
    const exact = exactLabels(job.metadata?.annotations);
    if (Object.entries(labels).some(([key, value]) => exact[key] !== value)) return [];
    return [{ name, labels: exact, phase: phaseOf(job, podOfJob.get(name)) }];
  });
}

function phaseOf(job: V1Job, pod: V1Pod | undefined): JobInfo['phase'] {
  if (finished(job) || (pod && isTerminal(pod))) return 'ended';
  return pod && containerOf(pod)?.state?.running ? 'running' : 'pending';
}

function absent(error: unknown): null {
  if (hasStatus(error, 404)) return null;
  throw error;
}
