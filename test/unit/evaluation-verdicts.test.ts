import { describe, expect, it } from 'vitest';
import { normalQuantile, normalShare, studentQuantile } from '../../src/rules/distributions.ts';
import { holm, verdictsOf } from '../../src/rules/significance.ts';

describe('distributions', () => {
  it('are those of the tables', () => {
    for (const [share, z] of [
      [0.975, 1.959963985],
      [0.9, 1.281551566],
      [0.001, -3.090232306],
      [0.5, 0],
    ] as const) {
      expect(normalQuantile(share)).toBeCloseTo(z, 6);
      expect(normalShare(z)).toBeCloseTo(share, 6);
    }
    for (const [degrees, t] of [
      [10, 2.228139],
      [29, 2.04523],
      [100, 1.983972],
    ] as const)
      expect(studentQuantile(0.975, degrees)).toBeCloseTo(t, 3);
  });
});

describe('Holm', () => {
  it('is the example that statsmodels gives', () => {
    // statsmodels.stats.multitest.multipletests([0.01, 0.04, 0.03, 0.005], method='holm')
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02]);
  });

  it('passes over what was no test', () => {
    expect(holm([null, 0.03, null])).toEqual([null, 0.03, null]);
  });
});

describe('a verdict', () => {
  const difference = { value: 0.02, error: 0.008, units: 500, goal: 'maximize', margin: null } as const;

  it('of one difference is what its interval says', () => {
    expect(verdictsOf([difference], 0.95)[0]).toMatchObject({ outcome: 'better' });
    expect(verdictsOf([{ ...difference, goal: 'minimize' }], 0.95)[0]).toMatchObject({ outcome: 'worse' });
    expect(verdictsOf([{ ...difference, goal: null }], 0.95)[0]).toMatchObject({ outcome: 'cannot tell', unitsNeeded: null });
  });

  it('of one among many is not', () => {
    const noise = { ...difference, value: 0.001 };
    const [first] = verdictsOf([difference, ...Array.from({ length: 9 }, () => noise)], 0.95);
    expect(first?.p).toBeLessThan(0.05);
    expect(first).toMatchObject({ outcome: 'cannot tell' });
  });

  it('counts the units that would tell: the error shrinks with their root', () => {
    const [verdict] = verdictsOf([{ ...difference, value: 0.01, error: 0.01 }], 0.95);
    // (1.96 + 0.84)² = 7.85 times as many.
    expect(verdict?.unitsNeeded).toBe(Math.ceil(500 * (1.959964 + 0.841621) ** 2));
  });

  it('within the margin is "not worse"', () => {
    expect(verdictsOf([{ ...difference, value: -0.001, margin: 0.02 }], 0.95)[0]?.outcome).toBe('not worse');
    expect(verdictsOf([{ ...difference, value: -0.01, margin: 0.02 }], 0.95)[0]?.outcome).toBe('cannot tell');
  });
});
