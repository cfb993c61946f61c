/** A trial of an ended run that goes on in another one: its files, copied, so that the run that made them keeps what it has. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson } from '../src/contract/canonical-json.ts';
import type { Adopted, AdoptInput } from '../src/contract/trial-run.ts';
import type { Latest } from '../src/contract/trial.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import { readLatest } from './trial-files.ts';

/** Of what lies under a trial's output, besides its committed checkpoints. */
const FOLDERS = ['progress', 'exports'];

/**
 * Once more it does nothing: LATEST is written last.
 *
 * @returns false where nothing is committed, or nothing any more: there is nothing to go on from, and the trial begins anew, a fork from where it was
 * forked, unless that is gone too
 */
export async function adoptTrial(store: ObjectStore, { from, to, fork }: AdoptInput): Promise<Adopted> {
  if ((await readLatest(store, to)) !== null) return true;
  const latest = await readLatest(store, from);
  if (latest === null) return fork !== undefined && (await readLatest(store, fork)) === null ? 'without-fork' : false;
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-adopt-'));
  try {
    for (const name of [...FOLDERS, ...committed(latest).map((checkpoint) => `checkpoints/${checkpoint}`)])
      for await (const { uri } of store.list(`${from}/${name}/`)) {
        const local = join(folder, 'file');
        await store.download(uri, local);
        await store.upload(local, `${to}${uri.slice(from.length)}`);
      }
    await store.write(`${to}/checkpoints/LATEST`, canonicalJson(latest), { contentType: 'application/json' });
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const committed = ({ checkpoint, previous }: Latest): string[] => [checkpoint, ...previous.map((earlier) => earlier.checkpoint)];
