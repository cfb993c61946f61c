/** What `longhaul gc` finds, and how an object is removed that nobody has touched meanwhile. */
import { PreconditionFailedError } from '../../contract/errors.ts';
import type { ObjectStore } from '../../ports/index.ts';

/** One thing that was looked at. */
export interface Found {
  /** An orphan is a Job that still runs, or would, without a run. */
  readonly what:
    'orphan' | 'job' | 'cache record' | 'table' | 'objects' | 'logs' | 'audit pair' | 'scores' | 'checkpoints' | 'code' | 'script';
  readonly name: string;
  readonly reason: string;
}

export interface GarbageResult {
  readonly found: Found[];
  readonly kept: Found[];
  readonly failed: (Found & { readonly error: string })[];
}

export interface Removal extends Found {
  /** False: it is used after all. */
  readonly remove: () => Promise<boolean>;
  /** Only after this one was removed. */
  readonly after?: Removal;
}

/** False: it was written again since it was looked at. */
export async function removeUnchanged(store: ObjectStore, uri: string, generation: string): Promise<boolean> {
  try {
    await store.remove(uri, { ifGeneration: generation });
    return true;
  } catch (error) {
    if (error instanceof PreconditionFailedError) return false;
    throw error;
  }
}
