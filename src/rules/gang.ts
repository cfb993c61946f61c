/** A Job on several machines: what its ranks are told. Pure. */
import { sha256 } from '../contract/canonical-json.ts';
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

/**
 * How long a Job may wait for its machines: one on several machines by up to a half longer, each by its own share. Where no queue admits
 * Jobs as a whole, two may each hold machines that the other one lacks; gave they up together, they would meet again.
 */
export function machineWaitSeconds(seconds: number, nodes: number, job: string): number {
  if (nodes === 1) return seconds;
  const share = Number.parseInt(sha256(job).slice(0, 8), 16) / 2 ** 32;
  return Math.round(seconds * (1 + share / 2));
}
