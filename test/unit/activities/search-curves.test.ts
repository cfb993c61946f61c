import { afterEach, expect, it, vi } from 'vitest';
import { awaitPoints } from '../../../activities/search-curves.ts';
import type { CurveInput } from '../../../src/contract/search.ts';
import type { ObjectStore } from '../../../src/ports/index.ts';

const DAY_MS = 24 * 3_600_000;

afterEach(() => {
  vi.useRealTimers();
});

it.each([-1, 1])('waits no longer for more points of learning curves when the clock is set %i day forward', async (days) => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const record = { n: 1, time: 1, attempt: 1, kind: 'validation', step: 4, samples: 8, epoch: 1, part: 0, metrics: { loss: 0.5 } };
  const store = {
    read: (uri: string) => {
      if (uri.endsWith('/1.json')) return Promise.resolve({ data: Buffer.from(JSON.stringify(record)) });
      // After the first point was found.
      vi.setSystemTime(Date.now() + days * DAY_MS);
      return Promise.resolve(null);
    },
  } as unknown as ObjectStore;
  const trials = [{ trial: 0, output: 'file:///out/trial-0', n: 0 }];
  const upcoming = { first: 1, count: 0, output: 'file:///out' };
  const input = { trials, metrics: ['loss'], exports: false, gatherSeconds: 0.6, maxSeconds: 3600, upcoming, inherited: [] };
  const never = new AbortController().signal;
  const context = { stop: never, detached: never, note: () => undefined };
  const begun = performance.now();
  const { points } = await awaitPoints(store, input as unknown as CurveInput, context);
  expect(points).toHaveLength(1);
  expect(performance.now() - begun).toBeGreaterThan(500);
});
