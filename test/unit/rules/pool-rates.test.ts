import { describe, expect, it } from 'vitest';
import { createPoolRates, readPoolRates } from '../../../activities/pool-rates.ts';
import { Profile } from '../../../src/contract/profile.ts';
import type { Warehouse } from '../../../src/ports/warehouse.ts';
import { WAITS } from '../../../src/rules/durations.ts';
import { emptyShare, poolRates, preemptionsPerHour } from '../../../src/rules/pool-rates.ts';

const NOW = Date.UTC(2026, 10, 29);
const HOUR_MS = 3_600_000;
const HALF_LIFE_MS = WAITS.poolRatesHalfLifeMs;
const event = (kind: 'preempted' | 'empty' | 'other', ageMs: number, hours = 0) => ({ pool: 'a', kind, at: NOW - ageMs, hours });

describe('what is known of a pool', () => {
  it('is a guess before anything was seen, and what was seen after much of it', () => {
    expect([preemptionsPerHour(null, 'a', NOW), emptyShare(null, 'a', NOW)]).toEqual([0.25, 0.25]);
    const much = poolRates(
      Array.from({ length: 1000 }, () => event('preempted', 0, 0.5)),
      NOW,
    );
    expect(preemptionsPerHour(much, 'a', NOW)).toBeCloseTo(2, 1);
    expect(emptyShare(much, 'a', NOW)).toBeLessThan(0.01);
    expect(preemptionsPerHour(much, 'b', NOW)).toBe(0.25);
  });

  it('counts half after a half-life, whether it was read late or early', () => {
    const events = [event('preempted', HALF_LIFE_MS, 2), event('empty', HALF_LIFE_MS)];
    const late = poolRates(events, NOW);
    expect(late.pools['a']).toMatchObject({ hours: 1, preemptions: 0.5, asks: 1, empty: 0.5, lastPreemptedAt: NOW - HALF_LIFE_MS });
    const early = poolRates(events, NOW - HALF_LIFE_MS);
    expect(preemptionsPerHour(early, 'a', NOW)).toBeCloseTo(preemptionsPerHour(late, 'a', NOW), 10);
    expect(emptyShare(early, 'a', NOW)).toBeCloseTo(emptyShare(late, 'a', NOW), 10);
  });

  it('leaves out what comes later', () => {
    expect(poolRates([event('preempted', -1)], NOW).pools).toEqual({});
  });
});

describe('read from the ledger', () => {
  const row = (pool: string, verdict: string, seconds: number) => ({ pool, verdict, seconds, ended_at: new Date(NOW).toISOString() });
  const ledgerOf = (rows: readonly object[], asked: number[]): Pick<Warehouse, 'ledger'> => ({
    ledger: ((_table: string, _where: object, since: number) => {
      asked.push(since);
      return Promise.resolve(rows);
    }) as unknown as Warehouse['ledger'],
  });

  it('counts the verdicts of all runs by pool, of late only', async () => {
    const asked: number[] = [];
    const rows = [row('a', 'preempted', 3600), row('a', 'silent', 3600), row('a', 'no-capacity', 0), row('b', 'succeeded', 7200)];
    const { pools } = await readPoolRates(ledgerOf(rows, asked), NOW);
    expect(pools).toMatchObject({ a: { hours: 2, preemptions: 2, asks: 3, empty: 1 }, b: { hours: 2, preemptions: 0, asks: 1 } });
    expect(asked).toEqual([NOW - 60 * HOUR_MS]);
  });

  it('says nothing of pools that the profile has not, which others use beside it', async () => {
    const ledger = ledgerOf([row('mine', 'preempted', 3600), row('theirs', 'preempted', 3600)], []);
    const rates = createPoolRates({ warehouse: () => Promise.resolve(ledger as Warehouse) }, () => NOW);
    const profile = Profile.parse({
      warehouse: { kind: 'duckdb', path: '/w' },
      storage: { kind: 'directory', path: '/s' },
      compute: { kind: 'process', path: '/c' },
      pools: [{ name: 'mine', spot: true, pricePerHour: 1 }],
    });
    for (const _again of [1, 2]) expect(Object.keys((await rates(profile)).pools)).toEqual(['mine']);
  });

  it('is read once for all who ask at the same time, and again later, or after it failed', async () => {
    const asked: number[] = [];
    let [now, fails] = [NOW, true];
    const warehouse = ledgerOf([], asked);
    const opened = (): Promise<Warehouse> => (fails ? Promise.reject(new Error('away')) : Promise.resolve(warehouse as Warehouse));
    const rates = createPoolRates({ warehouse: opened }, () => now);
    const profile = Profile.parse({
      warehouse: { kind: 'duckdb', path: '/w' },
      storage: { kind: 'directory', path: '/s' },
      compute: { kind: 'process', path: '/c' },
    });
    await expect(rates(profile)).rejects.toThrow('away');
    fails = false;
    await Promise.all(Array.from({ length: 100 }, () => rates(profile)));
    expect(asked).toHaveLength(1);
    now += HOUR_MS;
    expect((await rates(profile)).at).toBe(now);
    expect(asked).toHaveLength(2);
  });
});
