import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProgressFollower } from '../../../activities/progress-follower.ts';
import { playFaster } from '../../../src/rules/durations.ts';
import { random } from '../../support/random.ts';
import { createMemoryPorts, ROOT } from '../../workflow/memory-ports.ts';

const OUTPUT = `${ROOT}/runs/r/search/trial-0`;
const TRIAL = { pipeline: 'p', run: 'r', step: 'search', trial: 0, output: OUTPUT };

/** A store with records that come one by one, and a ledger that keeps what was appended by its key. */
async function scene() {
  const ports = createMemoryPorts();
  const store = await ports.store({} as never);
  const warehouse = await ports.warehouse({} as never);
  const appends = new Map<string, readonly number[]>();
  let written = 0;
  let failing = false;
  const ledger = {
    ...warehouse,
    append: (_table: string, rows: readonly { n?: number }[], key: string): Promise<void> => {
      if (failing) return Promise.reject(new Error('the ledger is away'));
      if (!appends.has(key)) appends.set(key, rows.map(({ n }) => Number(n))); // prettier-ignore
      return Promise.resolve();
    },
  } as typeof warehouse;
  return {
    follower: (flushed: number) => new ProgressFollower(store, ledger, TRIAL, { lastProgress: 0, samples: 0, flushed }),
    write: async (number: number): Promise<void> => {
      for (let more = 0; more < number; more++) {
        const n = ++written;
        const kind = n % 5 === 0 ? 'beat' : 'train';
        const record = { n, time: n, attempt: 1, kind, epoch: 0, part: 0, step: n, samples: n, metrics: {} };
        await store.write(`${OUTPUT}/progress/${n}.json`, JSON.stringify(record));
      }
    },
    fail: (is: boolean) => (failing = is),
    rows: () => [...appends.values()].flat().sort((a, b) => a - b),
    wanted: () => Array.from({ length: written }, (_, at) => at + 1).filter((n) => n % 5 !== 0),
  };
}

describe('rows of progress', () => {
  // Each look writes what it has: batches end wherever a worker happens to look.
  beforeEach(() => playFaster(1e9));
  afterEach(() => playFaster());

  it('are there once when another worker takes over between the row and the note that it is there', async () => {
    const { follower, write, rows, wanted } = await scene();
    const first = follower(0);
    await write(3);
    await first.readAll();
    await first.flush();
    await write(4);
    const second = follower(0);
    await second.readAll();
    await second.flush();
    expect(rows()).toEqual(wanted());
  });

  it('are there when the worker that had settled them died before it wrote them', async () => {
    const { follower, write, fail, rows, wanted } = await scene();
    await write(3);
    const first = follower(0);
    await first.readAll();
    fail(true);
    await expect(first.flush()).rejects.toThrow('the ledger is away');
    fail(false);
    await write(2);
    const second = follower(0);
    await second.readAll();
    await second.flush();
    expect(rows()).toEqual(wanted());
  });

  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'are there once whoever follows, fails, sleeps and goes on (seed %i)',
    async (seed) => {
      const draw = random(seed);
      const { follower, write, fail, rows, wanted } = await scene();
      const followers = [follower(0), follower(0), follower(0)];
      for (let turn = 0; turn < 60; turn++) {
        await write(draw.integer(0, 4));
        const at = draw.integer(0, 2);
        fail(draw.next() < 0.2);
        const one = followers[at]!;
        await one.readAll().catch(() => undefined);
        await one.flush().catch(() => undefined);
        // The next one knows what the heartbeat told last, which may be long ago.
        if (draw.next() < 0.2) followers[at] = follower(Math.min(one.flushed, draw.integer(0, one.flushed)));
      }
      fail(false);
      for (const one of followers) {
        await one.readAll();
        await one.flush();
      }
      expect(rows()).toEqual(wanted());
    },
  );
});
