import { createHash } from 'node:crypto';
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
