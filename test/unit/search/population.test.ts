import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Space } from '../../../src/contract/search-space.ts';
import { explored, suggested } from '../../../src/rules/exploration.ts';
import { atSameEnd, exploits, type Member } from '../../../src/rules/population.ts';
import { isActive, setProblems } from '../../../src/rules/space-problems.ts';

const member = (trial: number, value: number | null, more: Partial<Member> = {}): Member => ({
  trial,
  generation: 2,
  value,
  allowed: true,
  kept: false,
  ...more,
});
const objective = { metric: 'loss', goal: 'minimize' } as const;
const quarter = { quantile_fraction: 0.25 };

describe('who is replaced in a population', () => {
  const eight = [0.5, 0.1, 0.9, 0.4, 0.8, 0.2, 0.6, 0.3].map((value, trial) => member(trial, value));

  it('replaces the poorest quantile by forks of the best one', () => {
    const found = exploits(eight, quarter, objective, 1);
    expect(found.map(({ poor }) => poor)).toEqual([4, 2]);
    expect(found.every(({ parent }) => [1, 5].includes(parent))).toBe(true);
    expect(found[1]?.reason).toBe('number 8 of 8 after 2 intervals');
  });

  it('draws parents from the seed alone, and each of the best sometimes', () => {
    expect(exploits([...eight].reverse(), quarter, objective, 1)).toEqual(exploits(eight, quarter, objective, 1));
    const parents = Array.from({ length: 40 }, (_, seed) => exploits(eight, quarter, objective, seed)[0]?.parent);
    expect(new Set(parents)).toEqual(new Set([1, 5]));
  });

  it('forks from nobody who is no better, has no number, or breaks a constraint', () => {
    expect(exploits([member(0, 0.5), member(1, 0.5)], quarter, objective, 1)).toEqual([]);
    expect(exploits([member(0, null), member(1, null)], quarter, objective, 1)).toEqual([]);
    const found = exploits([member(0, 0.1, { allowed: false }), member(1, 0.5), member(2, 0.6), member(3, 0.7)], quarter, objective, 1);
    expect(found).toMatchObject([{ poor: 0, parent: 1 }]);
  });

  it('lets live what a person keeps', () => {
    expect(exploits([member(0, 0.1), member(1, 0.5, { kept: true })], { quantile_fraction: 0.5 }, objective, 1)).toEqual([]);
  });

  it('never replaces more than half, nor forks from who ends', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.double({ noNaN: true })), { maxLength: 30 }), fc.double({ min: 0.01, max: 0.5 }), (values, q) => {
        const found = exploits(
          values.map((value, trial) => member(trial, value)),
          { quantile_fraction: q },
          objective,
          7,
        );
        const poor = new Set(found.map((one) => one.poor));
        expect(found.length).toBeLessThanOrEqual(values.length / 2);
        expect(found.some(({ parent }) => poor.has(parent))).toBe(false);
      }),
    );
  });

  it('compares only who has trained as much', () => {
    const found = atSameEnd([member(0, 0.1), member(1, 0.2, { generation: 1 }), member(2, 0.3)]);
    expect(found.map(({ trial }) => trial)).toEqual([1]);
  });
});

describe('hyper-parameters of a fork', () => {
  const space: Space = {
    rate: { type: 'float', low: 1e-4, high: 1e-1, log: true },
    dropout: { type: 'float', low: 0, high: 0.8, log: false, step: 0.1 },
    batch: { type: 'int', low: 1, high: 512, log: false },
    width: { type: 'categorical', choices: [64, 16, 32] },
    kind: { type: 'categorical', choices: ['a', 'b'] },
    momentum: { type: 'float', low: 0, high: 1, log: false, when: { parameter: 'kind', in: ['b'] } },
  };
  const parent = { rate: 0.01, dropout: 0.1, batch: 3, width: 32, kind: 'a' };
  const perturb = { explore: 'perturb', perturbation_factors: [0.8, 1.2], resample_probability: 0 } as const;
  const forkOf = (seed: number, scheduler: object = {}, constraints: string[] = []): Record<string, unknown> =>
    explored(parent, { space, constraints, scheduler: { ...perturb, ...scheduler }, seed });
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);

  it('multiplies numbers, moves at least one step, and goes to a neighbour among choices that have an order', () => {
    const values = (name: string): unknown[] => [...new Set(seeds.map((seed) => forkOf(seed)[name]))].sort();
    expect(values('rate')).toEqual([0.008, 0.012]);
    expect(values('dropout')).toEqual([0, 0.2]);
    expect(values('batch')).toEqual([2, 4]);
    expect(values('width')).toEqual([16, 64]);
    expect(values('kind')).toEqual(['a']);
  });

  it('stays in the space and keeps to its constraints and conditions, however it explores', () => {
    for (const explore of ['perturb', 'resample'] as const)
      for (const seed of seeds) {
        const set = forkOf(seed, { explore, resample_probability: 0.5 }, ['batch - 400']) as typeof parent;
        expect(setProblems(space, {}, set)).toEqual([]);
        expect(set.batch).toBeLessThanOrEqual(400);
        expect('momentum' in set).toBe(isActive(space, 'momentum', set));
      }
  });

  it('leaves alone what is not to be changed', () => {
    for (const seed of seeds)
      expect(forkOf(seed, { explore: 'resample', mutate: ['rate'] })).toMatchObject({ ...parent, rate: expect.any(Number) as number });
    const asked = { space, constraints: [], scheduler: { ...perturb, mutate: ['rate', 'kind'] }, seed: 3 };
    const set = suggested(parent, { rate: 0.05, kind: 'b', width: 16 }, asked);
    expect(set).toMatchObject({ ...parent, rate: 0.05, kind: 'b', width: 32, momentum: expect.any(Number) as number });
  });
});
