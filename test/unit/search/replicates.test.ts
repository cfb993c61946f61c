import { describe, expect, it } from 'vitest';
import type { TrialStatus } from '../../../src/contract/state.ts';
import { distributionOfT, finalistsOf, groupsOf, replicated, type ReplicateEnd } from '../../../src/rules/replicates.ts';

const UP = { metric: 'm', goal: 'maximize' } as const;
const DOWN = { metric: 'm', goal: 'minimize' } as const;

describe('finalists', () => {
  it('are the best by their own values, of equal ones the earliest', () => {
    const candidates = [0.2, 0.9, null, 0.9, 0.5].map((value, trial) => ({ trial, values: [value] }));
    expect(finalistsOf(candidates, UP, 3)).toEqual([1, 3, 4]);
    expect(finalistsOf(candidates, DOWN, 2)).toEqual([0, 4]);
  });
});

describe('replicates', () => {
  it('choose by the mean, with an interval of the variance of all', () => {
    const found = replicated(
      [
        { trial: 4, values: [0.8, 0.9, 1] },
        { trial: 7, values: [0.7, 1.3, 1] },
      ],
      UP,
    );
    expect(found?.finalists.map(({ trial }) => trial)).toEqual([7, 4]);
    // Pooled variance (0.02 + 0.18) / 4; t of 4 degrees at 97.5 % is 2.776.
    expect(found?.finalists[1]?.high).toBeCloseTo(0.9 + 2.776 * Math.sqrt(0.05 / 3), 3);
    expect(
      replicated(
        [
          { trial: 4, values: [2, 3] },
          { trial: 7, values: [1, 2] },
        ],
        DOWN,
      )?.finalists[0]?.trial,
    ).toBe(7);
  });

  it('say how sure the order is', () => {
    const sure = (shift: number): number | null =>
      replicated(
        [
          { trial: 0, values: [1, 2, 3] },
          { trial: 1, values: [1 - shift, 2 - shift, 3 - shift] },
        ],
        UP,
      )?.sure ?? null;
    expect(sure(0)).toBeCloseTo(0.5);
    expect(sure(1)).toBeGreaterThan(0.8);
    expect(sure(9)).toBeGreaterThan(0.999);
    expect(replicated([{ trial: 0, values: [1, 2] }], UP)?.sure).toBeNull();
    expect(replicated([{ trial: 0, values: [] }], UP)).toBeNull();
    // Of one value each nobody knows how much they vary.
    expect(
      replicated(
        [
          { trial: 0, values: [1] },
          { trial: 1, values: [2] },
        ],
        UP,
      ),
    ).toMatchObject({ sure: 0.5, finalists: [{ low: null, high: null }, {}] });
  });

  it('count where they trained to their ends, and put who diverges last', () => {
    const end = (
      finalist: number,
      objective: number | null,
      status: TrialStatus = 'succeeded',
      reason: string | null = null,
    ): ReplicateEnd => ({
      ...{ finalist, objective, status, reason },
    });
    const groups = groupsOf([
      end(3, 0.9),
      end(3, null, 'stopped', 'diverged: m is not a number'),
      end(3, 0.8),
      end(5, 0.6),
      end(5, 0.2, 'stopped', 'it was promised to be over by friday'),
      end(5, null, 'failed', 'no machine'),
      end(8, 0.1, 'stopped', 'stopped'),
    ]);
    expect(groups).toEqual([
      { trial: 3, values: [0.9, 0.8], diverged: 1 },
      { trial: 5, values: [0.6] },
      { trial: 8, values: [] },
    ]);
    const found = replicated(groups, UP);
    expect(found?.finalists.map(({ trial, mean }) => [trial, mean])).toEqual([
      [5, 0.6],
      [3, expect.closeTo(0.85) as number],
    ]);
    // Which is no matter of means.
    expect(found?.sure).toBeNull();
  });

  it.each([
    [1, 1, 0.75],
    [2.776, 4, 0.975],
    [1.6456, 2000, 0.95],
  ])('t = %s with %s degrees is at %s', (t, freedom, share) => {
    expect(distributionOfT(t, freedom)).toBeCloseTo(share, 3);
  });
});
