import { createHash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RESERVED } from './names.ts';

export interface Layout {
  readonly temporaries: string;
  readonly locks: string;
}

export function layoutOf(directory: string): Layout {
  return { temporaries: join(directory, RESERVED, 'tmp'), locks: join(directory, RESERVED, 'locks') };
}

/** 256 lock files for all objects: two objects that share one wait for each other for less than a millisecond. */
export function lockFileOf(layout: Layout, name: string): string {
  return join(layout.locks, `${createHash('sha256').update(name, 'utf8').digest('hex').slice(0, 2)}.sqlite`);
}

const UNFINISHED_WRITE_MAX_AGE_MS = 24 * 3600 * 1000;

/** Removes what writers that were killed left behind. */
export async function sweepTemporaries(layout: Layout): Promise<void> {
  for (const name of await readdir(layout.temporaries)) {
    const path = join(layout.temporaries, name);
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > UNFINISHED_WRITE_MAX_AGE_MS) await rm(path, { recursive: true, force: true });
  }
}
