import { describe, expect, it } from 'vitest';
import { fruitlessEnd, fruitlessPauseSeconds, registryEnd, withoutAbsence } from '../../../src/rules/fruitless.ts';

const HOUR_MS = 3_600_000;

describe('attempts that train nothing', () => {
  it('come at once at first, then after longer and longer pauses, at most ten minutes', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 500].map(fruitlessPauseSeconds)).toEqual([0, 0, 0, 0, 5, 10, 20, 320, 600, 600, 600]);
  });

  it.each(['preempted', 'crashed', 'silent', 'deleted', 'fenced'] as const)('have an end, whatever ended them: %s', (verdict) => {
    expect(fruitlessEnd({ fruitless: 99 }, verdict, {}, 0)).toBeNull();
    expect(fruitlessEnd({ fruitless: 100 }, verdict, {}, 0)).toContain('100 attempts in a row trained nothing');
    expect(fruitlessEnd({ fruitless: 4 }, verdict, { maxFruitlessAttempts: 4 }, 0)).toContain('maxFruitlessAttempts');
  });

  it('do not take away what was reached', () => {
    expect(fruitlessEnd({ fruitless: 1000 }, 'succeeded', {}, 0)).toBeNull();
    expect(fruitlessEnd({ fruitless: 1000 }, 'stopped', {}, 0)).toBeNull();
  });

  it('wait for a machine for ever, unless the profile says how long', () => {
    const since = { fruitless: 0, withoutCapacitySince: 5 };
    expect(fruitlessEnd(since, 'no-capacity', {}, 1000 * HOUR_MS)).toBeNull();
    expect(fruitlessEnd(since, 'no-capacity', { maxHoursWithoutCapacity: 2 }, 2 * HOUR_MS)).toBeNull();
    expect(fruitlessEnd(since, 'no-capacity', { maxHoursWithoutCapacity: 2 }, 2 * HOUR_MS + 5)).toContain('for 2 hours');
  });

  it('count no time in which nobody asked', () => {
    const limits = { maxHoursWithoutCapacity: 24 };
    const waits = { withoutCapacitySince: 5, registry: { since: 7, attempts: 2 } };
    const after = withoutAbsence(waits, 60 * HOUR_MS);
    const [sooner, later] = [61 * HOUR_MS, 84 * HOUR_MS + 7];
    expect(fruitlessEnd({ fruitless: 0, ...after }, 'no-capacity', limits, sooner)).toBeNull();
    expect(fruitlessEnd({ fruitless: 0, ...after }, 'no-capacity', limits, later)).toContain('for 24 hours');
    expect(registryEnd(after.registry ?? waits.registry, sooner)).toBeNull();
    expect(registryEnd(after.registry ?? waits.registry, later)).toContain('no image for 24 h');
    expect(withoutAbsence({ withoutCapacitySince: null }, HOUR_MS)).toEqual({});
  });
});
