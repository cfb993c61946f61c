import { describe, expect, it } from 'vitest';
import { createStepCache } from '../../../src/cache/records.ts';
import type { CacheRecord, Holder } from '../../../src/cache/records.ts';
import type { Profile } from '../../../src/contract/profile.ts';
import { createMemoryPorts, ROOT } from '../../workflow/memory-ports.ts';

const holder = (workflowId: string): Holder => ({ workflowId, runId: 'r', step: 's', at: '2026-01-01T00:00:00Z' });
const record: CacheRecord = {
  version: 1,
  digest: 'd',
  outputs: { table: 'd.t' },
  made: [],
  by: { run: 'r', step: 's', at: '2026-01-01T00:00:00Z' },
};

async function setUp(open: (holder: Holder) => boolean) {
  const ports = createMemoryPorts();
  const store = await ports.store({} as Profile);
  return { ports, store, cache: createStepCache(store, async (of) => open(of)) };
}

describe('the cache of steps', () => {
  it('gives one of many claims the lock', async () => {
    const { cache } = await setUp(() => true);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => cache.claim('k', holder(`w${index}`))));
    expect(answers.filter((answer) => answer === null)).toHaveLength(1);
  });

  it('takes a lock over from a workflow that is closed', async () => {
    const { cache } = await setUp(({ workflowId }) => workflowId !== 'dead');
    expect(await cache.claim('k', holder('dead'))).toBeNull();
    expect(await cache.claim('k', holder('alive'))).toBeNull();
    expect((await cache.claim('k', holder('third')))?.workflowId).toBe('alive');
  });

  it('knows its own claim when an activity is repeated', async () => {
    const { cache } = await setUp(() => true);
    await cache.claim('k', holder('a'));
    expect(await cache.claim('k', holder('a'))).toBeNull();
  });

  it("does not give back another's lock", async () => {
    const { cache } = await setUp(() => true);
    await cache.claim('k', holder('a'));
    await cache.release('k', holder('b'));
    expect((await cache.claim('k', holder('c')))?.workflowId).toBe('a');
    await cache.release('k', holder('a'));
    expect(await cache.claim('k', holder('c'))).toBeNull();
  });

  it('takes a record that it cannot read for none', async () => {
    const { cache, store } = await setUp(() => true);
    await cache.save('k', record);
    expect(await cache.load('k')).toEqual(record);
    for (const broken of ['', '{', '{"version":2}']) {
      await store.write(`${ROOT}/cache/k.json`, broken);
      expect(await cache.load('k')).toBeNull();
    }
  });
});
