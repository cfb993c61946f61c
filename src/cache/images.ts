/**
 * Tags may name other images tomorrow. Where a registry answered when the pipeline was compiled, the digest is in the step's key; where none did,
 * `{root}/images/…` has what each tag was last seen to be, and what ran is compared with either before a hit is used.
 */
import { z } from 'zod';
import { sha256 } from '../contract/canonical-json.ts';
import { trainerImages } from '../contract/clusters.ts';
import { PreconditionFailedError } from '../contract/errors.ts';
import type { Profile, StepSpec } from '../contract/index.ts';
import type { ObjectStore, Warehouse } from '../ports/index.ts';
import { WAITS } from '../rules/durations.ts';

interface Ran {
  readonly image: string;
  /** As the container runtime calls it. */
  readonly id: string;
  /** ms since 1970 */
  readonly startedAt: number;
}

const Seen = z.object({ image: z.string(), digest: z.string(), startedAt: z.number() });

const NAME_DIGITS = 32;

export const isPinned = (image: string): boolean => image.includes('@sha256:');

/** `repo@sha256:…`, `sha256:…` and `docker-pullable://…` alike; null: there is none in it. */
const digestIn = (id: string): string | null => /sha256:[0-9a-f]{64}$/.exec(id)?.[0] ?? null;

/** What the Jobs of a step may run; none for processes, and where nothing says it. */
function imagesOf(profile: Profile, spec: StepSpec): readonly string[] {
  const ours = trainerImages(profile);
  if (ours.length === 0) return [];
  if (spec.kind === 'search' || spec.kind === 'container') return spec.image === undefined ? ours : [spec.image];
  return spec.kind === 'script' ? ours : [];
}

/** What the Jobs of a step run, or bring launcher, SDK and scorers from. */
export function imagesInKey(profile: Profile, spec: StepSpec): readonly string[] {
  const ours = trainerImages(profile);
  if (ours.length === 0) return [];
  if (spec.kind === 'evaluate') return spec.scorer?.image === undefined ? ours : [...ours, spec.scorer.image];
  const own = imagesOf(profile, spec);
  return 'code' in spec && spec.code ? [...new Set([...ours, ...own])] : own;
}

/** Of the images of a step that are named by a tag, the digests that are known. */
export const digestsInKey = (profile: Profile, spec: StepSpec): string[] =>
  imagesInKey(profile, spec).flatMap((image) => profile.imageDigests?.[image]?.slice(0, 1) ?? []);

const uriOf = ({ root }: ObjectStore, image: string): string => `${root}/images/${sha256(image).slice(0, NAME_DIGITS)}.json`;

async function seen(
  store: ObjectStore,
  image: string,
): Promise<{ readonly seen: z.infer<typeof Seen> | null; readonly generation: string }> {
  const object = await store.read(uriOf(store, image));
  if (object === null) return { seen: null, generation: '0' };
  try {
    return { seen: Seen.parse(JSON.parse(new TextDecoder().decode(object.data))), generation: object.info.generation };
  } catch {
    return { seen: null, generation: object.info.generation };
  }
}

/** Notes what a tag was when a Job began; of two Jobs the one that began later counts, however they end. */
export async function noteImage(store: ObjectStore, { image, id, startedAt }: Ran): Promise<void> {
  const digest = digestIn(id);
  if (digest === null || isPinned(image)) return;
  for (;;) {
    const { seen: before, generation } = await seen(store, image);
    // One object takes about one update a second, and many Jobs end at once.
    const isNews = before === null || startedAt > before.startedAt + (before.digest === digest ? WAITS.imageSeenAgainMs : 0);
    if (!isNews) return;
    try {
      await store.write(uriOf(store, image), JSON.stringify({ image, digest, startedAt }), {
        ifGeneration: generation,
        contentType: 'application/json',
      });
      return;
    } catch (error) {
      if (!(error instanceof PreconditionFailedError)) throw error;
    }
  }
}

/** What ran in the Jobs of a step, by the ledger. */
async function ranIn(warehouse: Warehouse, { run, step }: { readonly run: string; readonly step: string }): Promise<string[]> {
  const rows = (await Promise.all([warehouse.ledger('steps', { run, step }), warehouse.ledger('attempts', { run, step })])).flat();
  const digests = rows.flatMap(({ image }) => (typeof image === 'string' ? [digestIn(image)] : []));
  return [...new Set(digests)].filter((digest) => digest !== null);
}

/**
 * False: one of the step's Jobs ran another image than its name means now.
 * Where the name's digest is not known, and no Job has run it since, or nobody noted what ran, there is nothing that speaks against it.
 */
export async function ranTheSame(
  { store, warehouse }: { readonly store: ObjectStore; readonly warehouse: Warehouse },
  { profile, spec }: { readonly profile: Profile; readonly spec: StepSpec },
  by: { readonly run: string; readonly step: string },
): Promise<boolean> {
  const images = imagesOf(profile, spec);
  if (images.every(isPinned)) return true;
  const now = await Promise.all(
    images.map(async (image): Promise<readonly string[] | null> => {
      const pinned = digestIn(image);
      if (pinned !== null) return [pinned];
      const digest = (await seen(store, image)).seen?.digest;
      return profile.imageDigests?.[image] ?? (digest === undefined ? null : [digest]);
    }),
  );
  if (now.includes(null)) return true;
  const known = new Set(now.flatMap((digests) => digests ?? []));
  return (await ranIn(warehouse, by)).every((digest) => known.has(digest));
}
