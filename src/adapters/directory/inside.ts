import { constants, realpathSync } from 'node:fs';
import { open, readlink, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AdapterError } from '../../contract/errors.ts';
import { hasCode } from '../files.ts';

/**
 * Keeps a store below its root: whoever may write there, a training image for one, could else have workers read and write other files by
 * symbolic links. Links that stay below the root are followed.
 */
export interface Inside {
  /** Null when there is no such file. The check is made on the open descriptor, so no link can change after it. */
  open(path: string, uri: string): Promise<FileHandle | null>;
  /** Null when there is no such file. */
  resolve(path: string, uri: string): Promise<string | null>;
  /** Before `path` is written or removed: the nearest directory above it that exists is below the root. */
  checkParent(path: string, uri: string): void;
}

/** @param directory exists; may itself be a link, which its owner made */
export function insideOf(directory: string): Inside {
  const root = realpathSync.native(directory);
  const check = (real: string, uri: string): void => {
    if (real === root || real.startsWith(root === '/' ? root : `${root}/`)) return;
    throw new AdapterError(
      'InvalidInput',
      `${uri}: a symbolic link leads out of the object store, to ${real}; put a copy of the file there`,
    );
  };

  return {
    async open(path, uri) {
      // Without O_NONBLOCK a named pipe would be waited for.
      const file = await orNull(open(path, constants.O_RDONLY | constants.O_NONBLOCK));
      if (!file) return null;
      try {
        check(await readlink(`/proc/self/fd/${file.fd}`), uri);
        return file;
      } catch (error) {
        await file.close();
        throw error;
      }
    },

    async resolve(path, uri) {
      const real = await orNull(realpath(path));
      if (real !== null) check(real, uri);
      return real;
    },

    checkParent(path, uri) {
      for (let parent = dirname(path); ; parent = dirname(parent)) {
        try {
          check(realpathSync.native(parent), uri);
          return;
        } catch (error) {
          if (!hasCode(error, 'ENOENT', 'ENOTDIR') || parent === dirname(parent)) throw error;
        }
      }
    },
  };
}

async function orNull<T>(result: Promise<T>): Promise<T | null> {
  try {
    return await result;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}
