import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { createTrackerActivities } from '../../../activities/trackers.ts';
import type { TrackInput } from '../../../activities/trackers.ts';
import type { TrackedRun } from '../../../src/contract/trackers.ts';
import type { Ports } from '../../../src/ports/index.ts';
import { profileOf } from '../../workflow/search-harness.ts';

const NOW = Date.UTC(2026, 10, 29);
const HOUR_MS = 3_600_000;

function open() {
  const read: (number | undefined)[] = [];
  const told: boolean[] = [];
  const world = { endedAt: null as string | null, hasAll: true, read, told };
  const ledger = (table: string, _where: object, since?: number): Promise<object[]> => {
    if (table === 'runs')
      return Promise.resolve([{ run: 'r', status: 'running', started_at: '2026-11-24T00:00:00Z', ended_at: world.endedAt }]);
    if (table === 'progress') read.push(since);
    return Promise.resolve(table === 'progress' ? [{ step: 'search', trial: 0, n: 1, time: '2026-11-28T00:00:00Z', metrics: '{}' }] : []);
  };
  const ports = { warehouse: () => Promise.resolve({ ledger }) } as unknown as Ports;
  const tell = (_run: string, entries: readonly TrackedRun[]): Promise<boolean> => {
    const whole = entries.every((entry) => entry.whole);
    told.push(whole);
    return Promise.resolve(whole || world.hasAll);
  };
  const { tellTracker } = createTrackerActivities(ports, () => ({ tell }));
  const input = { run: 'r', pipeline: 'p', profile: profileOf(), tracker: { kind: 'mlflow', uri: 'http://mlflow' } } as const;
  const act = (more: Partial<TrackInput> = {}): Promise<{ readonly ended: boolean }> =>
    new MockActivityEnvironment().run(tellTracker, { ...input, ...more });
  return { ...world, world, act };
}

it('reads whole curves at first and at the end, and those of late in between', async () => {
  const { world, read, told, act } = open();
  expect(await act()).toEqual({ ended: false });
  expect(await act({ since: NOW })).toEqual({ ended: false });
  world.endedAt = '2026-11-29T00:00:00Z';
  expect(await act({ since: NOW })).toEqual({ ended: true });
  expect([read, told]).toEqual([
    [undefined, NOW - HOUR_MS, undefined],
    [true, false, true],
  ]);
});

it('reads the rest where the tracker has less than what came before', async () => {
  const { world, read, told, act } = open();
  world.hasAll = false;
  await act({ since: NOW });
  expect([read, told]).toEqual([
    [NOW - HOUR_MS, undefined],
    [false, true],
  ]);
});
