import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AttemptVerdict } from '../../src/contract/jobs.ts';
import type { AttemptReport } from '../../src/contract/attempts.ts';
import { until } from './environment.ts';
import { later, profileOf, specOf, SPOT_AND_ON_DEMAND, startSearchHarness } from './search-harness.ts';
import type { SearchHarness, World } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

const DAY = 86_400;

describe('trial', () => {
  let harness: SearchHarness;
  beforeEach(async () => {
    harness = await startSearchHarness();
  });
  afterEach(() => harness.stop());

  /** Attempts end like this, one after another; the last one succeeds. */
  const ends = (...verdicts: AttemptVerdict[]): void => {
    harness.world.attempt = async ({ attempt }) =>
      Promise.resolve({ verdict: verdicts[attempt - 1] ?? 'succeeded', logTail: verdicts[attempt - 1] ? 'line one\nthe reason' : '' });
  };
  const run = async (more: Parameters<SearchHarness['trial']>[0] = {}) => (await harness.trial(more)).result();
  const pools = (): string[] => harness.world.attempts.map(({ pool }) => pool.name);

  it('starts a new attempt at once after a preemption, and counts no retry for it', async () => {
    ends(...Array.from({ length: 20 }, () => 'preempted' as const));
    const summary = await run({ spec: specOf({ maxCrashes: 0 }) });
    expect(summary).toMatchObject({ status: 'succeeded', objective: 0.5, carried: { attempts: 21, preemptions: 20, crashes: 0 } });
    expect(harness.world.attempts.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
  });

  it('tells later attempts how often machines went', async () => {
    ends('preempted', 'preempted');
    await run();
    expect(harness.world.attempts.map(({ meanSecondsBetweenPreemptions }) => meanSecondsBetweenPreemptions)).toEqual([null, 3600, 3600]);
  });

  it('goes to the next pool without capacity or after too many preemptions, and back to spot later', async () => {
    const rules = { order: ['spot', 'on-demand'], preemptionsBeforeNext: 2, retrySpotSeconds: 3600, noCapacitySeconds: 60 };
    harness.world.attempt = async ({ attempt, pool }, retries) => {
      if (attempt === 1) return { verdict: 'preempted' };
      if (attempt === 2) return { verdict: 'preempted' };
      // On demand it trains until it is asked to move back.
      if (pool.name === 'on-demand' && retries === 0) throw later(2 * DAY);
      return Promise.resolve(pool.name === 'on-demand' ? { verdict: 'stopped' } : {});
    };
    const summary = await run({ profile: profileOf({ ...SPOT_AND_ON_DEMAND, placement: rules }) });
    expect(pools()).toEqual(['spot', 'spot', 'on-demand', 'spot']);
    expect(summary.status).toBe('succeeded');
  });

  it('uses on-demand when the rest would not end before the deadline on spot', async () => {
    harness.world.attempt = async ({ attempt }) =>
      Promise.resolve(attempt === 1 ? { verdict: 'preempted', done: 0.1, startedAt: Date.now() - 3_600_000 } : {});
    const now = await harness.environment.currentTimeMs();
    await run({ profile: profileOf(SPOT_AND_ON_DEMAND), deadlineAt: now + 9.25 * 3_600_000 });
    expect(pools()).toEqual(['spot', 'on-demand']);
  });

  it('retries once with more memory, then fails with the log', async () => {
    ends('out-of-memory', 'out-of-memory');
    const summary = await run();
    expect(harness.world.attempts.map(({ memoryMb }) => memoryMb)).toEqual([2048, 3072]);
    expect(summary.status).toBe('failed');
    expect(summary.reason).toContain('the reason');
  });

  it('bounds crashes that train nothing, and spaces them', async () => {
    harness.world.attempt = async ({ samples }) => Promise.resolve({ verdict: 'crashed', samples });
    const summary = await run({ spec: specOf({ maxCrashes: 2 }) });
    expect(summary).toMatchObject({ status: 'failed', carried: { attempts: 3, crashes: 3 } });
    expect(summary.reason).toMatch(/^crashed 3 times; the last time: crashed/);
  });

  it('counts only crashes between which it trained nothing', async () => {
    harness.world.attempt = async ({ attempt, samples }) =>
      Promise.resolve(attempt <= 8 ? { verdict: 'crashed', samples: attempt % 2 === 0 ? samples + 1000 : samples } : {});
    const summary = await run({ spec: specOf({ maxCrashes: 2 }) });
    expect(summary).toMatchObject({ status: 'succeeded', carried: { attempts: 9, crashes: 8 } });
  });

  it('waits longer and longer while it is preempted and trains nothing, and gives up', async () => {
    harness.world.attempt = async () => Promise.resolve({ verdict: 'preempted', samples: 0 });
    const before = await harness.environment.currentTimeMs();
    const profile = profileOf({ placement: { maxFruitlessAttempts: 12 } });
    const summary = await run({ profile });
    expect(summary).toMatchObject({ status: 'failed', carried: { attempts: 12, preemptions: 12 } });
    expect(summary.reason).toContain('12 attempts in a row trained nothing');
    // Three without a pause, then 5 s, doubled each time up to ten minutes.
    expect((await harness.environment.currentTimeMs()) - before).toBeGreaterThan(1000 * (5 + 10 + 20 + 40 + 80 + 160 + 320 + 600));
  });

  it('fails at once on bad input', async () => {
    ends('bad-input');
    const summary = await run();
    expect(summary).toMatchObject({ status: 'failed', carried: { attempts: 1 } });
  });

  it('gives up after ten attempts in a row that trained nothing', async () => {
    harness.world.attempt = async () => Promise.resolve({ verdict: 'deleted', samples: 0 });
    const summary = await run();
    expect(summary.reason).toMatch(/11 attempts in a row trained nothing/);
  });

  it('continues with its sums and the last progress record', async () => {
    harness.world.attempt = async ({ attempt, lastProgress, samples }) =>
      Promise.resolve({ verdict: attempt < 3 ? 'preempted' : 'succeeded', lastProgress: lastProgress + 7, samples: samples + 50 });
    const summary = await run({ profile: profileOf(SPOT_AND_ON_DEMAND) });
    expect(harness.world.attempts.map(({ lastProgress, samples }) => [lastProgress, samples])).toEqual([
      [0, 0],
      [7, 50],
      [14, 100],
    ]);
    expect(summary.carried).toMatchObject({ cost: 3, onDemandCost: 9, seconds: 10_800 });
  });

  it('runs for five days with a preemption every hour in under 2,000 events', async () => {
    harness.world.attempt = async ({ attempt }, retries) => {
      if (retries === 0) throw later(3600);
      return Promise.resolve({ verdict: attempt < 120 ? 'preempted' : 'succeeded' });
    };
    const started = await harness.environment.currentTimeMs();
    const handle = await harness.trial();
    const summary = await handle.result();
    expect(summary).toMatchObject({ status: 'succeeded', carried: { preemptions: 119 } });
    expect((await harness.environment.currentTimeMs()) - started).toBeGreaterThanOrEqual(5 * DAY * 1000);
    const { events } = await handle.fetchHistory();
    expect(events?.length).toBeLessThan(2000);
  });
});

/** These act on attempts that run, which is no matter of time to skip. */
describe('a trial that runs', () => {
  const harness = sharedSearchHarness();

  /** Trains until it is stopped; then it commits a checkpoint. `finishes`: attempts from this one on end by themselves. */
  const untilStopped = (finishes = Number.POSITIVE_INFINITY): void => {
    harness.world.attempt = async ({ attempt }) => (attempt >= finishes ? {} : { verdict: await harness.stopAsked(), lastProgress: 3 });
  };
  const began = (n: number): Promise<unknown> => until(async () => Promise.resolve(harness.world.attempts.length >= n), `attempt ${n}`);

  it('stops with a checkpoint and keeps its export', async () => {
    untilStopped();
    const handle = await harness.trial();
    await began(1);
    await handle.signal('stop', { reason: 'poor' });
    expect(await handle.result()).toMatchObject({
      status: 'stopped',
      reason: 'poor',
      bestExport: 'file:///out/trial-0/exports/1',
      carried: { attempts: 1 },
    });
  });

  it('pauses to zero machines, and goes on where it was', async () => {
    untilStopped(2);
    const handle = await harness.trial();
    await began(1);
    await handle.signal('pause');
    await until(async () => ((await handle.query<{ status: string }>('state')).status === 'paused' ? true : null), 'the pause');
    expect(harness.running()).toBe(0);
    await handle.signal('resume');
    expect(await handle.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 2 } });
    expect(harness.world.attempts[1]).toMatchObject({ attempt: 2, lastProgress: 3 });
  });

  it('says what its attempt has waited for, for long, and no more when it goes on', async () => {
    untilStopped();
    const handle = await harness.trial();
    await began(1);
    const note = async (): Promise<string | null> => (await handle.query<{ note: string | null }>('state')).note;
    const waiting = 'waiting for Kubernetes for 12 min: HTTP 403';
    await handle.signal('attempt-waits', { attempt: 1, waiting });
    expect(await note()).toBe(waiting);
    await handle.signal('attempt-waits', { attempt: 1, waiting, since: 12 });
    expect(await handle.query('state')).toMatchObject({ note: waiting, waitingSince: 12 });
    await handle.signal('attempt-waits', { attempt: 2, waiting: 'another one' });
    expect(await note()).toBe(waiting);
    await handle.signal('attempt-waits', { attempt: 1, waiting: null });
    expect(await note()).toBeNull();
    expect(await handle.query('state')).not.toHaveProperty('waitingSince');
    await handle.signal('stop', { reason: 'enough' });
    expect(await handle.result()).toMatchObject({ status: 'stopped', reason: 'enough' });
  });

  it.each(['stop', 'pause', 'cancel'] as const)(
    'has the Job of its attempt asked to end at once on %s, not with the next heartbeat',
    async (how) => {
      const ended = Promise.withResolvers<Partial<AttemptReport>>();
      harness.world.attempt = () => ended.promise;
      const handle = await harness.trial();
      await began(1);
      if (how === 'cancel') await handle.cancel();
      else await handle.signal(how);
      await until(async () => (harness.world.askedToEnd.length > 0 ? true : null), 'the Job to be asked');
      expect(harness.world.askedToEnd.map(({ trial, attempt }) => [trial.trial, attempt])).toEqual([[0, 1]]);
      // The Job ends; the activity had not heard of anything.
      ended.resolve({ verdict: 'stopped', lastProgress: 3 });
      if (how === 'pause') await handle.signal('stop');
      expect(await handle.result()).toMatchObject({ status: how === 'cancel' ? 'cancelled' : 'stopped' });
    },
  );

  it('has its attempt ended when the activity that was to stop it fails of something else', async () => {
    harness.world.attempt = async () => {
      await harness.stopAsked();
      throw ApplicationFailure.create({ type: 'Unavailable', message: 'HTTP 429', nonRetryable: false });
    };
    harness.world.end = async () => Promise.resolve({ verdict: 'stopped', lastProgress: 5 });
    const handle = await harness.trial();
    await began(1);
    await handle.signal('stop', { reason: 'poor' });
    expect(await handle.result()).toMatchObject({ status: 'stopped', reason: 'poor', carried: { attempts: 1, lastProgress: 5 } });
  });

  /** Its worker has gone, and the next one is not there yet. */
  const unwatched = (): void => {
    harness.world.attempt = async () => Promise.reject(later(3600));
  };

  it('being stopped while no worker watches its attempt, has it ended, and counts what it did', async () => {
    unwatched();
    harness.world.end = async () => Promise.resolve({ verdict: 'stopped', lastProgress: 5 });
    const handle = await harness.trial();
    await began(1);
    await handle.signal('stop', { reason: 'poor' });
    const { carried, ...summary } = await handle.result();
    expect(summary).toMatchObject({ status: 'stopped', bestExport: 'file:///out/trial-0/exports/1' });
    expect(carried).toMatchObject({ attempts: 1, lastProgress: 5 });
    expect(carried.cost).toBeGreaterThanOrEqual(0);
  });

  it('being cancelled while no worker watches its attempt, has it ended, and counts no attempt that never was', async () => {
    unwatched();
    const ended: number[] = [];
    harness.world.end = async ({ attempt }) => {
      ended.push(attempt);
      return Promise.resolve(null);
    };
    const handle = await harness.trial();
    await began(1);
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ status: 'cancelled', carried: { attempts: 0 } });
    expect(ended).toEqual([1]);
  });

  it('counts no attempt when it cannot tell its search that one begins', async () => {
    const handle = await harness.trial({ search: 'a-search-that-is-gone' });
    expect(await handle.result()).toMatchObject({ status: 'failed', carried: { attempts: 0 } });
    expect(harness.world.attempts).toEqual([]);
  });

  it('being paused before an attempt began, gives its number to the next one', async () => {
    unwatched();
    const handle = await harness.trial();
    await began(1);
    await handle.signal('pause');
    await until(async () => ((await handle.query<{ status: string }>('state')).status === 'paused' ? true : null), 'the pause');
    harness.world.attempt = async () => Promise.resolve({});
    await handle.signal('resume');
    expect(await handle.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 1 } });
  });

  describe('with a deadline that leaves time for spot, of which there was none', () => {
    /** A fifth of the time to the deadline went before anything was trained: nothing is left to wait for spot idly. */
    const onDemandFirst = (attempt: World['attempt']): Promise<Awaited<ReturnType<SearchHarness['trial']>>> => {
      harness.world.attempt = async (input, retries) =>
        input.attempt === 1 ? { verdict: 'no-capacity', startedAt: null } : attempt(input, retries);
      return harness.trial({
        profile: profileOf({ ...SPOT_AND_ON_DEMAND, placement: { deadlineSeconds: 5 * DAY } }),
        deadlineAt: Date.now() + 4 * DAY * 1000,
      });
    };
    const pools = (): string[] => harness.world.attempts.map(({ pool }) => pool.name);

    it('trains on demand, and moves with a checkpoint as soon as there is a machine', async () => {
      harness.world.capacity = async ({ pool, attempt }) => {
        expect([pool.name, attempt]).toEqual(['spot', 2]);
        await began(2);
      };
      const handle = await onDemandFirst(async ({ attempt }) =>
        attempt === 2 ? { verdict: await harness.stopAsked(), lastProgress: 3 } : {},
      );
      expect(await handle.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 3 } });
      expect(pools()).toEqual(['spot', 'on-demand', 'spot']);
      expect(harness.world.attempts[2]).toMatchObject({ lastProgress: 3 });
    });

    it('looks no longer when the attempt on demand ends first', async () => {
      harness.world.capacity = () => harness.stopAsked();
      const looks = (): Promise<unknown> => until(async () => Promise.resolve(harness.looking() === 1), 'a look for a machine');
      const handle = await onDemandFirst(async () => looks().then(() => ({})));
      expect(await handle.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 2 } });
      expect(harness.looking()).toBe(0);
    });

    it('leaves no look behind that no worker watches when the attempt ends', async () => {
      const looked = Promise.withResolvers<undefined>();
      harness.world.capacity = () => {
        looked.resolve(undefined);
        return Promise.reject(later(3600));
      };
      const handle = await onDemandFirst(async () => looked.promise.then(() => ({})));
      expect(await handle.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 2 } });
      expect(new Set(harness.world.forgotten.map(({ pool, attempt }) => `${pool.name} ${attempt}`))).toEqual(new Set(['spot 2']));
    });
  });

  it('being cancelled, ends its attempt and says so', async () => {
    untilStopped();
    const handle = await harness.trial();
    await began(1);
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ status: 'cancelled' });
    expect(harness.running()).toBe(0);
  });
});
