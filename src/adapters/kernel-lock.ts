import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { GRACES } from '../rules/durations.ts';

/**
 * Mutual exclusion between processes of one machine. Node has no `flock`, and lock files with a pid in them go stale; SQLite's
 * write lock is the kernel's underneath, so it ends with its holder, however that dies, and Python can take it too.
 */
interface Held {
  release(): void;
}

const BUSY = 5;

/** Takes the lock at `path` if nobody has it; null where someone does. */
export function tryLock(path: string): Held | null {
  const database = openLockFile(path);
  try {
    database.exec('BEGIN IMMEDIATE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw error;
  }
  // Closing rolls back: the file stays empty.
  return { release: () => database.close() };
}

/** Waits for the lock without blocking the event loop; rejects with the signal's reason. */
export async function lock(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<Held> {
  for (let wait: number = GRACES.lockLookFirstMs; ; wait = Math.min(wait * 1.5, GRACES.lockLookLongestMs)) {
    options.signal?.throwIfAborted();
    const held = tryLock(path);
    if (held) return held;
    await delay(wait * (0.5 + Math.random()));
  }
}

/** Runs `section` while holding the lock at `path`. */
export async function withLock<T>(
  path: string,
  section: () => T | Promise<T>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<T> {
  const held = await lock(path, options);
  try {
    return await section();
  } finally {
    held.release();
  }
}

function openLockFile(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch {
    // The folder is made on demand: it is there in all cases but the first.
    mkdirSync(dirname(path), { recursive: true });
    return new DatabaseSync(path, { timeout: 0 });
  }
}

function isBusy(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'errcode' in error && (Number(error.errcode) & 0xff) === BUSY;
}
