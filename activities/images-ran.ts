import { log } from '@temporalio/activity';
import { noteImage } from '../src/cache/images.ts';
import type { JobEnd } from '../src/contract/jobs.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { ObjectStore } from '../src/ports/index.ts';

/** Notes which image the tag of a Job was, for the cache. A store that does not answer now costs a hit later, and keeps no Job from ending. */
export async function noteRan(
  store: ObjectStore,
  { profile, spec }: { readonly profile: Profile; readonly spec: { readonly image?: string | undefined } },
  { image: id, startedAt }: Pick<JobEnd, 'image' | 'startedAt'>,
): Promise<void> {
  if (profile.compute.kind !== 'kubernetes' || id === null || startedAt === null) return;
  try {
    await noteImage(store, { image: spec.image ?? profile.compute.image, id, startedAt });
  } catch (error) {
    log.warn('which image ran is not noted', { error });
  }
}
