import { PreconditionFailedError } from '../contract/errors.ts';
import type { ObjectStore } from '../ports/index.ts';

/**
 * Says that an object is used: `gc` goes by the time of its last write, and removes no generation but the one it has decided about.
 *
 * @param afterMs one that was written later than so long ago is left
 * @returns false: it is not there
 */
export async function renew(store: ObjectStore, uri: string, afterMs: number, now: () => number = Date.now): Promise<boolean> {
  for (;;) {
    const info = await store.stat(uri);
    if (!info) return false;
    if (now() - info.updatedAt < afterMs) return true;
    const object = await store.read(uri);
    if (!object) return false;
    try {
      await store.write(uri, object.data, { ifGeneration: object.info.generation, contentType: typeOf(uri) });
      return true;
    } catch (error) {
      // Another run renewed it, or `gc` has just removed it.
      if (!(error instanceof PreconditionFailedError)) throw error;
    }
  }
}

const typeOf = (uri: string): string => (uri.endsWith('.json') ? 'application/json' : 'application/octet-stream');
