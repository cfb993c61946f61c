import { log } from '@temporalio/activity';
import { noteImage } from '../src/cache/images.ts';
import { sha256 } from '../src/contract/canonical-json.ts';
import type { JobEnd } from '../src/contract/jobs.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import type { JobStatus } from '../src/ports/compute.ts';

interface Images {
  readonly profile: Profile;
  readonly spec: { readonly image?: string | undefined };
}

/** Of a Job that runs containers; null: it is a process of this machine. */
const imageOf = ({ profile, spec }: Images): string | null =>
  profile.compute.kind === 'kubernetes' ? (spec.image ?? profile.compute.image) : null;

/** Notes which image the tag of a Job was, for the cache. A store that does not answer now costs a hit later, and keeps no Job from ending. */
export async function recordRanImage(
  store: ObjectStore,
  images: Images,
  { image: id, startedAt }: Pick<JobEnd, 'image' | 'startedAt'>,
): Promise<void> {
  const image = imageOf(images);
  if (image === null || id === null || startedAt === null) return;
  // What ran by its digest tells nothing of what its tag is by now.
  if (images.profile.imageDigests?.[image] !== undefined) return;
  try {
    await noteImage(store, { image, id, startedAt });
  } catch (error) {
    log.warn('which image ran is not noted', { error });
  }
}

const NAME_DIGITS = 32;

/**
 * Which images the Jobs of a run have had: once one has, its name is right and the run may pull it, whatever its registry answers later.
 * Each is noted once by each attempt that has it.
 */
export class PulledImages {
  readonly #store: ObjectStore;
  readonly #image: string | null;
  readonly #uri: string;
  #noting: Promise<unknown> | null = null;

  constructor(store: ObjectStore, run: string, images: Images) {
    this.#store = store;
    this.#image = imageOf(images);
    this.#uri = `${store.root}/runs/${run}/images/${sha256(this.#image ?? '').slice(0, NAME_DIGITS)}.json`;
  }

  readonly status = ({ phase }: Pick<JobStatus, 'phase'>): void => {
    if (phase === 'running' && this.#image !== null) this.#noting ??= this.#note(this.#image);
  };

  /** Only of an attempt that did not begin is it worth asking. */
  async ask({ notStarted }: JobEnd): Promise<boolean> {
    return notStarted?.reason === 'image' && (await this.#store.stat(this.#uri)) !== null;
  }

  async #note(image: string): Promise<void> {
    try {
      const isNew = (await this.#store.stat(this.#uri)) === null;
      if (isNew) await this.#store.write(this.#uri, JSON.stringify({ image }), { contentType: 'application/json' });
    } catch {
      // Another attempt that has it notes it; and this may not be the activity's own turn, in which alone it may log.
    }
  }
}
