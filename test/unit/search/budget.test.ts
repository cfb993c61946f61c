import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exceeded, extended, secondsUntilCap, trialsLeft } from '../../../src/rules/budget.ts';

const nothing = { cost: 0, hours: 0, trials: 0 };
const amount = fc.double({ min: 0.01, max: 1e6, noNaN: true });
const budget = fc.record({ cost: fc.option(amount, { nil: undefined }), hours: fc.option(amount, { nil: undefined }) });
const spent = fc.record({ cost: amount, hours: amount, trials: fc.nat() });

describe('a budget', () => {
  it('says in words which cap is reached', () => {
    expect(exceeded({ cost: 10 }, { ...nothing, cost: 10.004 }, 'EUR')).toBe('cost 10.00 of 10 EUR');
    expect(exceeded({ hours: 24 }, { ...nothing, hours: 24.04 }, 'EUR')).toBe('24.0 of 24 hours');
    expect(exceeded({ cost: 10, hours: 24 }, { ...nothing, cost: 9.99, hours: 23.9 }, 'EUR')).toBeNull();
    expect(exceeded({}, { cost: 1e9, hours: 1e9, trials: 1e9 }, 'EUR')).toBeNull();
  });

  it('counts trials down to none', () => {
    expect(trialsLeft({ trials: 3 }, 1)).toBe(2);
    expect(trialsLeft({ trials: 3 }, 5)).toBe(0);
    expect(trialsLeft({}, 5)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is looked at in time: neither never nor all the time', () => {
    expect(secondsUntilCap({ cost: 10 }, { ...nothing, cost: 9 }, 0.01)).toBe(100);
    expect(secondsUntilCap({ cost: 10 }, nothing, 0)).toBeNull();
    fc.assert(
      fc.property(budget, spent, amount, (caps, used, rate) => {
        const seconds = secondsUntilCap(caps, used, rate);
        if (seconds !== null) expect(seconds >= 5 && seconds <= 1800).toBe(true);
      }),
    );
  });

  it('extended by as much again, is never at its cap at once, and no cap falls', () => {
    fc.assert(
      fc.property(budget, spent, (caps, used) => {
        const next = extended(caps, caps, used);
        expect(exceeded(next, used, 'EUR')).toBeNull();
        if (caps.cost !== undefined) expect(next.cost).toBeGreaterThanOrEqual(caps.cost);
        if (caps.hours !== undefined) expect(next.hours).toBeGreaterThanOrEqual(caps.hours);
      }),
    );
  });
});
