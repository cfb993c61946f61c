/** Runs that Temporal has forgotten: their document and how they stood at their end lie in the object store, their rows in the ledger. */
import type { RunDocument } from '../contract/run-document.ts';
import { RUN_NAME } from '../contract/run-names.ts';
import { archiveUri, documentUri, type RunArchive } from '../contract/state.ts';
import type { Profile } from '../contract/profile.ts';
import { UnknownRunError } from './errors.ts';
import type { Longhaul } from './longhaul.ts';
import { readDocument } from './read-document.ts';

export interface KeptRun extends RunArchive {
  readonly document: RunDocument;
}

/** As the ports open object stores. */
interface Stores {
  store(profile: Profile): Promise<{ readonly root: string; read(uri: string): Promise<{ readonly data: Uint8Array } | null> }>;
}

/** Newest runs whose profiles say where to look. */
const RUNS_ASKED = 50;

export interface KeptPlaces {
  readonly longhaul: Longhaul;
  readonly ports: Stores;
  /** Whose store is looked into first. */
  readonly profile?: Profile | undefined;
}

/**
 * What `ask` answers; of a run that the server does not know (any more) what was kept of it.
 *
 * @throws UnknownRunError nothing was kept either, where the named profile and those of the server's newest runs say
 */
export async function orKept<T>(places: KeptPlaces, run: string, ask: () => Promise<T>, of: (kept: KeptRun) => T | undefined): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof UnknownRunError)) throw error;
    const kept = await keptRun(places, run);
    const found = kept === null ? undefined : of(kept);
    if (found === undefined) throw error;
    return found;
  }
}

async function keptRun({ longhaul, ports, profile: named }: KeptPlaces, run: string): Promise<KeptRun | null> {
  if (!RUN_NAME.test(run)) return null;
  const there = named === undefined ? null : await readKept(ports, named, run);
  if (there !== null) return there;
  const looked = new Set<string>();
  for (const { run: other } of await longhaul.list({ limit: RUNS_ASKED })) {
    const profile = await profileOf(longhaul, other);
    const place = JSON.stringify(profile?.storage);
    if (profile === null || looked.has(place)) continue;
    looked.add(place);
    // One store that is away, or closed to this account, hides none of the others.
    const kept = await readKept(ports, profile, run).catch(() => null);
    if (kept !== null) return kept;
  }
  return null;
}

/** One that ends its retention while it is listed is passed over. */
async function profileOf(longhaul: Longhaul, run: string): Promise<Profile | null> {
  try {
    return (await longhaul.run(run).document()).profile;
  } catch (error) {
    if (error instanceof UnknownRunError) return null;
    throw error;
  }
}

async function readKept(ports: Stores, profile: Profile, run: string): Promise<KeptRun | null> {
  const store = await ports.store(profile);
  const [archive, document] = await Promise.all([store.read(archiveUri(store.root, run)), store.read(documentUri(store.root, run))]);
  if (archive === null || document === null) return null;
  const text = new TextDecoder();
  return {
    ...(JSON.parse(text.decode(archive.data)) as RunArchive),
    document: readDocument(JSON.parse(text.decode(document.data)), run),
  };
}
