/**
 * That a Job of a step was made is kept beside the step's output. A Job that ended while no worker was there is removed by Kubernetes after
 * `ttlSecondsAfterFinished`: without the claim the next worker would take it for one that never was, and do the step's work twice.
 */
import { canonicalJson } from '../src/contract/canonical-json.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { Compute, ObjectStore } from '../src/ports/index.ts';
import { findJob } from './job-places.ts';
import type { JobIdentity } from './job-places.ts';

interface Claim {
  readonly job: string;
  readonly run: string;
  /** ms since 1970 */
  readonly claimedAt: number;
}

/**
 * To be called before the Job is made.
 *
 * @param output prefix of the step's output
 * @returns false when the Job was made by an earlier try, and may have ended and been removed since: its end is not known
 */
export async function claimJob(
  { store, compute }: { readonly store: ObjectStore; readonly compute: Compute },
  { compute: config }: Profile,
  identity: JobIdentity,
  output: string,
  now = Date.now(),
): Promise<boolean> {
  // Processes of a machine leave a directory that nobody removes by its age.
  if (config.kind !== 'kubernetes') return true;
  const uri = `${output}/jobs/${identity.name}.json`;
  const object = await store.read(uri);
  if (!object) {
    const claim: Claim = { job: identity.name, run: identity.labels.run, claimedAt: now };
    await store.write(uri, canonicalJson({ ...claim }), { contentType: 'application/json' });
    return true;
  }
  const { claimedAt } = JSON.parse(new TextDecoder().decode(object.data)) as Claim;
  // Younger than a finished Job is kept for: it was never made, or somebody removed it.
  if (now - claimedAt < config.ttlSecondsAfterFinished * 1000) return true;
  return (await findJob(compute, identity)) !== null;
}
