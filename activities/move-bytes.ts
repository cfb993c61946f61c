/** What a trial reads when it goes on in another cluster: its checkpoint, and its parts. */
import { z } from 'zod';
import type { AttemptInput } from '../src/contract/attempts.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import { readLatest } from './trial-files.ts';

const Manifest = z.object({ bytes: z.number().nonnegative() });

/** Null where there is but one cluster. What cannot be read counts nothing: it only weighs pools against each other. */
export async function moveBytes(store: ObjectStore, { trial, lostAfterSeconds }: AttemptInput): Promise<number | null> {
  if (lostAfterSeconds === undefined) return null;
  const [latest, ...parts] = await Promise.all([
    readLatest(store, trial.output).catch(() => null),
    ...Object.values(trial.spec.data).map((prefix) => bytesOf(store, prefix.replace(/\/+$/, ''))),
  ]);
  const checkpoint = Object.values(latest?.files ?? {}).reduce((sum, { bytes }) => sum + bytes, 0);
  return parts.reduce((sum, bytes) => sum + bytes, checkpoint);
}

async function bytesOf(store: ObjectStore, prefix: string): Promise<number> {
  const found = await store.read(`${prefix}/manifest.json`).catch(() => null);
  if (found === null) return 0;
  try {
    return Manifest.parse(JSON.parse(new TextDecoder().decode(found.data))).bytes;
  } catch {
    return 0;
  }
}
