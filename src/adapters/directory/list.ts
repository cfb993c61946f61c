import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../files.ts';
import { RESERVED } from './names.ts';

/** Names of the objects that begin with `prefix`, in the order of their UTF-8 bytes, one directory in memory at a time. */
export async function* objectPaths(root: string, prefix: string): AsyncIterable<string> {
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  yield* walk(root, start, prefix);
}

/** Unfinished files of programs that write beside their target, e.g. the trainer. */
const UNFINISHED = /^\..*\.tmp$/;

async function* walk(root: string, below: string, prefix: string): AsyncIterable<string> {
  const entries = await readEntries(join(root, below));
  const named = entries
    .filter((entry) => !UNFINISHED.test(entry.name) && (below !== '' || entry.name !== RESERVED))
    .map((entry) => ({ entry, order: Buffer.from(entry.isDirectory() ? `${entry.name}/` : entry.name) }));
  // A directory sorts as the prefix of its objects: `a.b` < `a/c` < `a0`.
  named.sort((a, b) => Buffer.compare(a.order, b.order));
  for (const { entry } of named) {
    const name = below + entry.name;
    if (entry.isDirectory()) {
      const inner = `${name}/`;
      if (inner.startsWith(prefix) || prefix.startsWith(inner)) yield* walk(root, inner, prefix);
    } else if (name.startsWith(prefix)) {
      yield name;
    }
  }
}

async function readEntries(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
