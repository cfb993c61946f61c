/** Asks a Job to end, as a whole: each of its pods has its grace, or is not there any more. */
import type { V1Job, V1Pod } from '@kubernetes/client-node';
import { GRACES } from '../../rules/durations.ts';
import type { KubeClient } from './client.ts';
import { finished } from './job-observation.ts';
import { hasStatus } from './errors.ts';
import { COMPLETION_INDEX, TERMINATE_REQUESTED } from './labels.ts';
import { hasStarted, isTerminal } from './pod-parts.ts';
import { newestPods } from './pods.ts';

const MERGE_PATCH = 'application/merge-patch+json';
/** A Job of hundreds of pods is not to take the API server for itself. */
const REQUESTS_AT_ONCE = 8;

/**
 * A deadline of one second for each running pod: its kubelet sends SIGTERM, waits for the grace and keeps pod, exit code and log, which deleting
 * the pod would not. What has not started as a whole leaves nothing to keep: it is deleted.
 */
export async function terminate(client: KubeClient, name: string): Promise<void> {
  const pods = await newestPods(client, name);
  const over = (pod: V1Pod): boolean => isTerminal(pod) || pod.metadata?.deletionTimestamp !== undefined;
  if (pods.length > 0 && pods.every(over)) return;
  const isOne = pods.length > 0 && !isSeveral(pods);
  const job = isOne ? null : await client.request<V1Job>('GET', client.jobsPath(name)).catch(absent);
  const isWhole = pods.length > 0 && pods.every(hasStarted) && pods.length >= (job?.spec?.completions ?? 1);
  if (!isWhole) {
    if (pods.length > 0 || (job && !finished(job))) await deleteJob(client, name, 'Background');
    return;
  }
  await askPods(
    client,
    pods.flatMap((pod) => (over(pod) ? [] : (pod.metadata?.name ?? []))),
  );
}

/** @param names of pods that run */
export async function askPods(client: KubeClient, names: readonly string[]): Promise<void> {
  const body = {
    metadata: { annotations: { [TERMINATE_REQUESTED]: new Date().toISOString() } },
    spec: { activeDeadlineSeconds: GRACES.deadlineOfEndedSeconds },
  };
  await atATime(REQUESTS_AT_ONCE, names, (name) =>
    client.request('PATCH', client.podsPath(name), { body, contentType: MERGE_PATCH }).catch(absent),
  );
}

const isSeveral = ([pod]: readonly V1Pod[]): boolean => pod?.metadata?.labels?.[COMPLETION_INDEX] !== undefined;

export async function deleteJob(client: KubeClient, name: string, propagationPolicy: 'Foreground' | 'Background'): Promise<void> {
  await client
    .request('DELETE', client.jobsPath(name), { body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy } })
    .catch(absent);
}

export function absent(error: unknown): null {
  if (hasStatus(error, 404)) return null;
  throw error;
}

async function atATime<T>(count: number, items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: count }, lane));
}
