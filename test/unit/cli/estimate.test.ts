import { describe, expect, it } from 'vitest';
import { estimateSearch } from '../../../src/cli/estimate.ts';
import { replicatesBeyondBudget } from '../../../src/cli/estimates.ts';
import type { LedgerRow } from '../../../src/contract/ledger.ts';
import type { RunDocument } from '../../../src/contract/run-document.ts';

const PIPELINE = { pipeline: 'p', step: 'search', time: '2026-11-24T00:00:00Z' };

/** Trials of a run with these costs; an hour costs one. */
const trialsOf = (run: string, costs: readonly number[]): LedgerRow<'trials'>[] =>
  costs.map((cost, trial) => ({ ...PIPELINE, run, trial, cost, seconds: cost * 3600 }));
const runOf = (run: string, day = 1): Pick<LedgerRow<'runs'>, 'run' | 'started_at'> => ({
  run,
  started_at: `2026-11-${day + 10}T00:00:00Z`,
});
const SPEC = { trials: 20, parallel: 4, budget: {} };

describe('the estimate of a search', () => {
  it('is exact where every earlier trial was the same', () => {
    const estimate = estimateSearch('search', SPEC, trialsOf('a', [2, 2, 2]), [runOf('a')]);
    expect(estimate).toMatchObject({ trials: 20, earlierRuns: 1, earlierTrials: 3, cost: { low: 40, expected: 40, high: 40 } });
    expect(estimate?.elapsedSeconds.expected).toBe((20 / 4) * 2 * 3600);
  });

  it('covers the true cost of most further searches from the same distribution', () => {
    const costs = Array.from({ length: 60 }, (_, i) => 1 + ((i * 37) % 60) / 20);
    const mean = costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
    const estimate = estimateSearch('search', SPEC, trialsOf('a', costs), [runOf('a')]);
    const deviation = Math.sqrt(costs.reduce((sum, cost) => sum + (cost - mean) ** 2, 0) / costs.length) * Math.sqrt(SPEC.trials);
    // 1.645 standard deviations to either side hold 90 % of a sum.
    expect(estimate?.cost.expected).toBeCloseTo(mean * SPEC.trials, -0.5);
    expect(Math.abs((estimate?.cost.low ?? 0) - (mean * SPEC.trials - 1.645 * deviation))).toBeLessThan(deviation / 4);
    expect(Math.abs((estimate?.cost.high ?? 0) - (mean * SPEC.trials + 1.645 * deviation))).toBeLessThan(deviation / 4);
  });

  it('tells by its width how runs differ', () => {
    const estimate = estimateSearch('search', SPEC, [...trialsOf('a', [1, 1]), ...trialsOf('b', [3, 3])], [runOf('a'), runOf('b')]);
    // Two runs tell little of a third: it may well be beyond both.
    expect(estimate?.cost.low).toBeCloseTo(20 * Math.sqrt(3) * Math.sqrt(3) ** -Math.sqrt(3), 5);
    expect(estimate?.cost.high).toBeCloseTo(20 * Math.sqrt(3) * Math.sqrt(3) ** Math.sqrt(3), 5);
  });

  it('looks at the newest runs of the same place only, and at no more trials than the budget allows', () => {
    const runs = Array.from({ length: 12 }, (_, day) => runOf(`run-${day}`, day));
    const rows = [...runs.flatMap(({ run }, day) => trialsOf(run, day < 2 ? [100] : [1])), ...trialsOf('elsewhere', [100])];
    const estimate = estimateSearch('search', { ...SPEC, budget: { trials: 5 } }, rows, runs);
    expect(estimate).toMatchObject({ earlierRuns: 10, trials: 5, cost: { low: 5, high: 5 } });
  });

  it('has the replicates, each as long as what trained to its end, after all trials', () => {
    const rows = [
      ...trialsOf('a', [1, 1, 1]).map((row) => ({ ...row, status: 'stopped', objective: 0.1, objective_metric: 'm' })),
      {
        ...PIPELINE,
        run: 'a',
        trial: 3,
        cost: 5,
        seconds: 5 * 3600,
        status: 'succeeded',
        origin: 'replicate',
        objective: 0.9,
        objective_metric: 'm',
      },
    ];
    const spec = { ...SPEC, objective: { metric: 'm', goal: 'maximize' as const }, replicates: { seeds: 3, of: 4 } };
    expect(estimateSearch('search', spec, rows, [runOf('a')])).toMatchObject({
      ...{ trials: 20, replicates: 12, earlierTrials: 3, quality: { high: 0.1 } },
      ...{ cost: { low: 20 + 60, high: 20 + 60 }, elapsedSeconds: { expected: (5 + 15) * 3600 } },
    });
    // They count against the budget of trials; a search without them is not dearer for those of an earlier run.
    expect(estimateSearch('search', { ...spec, budget: { trials: 22 } }, rows, [runOf('a')])).toMatchObject({ trials: 20, replicates: 2 });
    expect(estimateSearch('search', SPEC, rows, [runOf('a')])).toMatchObject({ replicates: 0, cost: { low: 20, high: 20 } });
  });

  it.each([
    [undefined, []],
    [32, []],
    [
      26,
      [
        'search: budget.trials 26 has room for 6 of 12 replicates behind 20 trials, and the search pauses and asks there; 32 has room for all',
      ],
    ],
    [20, [expect.stringContaining('room for 0 of 12')]],
    [5, [expect.stringContaining('room for 0 of 12')]],
  ])('tells where the budget has no room for replicates: %s trials', (trials, told) => {
    const spec = { ...SPEC, kind: 'search', budget: trials === undefined ? {} : { trials }, replicates: { seeds: 3, of: 4 } };
    expect(replicatesBeyondBudget({ steps: [{ id: 'search', spec }] as unknown as RunDocument['steps'] })).toEqual(told);
    const without = { ...spec, replicates: undefined };
    expect(replicatesBeyondBudget({ steps: [{ id: 'search', spec: without }] as unknown as RunDocument['steps'] })).toEqual([]);
  });

  it('is none without an earlier run', () => {
    expect(estimateSearch('search', SPEC, [], [runOf('a')])).toBeNull();
    expect(estimateSearch('other', SPEC, trialsOf('a', [1]), [runOf('a')])).toBeNull();
    expect(estimateSearch('search', SPEC, [{ ...PIPELINE, run: 'a', trial: 0, seconds: 0, cost: 0 }], [runOf('a')])).toBeNull();
  });
});
