/** How many requests an API server has answered, by its own metrics. */
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';

const TOTAL = /^apiserver_request_total\{[^}]*\} (\S+)$/gm;

export async function answered(client: KubeClient): Promise<number> {
  const text = await client.text('GET', '/metrics');
  return [...text.matchAll(TOTAL)].reduce((sum, [, count]) => sum + Number(count), 0);
}
