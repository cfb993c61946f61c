/** Several spot pools: what a trial asks, what it looks at, and where it goes on. */
import { ApplicationFailure } from '@temporalio/common';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CapacityInput } from '../../src/contract/attempts.ts';
import type { TrialInput } from '../../src/contract/trial-run.ts';
import { until } from './environment.ts';
import { profileOf } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

const spot = (name: string) => ({ name, spot: true, pricePerHour: 0.3, onDemandPricePerHour: 1 });
const SPOTS = [spot('spot-a'), spot('spot-b'), spot('spot-c')];
const ON_DEMAND = { name: 'on-demand', spot: false, pricePerHour: 1 };
const placement = { deadlineSeconds: 5 * 86_400 };

describe('a trial with several spot pools', () => {
  const harness = sharedSearchHarness();
  let looks: CapacityInput[];
  beforeEach(() => {
    looks = [];
  });

  const pools = (): string[] => harness.world.attempts.map(({ pool }) => pool.name);
  /** Pools that are asked for an attempt have no machine, until one was seen in a look. */
  const emptyUntilSeen = (seenIn: string): { seen: () => void } => {
    let see = (): void => undefined;
    const seen = new Promise<void>((resolve) => (see = resolve));
    harness.world.capacity = async (input) => {
      looks.push(input);
      return input.pool.name === seenIn ? Promise.race([seen, harness.stopAsked()]) : harness.stopAsked();
    };
    harness.world.attempt = async ({ pool, attempt }) => {
      if (pool.name === seenIn && attempt > 1) return {};
      if (pool.name === 'on-demand') return { verdict: await harness.stopAsked(), done: 0.1 };
      return { verdict: 'no-capacity', startedAt: null };
    };
    return { seen: see };
  };
  const start = (deadlineSeconds: number, more: object = {}) =>
    harness.trial({
      profile: profileOf({ pools: [...SPOTS, ON_DEMAND], placement: { ...placement, ...more } }),
      deadlineAt: Date.now() + deadlineSeconds * 1000,
      // The moment in which all are looked at before on-demand is short.
      factor: 1000,
    });

  it.each([false, true])('that asks its search (%s) ends when there is a machine, and when its own went', async (yields) => {
    const { seen } = emptyUntilSeen('spot-c');
    const begin = (resumed: Partial<TrialInput> = {}) =>
      harness.trial({
        ...{ yields, factor: 1000, deadlineAt: Date.now() + placement.deadlineSeconds * 1000 },
        profile: profileOf({ pools: [...SPOTS, ON_DEMAND], placement }),
        ...resumed,
      });
    const waiting = await begin();
    await until(async () => Promise.resolve(looks.length === 3), 'looks for machines');
    seen();
    const found = await waiting.result();
    expect([found.status, found.yielded]).toEqual(yields ? ['stopped', { found: 'spot-c' }] : ['succeeded', undefined]);
    if (!yields) return;
    // Whoever gets it asks that pool first.
    harness.world.attempt = async () => Promise.resolve({ verdict: 'preempted' });
    const lost = await (await begin({ resumed: found.carried })).result();
    expect([lost.status, lost.yielded, lost.carried.preemptions, pools().at(-1)]).toEqual(['stopped', { found: null }, 1, 'spot-c']);
  });

  it('waits with nothing running while there is time, and begins where the first machine is', async () => {
    const { seen } = emptyUntilSeen('spot-c');
    const trial = await start(placement.deadlineSeconds);
    await until(async () => Promise.resolve(looks.length === 3), 'looks for machines');
    expect(looks.map(({ pool }) => pool.name).sort()).toEqual(['spot-a', 'spot-b', 'spot-c']);
    expect(new Set(looks.map(({ look }) => look)).size).toBe(3);
    expect([harness.running(), pools()]).toEqual([0, ['spot-a']]);
    seen();
    expect(await trial.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 2 } });
    expect([pools(), harness.looking()]).toEqual([['spot-a', 'spot-c'], 0]);
  });

  it('names each look by its pool, so that another one of the same attempt never takes it for its own', async () => {
    const all = [ON_DEMAND, ...SPOTS];
    emptyUntilSeen('spot-c');
    const order = [...SPOTS, ON_DEMAND].map(({ name }) => name);
    const trial = await harness.trial({
      profile: profileOf({ pools: all, placement: { ...placement, order } }),
      deadlineAt: Date.now() + placement.deadlineSeconds * 1000,
      factor: 1000,
    });
    await until(async () => Promise.resolve(looks.length === 3), 'looks for machines');
    expect(looks.map(({ look = -1 }) => all[look]?.name).sort()).toEqual(looks.map(({ pool }) => pool.name).sort());
    await trial.signal('stop', { reason: 'enough' });
    await trial.result();
  });

  it('looks at all of them beside an attempt on demand, and moves with a checkpoint to the one that has a machine', async () => {
    const { seen } = emptyUntilSeen('spot-b');
    // Half of the time has gone, and nothing is known of the work: none is left to wait in.
    const trial = await start(placement.deadlineSeconds / 2, { noCapacitySeconds: 1 });
    await until(async () => Promise.resolve(pools().includes('on-demand') && harness.looking() === 3), 'looks for machines');
    seen();
    expect((await trial.result()).status).toBe('succeeded');
    expect([pools().at(-2), pools().at(-1), harness.looking()]).toEqual(['on-demand', 'spot-b', 0]);
  });

  it('being stopped while it waits, ends its looks and runs nothing', async () => {
    emptyUntilSeen('spot-c');
    const trial = await start(placement.deadlineSeconds);
    await until(async () => Promise.resolve(harness.looking() === 3), 'looks for machines');
    await trial.signal('stop', { reason: 'enough' });
    expect(await trial.result()).toMatchObject({ status: 'stopped', reason: 'enough', carried: { attempts: 1 } });
    expect(harness.looking()).toBe(0);
  });

  it('asks the pool first that did best in the ledger, and any where the ledger cannot be read', async () => {
    harness.world.rates = {
      at: Date.now(),
      pools: { 'spot-b': { hours: 90, preemptions: 0, asks: 9, empty: 0, lastPreemptedAt: null, lastEmptyAt: null } },
    };
    await (await start(placement.deadlineSeconds)).result();
    expect(pools()).toEqual(['spot-b']);
    harness.world.rates = ApplicationFailure.nonRetryable('no permission', 'PermissionDenied');
    await (await start(placement.deadlineSeconds)).result();
    expect(pools()).toEqual(['spot-b', 'spot-a']);
  });
});
