import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from './client.ts';
import { COMPLETION_INDEX, JOB_NAME, selector } from './labels.ts';
import { isLater, rankOf } from './pod-parts.ts';

/** @param rank of one among several */
export async function podsOf(client: KubeClient, job: string, rank?: number): Promise<readonly V1Pod[]> {
  const index = rank === undefined ? '' : `,${COMPLETION_INDEX}=${rank}`;
  const query = { labelSelector: `${JOB_NAME}=${job},${selector()}${index}` };
  return (await client.request<{ items: readonly V1Pod[] }>('GET', client.podsPath(), { query })).items;
}

/** The latest pod of each rank of a Job, by rank. */
export async function newestPods(client: KubeClient, job: string): Promise<readonly V1Pod[]> {
  const byRank = Map.groupBy(await podsOf(client, job), rankOf);
  return [...byRank].sort(([a], [b]) => a - b).flatMap(([, pods]) => newest(pods) ?? []);
}

/** The latest pod of a Job; of one on several machines that of a rank. */
export async function podOf(client: KubeClient, job: string, rank = 0): Promise<V1Pod | null> {
  // A Job of one pod has no label for it.
  return rank > 0 ? newest(await podsOf(client, job, rank)) : ((await newestPods(client, job)).find((pod) => rankOf(pod) === 0) ?? null);
}

const newest = (pods: readonly V1Pod[]): V1Pod | null =>
  pods.reduce<V1Pod | null>((best, pod) => (best === null || isLater(best, pod) ? pod : best), null);
