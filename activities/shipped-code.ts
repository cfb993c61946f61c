import type { Step } from '../src/contract/steps.ts';
import { renew } from '../src/cache/renew.ts';
import { failure } from './failures.ts';
import { codeUri, shippedBy, type Shipped } from '../src/contract/code.ts';
import type { JobSpec } from '../src/contract/jobs.ts';
import type { Pool, Profile } from '../src/contract/profile.ts';
import type { SecretReference } from '../src/contract/secrets.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import { GRACES, WAITS } from '../src/rules/durations.ts';

/** The part of a Job that is about code that was shipped; nothing where none was. */
export function shippedCode({ root }: Pick<ObjectStore, 'root'>, { code, requirements, python }: Shipped): Pick<JobSpec, 'code'> {
  if (!code) return {};
  return {
    code: {
      archive: codeUri(root, code),
      ...(requirements ? { requirements: codeUri(root, requirements) } : {}),
      ...(python === undefined ? {} : { python }),
    },
  };
}

/** A tag that moves while a run lasts changes nothing between its attempts. */
export function knownDigests({ imageDigests = {} }: Profile): Pick<JobSpec, 'digests'> {
  const digests = Object.entries(imageDigests).flatMap(([image, [digest]]) => (digest === undefined ? [] : [[image, digest] as const]));
  return digests.length === 0 ? {} : { digests: Object.fromEntries(digests) };
}

/** References only: what they lead to is put together where the Job runs. */
export const withSecrets = ({ secrets }: { readonly secrets?: readonly SecretReference[] | undefined }): Pick<JobSpec, 'secrets'> =>
  secrets === undefined ? {} : { secrets };

/** From SIGTERM to SIGKILL. */
export const graceOf = ({ compute }: Profile, pool: Pool): number =>
  compute.kind === 'kubernetes' ? (pool.graceSeconds ?? compute.graceSeconds) : GRACES.processGraceSeconds;

/** @throws failure('InvalidInput') where it is gone, or was never put there: before anything has begun. */
export async function checkShipped(store: ObjectStore, steps: readonly Step[]): Promise<void> {
  for (const { id, from, ...one } of shippedBy(steps)) {
    const uri = codeUri(store.root, one);
    // Written again where it is old: a `gc` that has decided about it before this run began removes another generation.
    if (!(await renew(store, uri, WAITS.codeRenewedMs)))
      throw failure(
        'InvalidInput',
        `the code of step ${id} (${from}) is not in the store: expected ${uri}; compile the pipeline again with the same profile, which puts it there`,
      );
  }
}
