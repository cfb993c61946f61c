import type { BigIntStats } from 'node:fs';
import type { ObjectInfo } from '../../ports/object-store.ts';

/** The generation of an object that does not exist, as in GCS. */
export const ABSENT = '0';

export function generationOf(found: BigIntStats): string {
  return `${found.mtimeNs}.${found.ino}.${found.size}`;
}

export function infoOf(uri: string, found: BigIntStats): ObjectInfo {
  return { uri, bytes: Number(found.size), generation: generationOf(found), crc32c: null, updatedAt: Number(found.mtimeNs / 1_000_000n) };
}

/**
 * A modification time (µs) that no earlier write of the object had: the kernel's clock for files moves in steps of 4 ms, and an inode
 * number may come back at once.
 */
export function nextModificationMicros(replaced: BigIntStats | null): bigint {
  const now = BigInt(Math.floor((performance.timeOrigin + performance.now()) * 1000));
  if (!replaced) return now;
  const after = replaced.mtimeNs / 1000n + 2n;
  return now > after ? now : after;
}
