/**
 * The cache of steps in the object store: `{root}/cache/{key}.json` says what a step made,
 * `{root}/cache/{key}.lock` who is making it now, so that two runs that need the same output make it once.
 */
import { z } from 'zod';
import { PreconditionFailedError } from '../contract/errors.ts';
import { Json } from '../contract/values.ts';
import type { ObjectStore } from '../ports/index.ts';
import { WAITS } from '../rules/durations.ts';
import { renew } from './renew.ts';

export const CacheRecord = z.object({
  version: z.literal(1),
  /** The whole hash; the name holds its first 12 digits. */
  digest: z.string(),
  outputs: z.record(z.string(), Json),
  /** Outputs that exist outside, with what identified them when they were made. */
  made: z.array(z.object({ type: z.enum(['table', 'uri']), value: z.string(), identity: z.string() })),
  by: z.object({ run: z.string(), step: z.string(), at: z.string() }),
});
export type CacheRecord = z.infer<typeof CacheRecord>;

const Holder = z.object({ workflowId: z.string(), runId: z.string(), step: z.string(), at: z.string() });
export type Holder = z.infer<typeof Holder>;

export interface StepCache {
  load(key: string): Promise<CacheRecord | null>;
  save(key: string, record: CacheRecord): Promise<void>;
  /** Says that the record is used, so that it stays; false when it is not there any more. */
  renew(key: string): Promise<boolean>;
  /** null = the claim is ours; otherwise who holds it. */
  claim(key: string, self: Holder): Promise<Holder | null>;
  release(key: string, self: Holder): Promise<void>;
}

export function createStepCache(store: ObjectStore, isOpen: (holder: Holder) => Promise<boolean>, now: () => number = Date.now): StepCache {
  const recordUri = (key: string): string => `${store.root}/cache/${key}.json`;
  const lockUri = (key: string): string => `${store.root}/cache/${key}.lock`;

  const holderOf = async (key: string): Promise<{ holder: Holder | null; generation: string } | null> => {
    const lock = await store.read(lockUri(key));
    return lock && { holder: parse(Holder, lock.data), generation: lock.info.generation };
  };

  const write = async (key: string, self: Holder, ifGeneration: string): Promise<boolean> => {
    try {
      await store.write(lockUri(key), JSON.stringify(self), { ifGeneration });
      return true;
    } catch (error) {
      if (error instanceof PreconditionFailedError) return false;
      throw error;
    }
  };

  return {
    load: async (key) => {
      const object = await store.read(recordUri(key));
      return object && parse(CacheRecord, object.data);
    },
    save: async (key, record) => {
      await store.write(recordUri(key), JSON.stringify(record), { contentType: 'application/json' });
    },
    renew: (key) => renew(store, recordUri(key), WAITS.cacheRenewedMs, now),
    claim: async (key, self) => {
      for (;;) {
        if (await write(key, self, '0')) return null;
        const lock = await holderOf(key);
        if (!lock) continue;
        if (lock.holder && sameHolder(lock.holder, self)) return null;
        if (lock.holder && (await isOpen(lock.holder))) return lock.holder;
        if (await write(key, self, lock.generation)) return null;
      }
    },
    release: async (key, self) => {
      const lock = await holderOf(key);
      if (!lock?.holder || !sameHolder(lock.holder, self)) return;
      try {
        await store.remove(lockUri(key), { ifGeneration: lock.generation });
      } catch (error) {
        if (!(error instanceof PreconditionFailedError)) throw error;
      }
    },
  };
}

const sameHolder = (a: Holder, b: Holder): boolean => a.workflowId === b.workflowId && a.runId === b.runId && a.step === b.step;

/** What cannot be read counts as not there: it is made again. */
function parse<T>(schema: z.ZodType<T>, data: Uint8Array): T | null {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(data)));
  } catch {
    return null;
  }
}
