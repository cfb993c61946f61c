import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, open, rm, stat as statFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import type { Storage } from '../../contract/profile.ts';
import { fileUriOf, formerFileUriOf } from '../../contract/file-uri.ts';
import { AdapterError } from '../../contract/errors.ts';
import type { ObjectInfo, ObjectStore, WriteOptions } from '../../ports/object-store.ts';
import { crc32cOf } from '../crc32c.ts';
import { hasCode, writeDurably } from '../files.ts';
import { checkSize } from '../object-size.ts';
import { sweepTemporaries, uniqueName } from '../temporaries.ts';
import { infoOf } from './generation.ts';
import { insideOf } from './inside.ts';
import { objectPaths } from './list.ts';
import { nameOf } from './names.ts';
import { commitRemoval, commitWrite } from './commit.ts';
import { layoutOf } from './layout.ts';

/**
 * A directory as an object store, with generations and preconditions like those of GCS. README.md in this folder is the scheme.
 */
export async function openDirectoryStore(config: Extract<Storage, { kind: 'directory' }>): Promise<ObjectStore> {
  if (!isAbsolute(config.path)) throw new AdapterError('InvalidInput', `storage.path: expected an absolute path, found "${config.path}"`);
  const directory = resolve(config.path);
  const layout = layoutOf(directory);
  try {
    await mkdir(layout.temporaries, { recursive: true });
    await mkdir(layout.locks, { recursive: true });
  } catch (error) {
    throw new AdapterError('AccessDenied', `storage.path: cannot write to ${directory}: ${String(error)}`, { cause: error });
  }
  const root = fileUriOf(directory);
  const former = formerFileUriOf(directory);
  const inside = insideOf(directory);
  for (const own of [layout.temporaries, layout.locks]) await inside.resolve(own, root);
  await sweepTemporaries(layout.temporaries);
  const place = (uri: string): { name: string; path: string } => {
    const name = nameOf(root, uri, { former });
    return { name, path: join(directory, name) };
  };

  /** Puts what `fill` made in a temporary file in the place of the object. */
  const replace = async (uri: string, options: WriteOptions, fill: (temporary: string) => Promise<void>): Promise<ObjectInfo> => {
    const { name, path } = place(uri);
    const temporary = join(layout.temporaries, uniqueName());
    try {
      await fill(temporary);
      return await commitWrite({ layout, inside, uri, name, path, temporary, ifGeneration: options.ifGeneration });
    } finally {
      await rm(temporary, { force: true });
    }
  };

  return {
    root,

    async read(uri, options) {
      const { path } = place(uri);
      const file = await inside.open(path, uri);
      if (!file) return null;
      try {
        const found = await file.stat({ bigint: true });
        if (!found.isFile()) return null;
        checkSize(uri, Number(found.size), options);
        return { data: await file.readFile(), info: infoOf(uri, found) };
      } finally {
        await file.close();
      }
    },

    async write(uri, data, options = {}) {
      const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
      const info = await replace(uri, options, (temporary) => writeDurably(temporary, bytes));
      return { ...info, crc32c: crc32cOf(bytes) };
    },

    async upload(localPath, uri, options = {}) {
      return replace(uri, options, async (temporary) => {
        try {
          await copyFile(localPath, temporary, constants.COPYFILE_FICLONE);
        } catch (error) {
          if (hasCode(error, 'ENOENT', 'EISDIR'))
            throw new AdapterError('InvalidInput', `${localPath}: no such file to upload to ${uri}`, { cause: error });
          throw error;
        }
        const file = await open(temporary, 'r+');
        try {
          await file.sync();
        } finally {
          await file.close();
        }
      });
    },

    async download(uri, localPath) {
      const { path } = place(uri);
      const file = await inside.open(path, uri);
      if (!file) throw new AdapterError('InvalidInput', `${uri}: no such object`);
      try {
        const found = await file.stat({ bigint: true });
        if (!found.isFile()) throw new AdapterError('InvalidInput', `${uri}: no such object`);
        // By descriptor, so that content and generation belong together even when the object is replaced meanwhile.
        await copyFile(`/proc/self/fd/${file.fd}`, localPath, constants.COPYFILE_FICLONE);
        return infoOf(uri, found);
      } finally {
        await file.close();
      }
    },

    async stat(uri) {
      const { path } = place(uri);
      try {
        const real = await inside.resolve(path, uri);
        if (real === null) return null;
        const found = await statFile(real, { bigint: true });
        return found.isFile() ? infoOf(uri, found) : null;
      } catch (error) {
        if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
        throw error;
      }
    },

    async *list(prefix) {
      const wanted = nameOf(root, prefix, { former, prefix: true });
      await inside.resolve(join(directory, wanted.slice(0, wanted.lastIndexOf('/') + 1)), prefix);
      for await (const name of objectPaths(directory, wanted)) {
        try {
          const found = await lstat(join(directory, name), { bigint: true });
          // A link, a pipe: whoever asks for it by name is told, a list of others' objects goes on.
          if (found.isFile()) yield infoOf(`${root}/${name}`, found);
        } catch (error) {
          // Removed since its directory was read.
          if (!hasCode(error, 'ENOENT')) throw error;
        }
      }
    },

    async remove(uri, options = {}) {
      const { name, path } = place(uri);
      return commitRemoval({ layout, inside, uri, name, path, directory, ifGeneration: options.ifGeneration });
    },
  };
}
