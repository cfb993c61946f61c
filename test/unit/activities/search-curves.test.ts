import { afterEach, expect, it, vi } from 'vitest';
import { awaitPoints } from '../../../activities/search-curves.ts';
import { AdapterError } from '../../../src/contract/errors.ts';
import type { CurveInput } from '../../../src/contract/attempts.ts';
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
  const context = { stop: never, detached: never, note: () => undefined, look: () => Promise.resolve() };
  const begun = performance.now();
  const { points } = await awaitPoints(store, input as unknown as CurveInput, context);
  expect(points).toHaveLength(1);
  expect(performance.now() - begun).toBeGreaterThan(500);
});

it('reads what came while nobody did in bounded pieces, and all of it', async () => {
  const [TRIALS, POINTS, METRICS] = [7, 3000, ['score', 'loss', 'validation_loss']];
  const metrics = { score: 0.123456789, loss: 0.234567891, validation_loss: 0.345678912 };
  const store = {
    read: (uri: string) => {
      const n = Number(/(\d+)\.json$/.exec(uri)?.[1]);
      const record = { n, time: 1, attempt: 1, kind: 'validation', step: n, samples: n, epoch: 1, part: 0, metrics };
      return Promise.resolve(n > POINTS ? null : { data: Buffer.from(JSON.stringify(record)) });
    },
  } as unknown as ObjectStore;
  const never = new AbortController().signal;
  const read = Array.from({ length: TRIALS }, () => 0);
  const sizes: number[] = [];
  let more = true;
  while (more) {
    const input = {
      trials: read.map((n, trial) => ({ trial, output: `file:///out/trial-${trial}`, n })),
      metrics: METRICS,
      exports: false,
      gatherSeconds: 0,
      maxSeconds: 3600,
      upcoming: { first: TRIALS, count: 0, output: 'file:///out' },
      inherited: [],
    };
    const answer = await awaitPoints(store, input as unknown as CurveInput, {
      stop: never,
      detached: never,
      note: () => undefined,
      look: () => Promise.resolve(),
    });
    sizes.push(Buffer.byteLength(JSON.stringify(answer)));
    for (const [trial, n] of answer.points) {
      expect(n).toBe((read[trial] ?? 0) + 1);
      read[trial] = n;
    }
    expect(answer.seen).toEqual(read.flatMap((n, trial) => (n > 0 ? [[trial, n]] : [])));
    more = answer.more === true;
  }
  expect(read).toEqual(read.map(() => POINTS));
  expect(Math.max(...sizes)).toBeLessThan(300_000);
});

it('reads on where the store refused it once', async () => {
  const record = { n: 1, time: 1, attempt: 1, kind: 'validation', step: 4, samples: 8, epoch: 1, part: 0, metrics: { loss: 0.5 } };
  let asked = 0;
  const store = {
    read: (uri: string) => {
      if (++asked === 2) throw new AdapterError('AccessDenied', 'HTTP 403', { cause: new Error('of the store') });
      return Promise.resolve(uri.endsWith('/1.json') ? { data: Buffer.from(JSON.stringify(record)) } : null);
    },
  } as unknown as ObjectStore;
  const trials = [0, 1].map((trial) => ({ trial, output: `file:///out/trial-${trial}`, n: 0 }));
  const upcoming = { first: 2, count: 0, output: 'file:///out' };
  const input = { trials, metrics: ['loss'], exports: false, gatherSeconds: 0, maxSeconds: 3600, upcoming, inherited: [] };
  const never = new AbortController().signal;
  const { points } = await awaitPoints(store, input as unknown as CurveInput, {
    stop: never,
    detached: never,
    note: () => undefined,
    look: () => Promise.resolve(),
  });
  expect(points.map(([trial]) => trial).sort()).toEqual([0, 1]);
});

it('waits for no point of a trial that has ended once it has read the last record, which is none', async () => {
  const record = { n: 5, time: 1, attempt: 1, kind: 'end', step: 4, samples: 8, epoch: 1, part: 0, metrics: {} };
  const store = {
    read: (uri: string) => Promise.resolve(/trial-0.*\b0*5\.json$/.test(uri) ? { data: Buffer.from(JSON.stringify(record)) } : null),
  } as unknown as ObjectStore;
  const trials = [
    { trial: 0, output: 'file:///out/trial-0', n: 4, last: 5 },
    { trial: 1, output: 'file:///out/trial-1', n: 7 },
  ];
  const upcoming = { first: 2, count: 0, output: 'file:///out' };
  const input = { trials, metrics: ['loss'], exports: false, gatherSeconds: 0, maxSeconds: 3600, upcoming, inherited: [] };
  const never = new AbortController().signal;
  const context = { stop: never, detached: never, note: () => undefined, look: () => Promise.resolve() };
  const { points, seen } = await awaitPoints(store, input as unknown as CurveInput, context);
  expect(points).toEqual([]);
  expect(seen).toEqual([
    [0, 5],
    [1, 7],
  ]);
});
