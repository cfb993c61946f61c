import { describe, expect, it } from 'vitest';
import type { Objective } from '../../../src/contract/search-space.ts';
import { brokenConstraints, kneeOf, type Candidate, violations } from '../../../src/rules/best-trials.ts';

const OBJECTIVES: readonly Objective[] = [
  { metric: 'quality', goal: 'maximize' },
  { metric: 'latency', goal: 'minimize' },
];
const trials = (...values: (readonly (number | null)[])[]): Candidate[] => values.map((own, trial) => ({ trial, values: own }));

describe('constraints on measured metrics', () => {
  it('are broken by what is beyond them, and by what was not measured', () => {
    const constraints = [
      { metric: 'latency', max: 10 },
      { metric: 'offline.recall', min: 0.5, max: 0.9 },
    ];
    expect(brokenConstraints(constraints, { latency: 10 }, { recall: 0.5 })).toEqual([]);
    expect(brokenConstraints(constraints, { latency: 12.5 }, { recall: 0.4 })).toEqual([
      'latency 12.5 is above 10',
      'offline.recall 0.4 is below 0.5',
    ]);
    expect(brokenConstraints(constraints, { latency: null, recall: 0.6 }, {})).toEqual([
      'latency was not measured',
      'offline.recall was not measured',
    ]);
  });
});

describe('the knee of a front', () => {
  it('is where more of the one begins to cost much of the other, whatever their units', () => {
    const front = [
      [0.5, 100],
      [0.9, 120],
      [0.92, 600],
      [0.93, 1000],
    ];
    expect(kneeOf(trials(...front), OBJECTIVES)).toBe(1);
    expect(kneeOf(trials(...front.map(([quality = 0, latency = 0]) => [quality * 1000, latency / 7])), OBJECTIVES)).toBe(1);
  });

  it('is none of few, and never a trial that another one beats', () => {
    expect(kneeOf(trials([0.5, 100], [0.9, 120]), OBJECTIVES)).toBeNull();
    expect(kneeOf(trials([0.9, 121], [0.5, 100], [0.9, 120], [0.95, 900], [null, 1]), OBJECTIVES)).toBe(2);
  });
});

describe('what the sampler hears of constraints', () => {
  it('is how far beyond its bound a metric is, of the bound', () => {
    const constraints = [
      { metric: 'latency_ms', max: 20 },
      { metric: 'offline.recall', min: 0.5, max: 0.9 },
      { metric: 'drift', max: 0 },
    ];
    expect(violations(constraints, { latency_ms: 30, drift: -0.1 }, { recall: 0.4 })).toEqual({
      'latency_ms at most': 0.5,
      'offline.recall at most': expect.closeTo(-0.5556, 3) as number,
      'offline.recall at least': expect.closeTo(0.2, 9) as number,
      'drift at most': -0.1,
    });
    expect(violations(constraints.slice(0, 1), {}, {})).toEqual({ 'latency_ms at most': 1 });
  });
});
