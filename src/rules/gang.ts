/** A Job on several machines: what its ranks are told. Pure. */
import type { JobSpec } from '../contract/jobs.ts';
import { TRIAL_ENVIRONMENT } from '../contract/names.ts';

/** Of rank 0; the next one is for frameworks. */
export const COORDINATOR_PORT = 29_400;

/** As a field of a Job that has it where there are several. */
export const severalNodes = (nodes: number | undefined): Pick<JobSpec, 'nodes'> => (nodes === undefined || nodes === 1 ? {} : { nodes });

/** What all ranks are told alike; empty for one machine. Rank and coordinator are the adapter's to tell. */
export function gangEnvironment({ nodes = 1, resources }: Pick<JobSpec, 'nodes' | 'resources'>): Record<string, string> {
  if (nodes === 1) return {};
  const gpus: Record<string, string> = resources.gpu > 0 ? { [TRIAL_ENVIRONMENT.gpusPerNode]: String(resources.gpu) } : {};
  return { [TRIAL_ENVIRONMENT.nodes]: String(nodes), ...gpus };
}
