import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from './client.ts';
import { JOB_NAME, selector } from './labels.ts';

export async function podsOf(client: KubeClient, job: string): Promise<readonly V1Pod[]> {
  const query = { labelSelector: `${JOB_NAME}=${job},${selector()}` };
  return (await client.request<{ items: readonly V1Pod[] }>('GET', client.podsPath(), { query })).items;
}

/** The latest pod of a Job. */
export async function podOf(client: KubeClient, job: string): Promise<V1Pod | null> {
  const pods = await podsOf(client, job);
  return [...pods].sort((a, b) => createdAt(b) - createdAt(a))[0] ?? null;
}

const createdAt = (pod: V1Pod): number => new Date(pod.metadata?.creationTimestamp ?? 0).getTime();
