import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { AdapterError } from '../contract/errors.ts';
import type { ObjectStore } from '../ports/index.ts';

/** What lies under a prefix, into a folder of this machine. @returns how much that was; no files: there is nothing there */
export async function download(
  store: ObjectStore,
  prefix: string,
  folder: string,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const root = resolve(folder);
  let [files, bytes] = [0, 0];
  for await (const { uri, bytes: size } of store.list(`${prefix.replace(/\/+$/, '')}/`)) {
    const path = join(root, uri.slice(prefix.length));
    if (!path.startsWith(`${root}${sep}`)) throw new AdapterError('BadData', `${uri} would lie outside of ${root}`);
    await mkdir(dirname(path), { recursive: true });
    await store.download(uri, path);
    files++;
    bytes += size;
  }
  return { files, bytes };
}
