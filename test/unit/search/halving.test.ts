import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HalvingScheduler } from '../../../src/contract/search-space.ts';
import {
  bestWithoutMachine,
  bracketOfTrial,
  deservesMachine,
  expectedValue,
  lastPromotion,
  levelsOf,
  nextLevel,
  nextWithoutMachine,
  promotion,
  type Field,
  type HalvingTrial,
  type Rungs,
  type Trained,
} from '../../../src/rules/halving.ts';

const rungsOf = (more: object = {}, end: number | null = 27): Rungs => ({
  scheduler: HalvingScheduler.parse({ kind: 'asha', min: 1, factor: 3, ...more }),
  end,
});
/** Trials by what they had at each rung; the ones named run or are over. */
const field = (
  values: readonly (readonly (number | null)[])[],
  more: Partial<Field> = {},
  states: Readonly<Record<number, HalvingTrial['state']>> = {},
): Field => ({
  trials: values.map((own, trial) => ({
    trial,
    bracket: 0,
    values: own,
    expected: own,
    state: states[trial] ?? (own.length > 0 ? 'held' : 'going'),
  })),
  goal: 'maximize',
  complete: false,
  ...more,
});

describe('rungs', () => {
  it('are as far as the factor says, and none at the end of training', () => {
    expect(levelsOf(rungsOf({ min: 1, factor: 3 }), 0)).toEqual([1, 3, 9]);
    expect(levelsOf(rungsOf({ min: 2, factor: 2, max: 12 }, null), 0)).toEqual([2, 4, 8]);
    expect(levelsOf(rungsOf(), 1)).toEqual([3, 9]);
    // Where it is not said: at an eighth of training.
    expect(levelsOf(rungsOf({ min: undefined, factor: 2 }, 16), 0)).toEqual([2, 4, 8]);
    expect(levelsOf(rungsOf({ min: undefined, factor: 2 }, 3), 0)).toEqual([1, 2]);
    expect(levelsOf(rungsOf({ min: undefined, factor: 2 }, null), 0)[0]).toBe(1);
    expect(nextLevel(rungsOf(), 0, 2)).toBe(9);
    expect(nextLevel(rungsOf(), 0, 3)).toBeNull();
  });

  it('begin later in the further brackets of Hyperband alone', () => {
    const hyperband = rungsOf({ kind: 'hyperband' });
    const brackets = Array.from({ length: 60 }, (_, trial) => bracketOfTrial(hyperband, 's', trial));
    expect([...new Set(brackets)].sort()).toEqual([0, 1, 2, 3]);
    expect(bracketOfTrial(rungsOf(), 's', 7)).toBe(0);
  });
});

describe('promotion', () => {
  it('lets the best of a rung go on once it is among the best share', () => {
    const rungs = rungsOf({ factor: 3 });
    expect(promotion(rungs, field([[0.2], [0.9]]))).toBeNull();
    expect(promotion(rungs, field([[0.2], [0.9], [0.5]]))).toEqual({ trial: 1, reason: 'number 1 of 3 at rung 0' });
    // It went on: one of three is enough.
    expect(promotion(rungs, field([[0.2], [0.9], [0.5]], {}, { 1: 'going' }))).toBeNull();
    expect(promotion(rungs, field([[0.2], [0.9], [0.5], [0.6], [0.1], [0.3]], {}, { 1: 'going' }))?.trial).toBe(3);
  });

  it('prefers the highest rung, and goes by the direction of the objective', () => {
    const values = [[0.9, 0.9], [0.8, 0.95], [0.7, 0.8], [0.6], [0.5], [0.4]];
    expect(promotion(rungsOf({ factor: 3 }), field(values))).toEqual({ trial: 1, reason: 'number 1 of 3 at rung 1' });
    expect(promotion(rungsOf({ factor: 3 }), field([[3], [1], [2]], { goal: 'minimize' }))?.trial).toBe(1);
  });

  it('waits until half of the trials that a rung will see have reached it, where it is known how many there will be', () => {
    const rungs = rungsOf({ factor: 2 });
    const three = [[0.2], [0.9], [0.5]];
    expect(promotion(rungs, field(three, { planned: 8 }))).toBeNull();
    expect(promotion(rungs, field([...three, [0.1]], { planned: 8 }))?.trial).toBe(1);
    // A rung further on sees half as many.
    const further = [[0.2, 0.3], [0.9, 0.9], [0.5], [0.4]];
    expect(promotion(rungs, field(further, { planned: 8 }, { 0: 'going' }))?.trial).toBe(1);
    // None is to come: what there is, is all.
    expect(promotion(rungs, field(three, { planned: 8, complete: true }))?.trial).toBe(1);
    // A bracket sees its share.
    const brackets = field([...three, [0.1]], { planned: 12 });
    const divided = {
      ...brackets,
      trials: [...brackets.trials, { ...field([[0.3], [0.4]]).trials[0], trial: 4, bracket: 1 } as HalvingTrial],
    };
    expect(promotion(rungs, divided)).toBeNull();
  });

  it('takes what is no number for the poorest', () => {
    expect(promotion(rungsOf({ factor: 2 }), field([[null], [0.1]]))?.trial).toBe(1);
  });

  it('waits for all of a rung where it is synchronous', () => {
    const rungs = rungsOf({ kind: 'sync-halving', factor: 3 });
    const all = field([[0.2], [0.9], [0.5]]);
    expect(promotion(rungs, all)).toBeNull();
    expect(promotion(rungs, { ...all, complete: true })?.trial).toBe(1);
    expect(promotion(rungs, field([[0.2], [0.9], [0.5], []], { complete: true }))).toBeNull();
    // One that failed before the rung does not hold the others up.
    expect(promotion(rungs, field([[0.2], [0.9], [0.5], []], { complete: true }, { 3: 'over' }))?.trial).toBe(1);
  });

  it('ends with the best trial trained to its end', () => {
    const held = field([[0.2], [0.9], [0.5]], { complete: true });
    expect(lastPromotion(held, [])?.trial).toBe(1);
    expect(lastPromotion(held, [0.7])?.trial).toBe(1);
    expect(lastPromotion(held, [0.9])).toBeNull();
    expect(lastPromotion(field([[null]], { complete: true }), [null])).toBeNull();
  });

  it('is of those that keep to the constraints first, and of the others where too few do', () => {
    const breaking = (values: number[], ...broken: number[]): Field => {
      const all = field(
        values.map((value) => [value]),
        { complete: true },
      );
      return { ...all, trials: all.trials.map((trial) => (broken.includes(trial.trial) ? { ...trial, breaks: true } : trial)) };
    };
    const rungs = rungsOf({ factor: 2 });
    expect(promotion(rungs, breaking([0.2, 0.9, 0.8, 0.5], 1, 2))?.trial).toBe(3);
    expect(promotion(rungs, breaking([0.2, 0.9, 0.8, 0.5], 0, 1, 2, 3))?.trial).toBe(1);
    expect(lastPromotion(breaking([0.2, 0.9, 0.5], 1), [])?.trial).toBe(2);
    // None that breaks them is trained to its end beside one that may be the best.
    expect(lastPromotion(breaking([0.9], 0), [0.1])).toBeNull();
    expect(lastPromotion(breaking([0.9], 0), [])?.trial).toBe(0);
  });

  it('is of a held trial that is among the best share of its rung, and of none where a better one waits there', () => {
    const own = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 0, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(own, { maxLength: 30 }), fc.integer({ min: 2, max: 4 }), (values, factor) => {
        const made = field(values);
        const found = promotion(rungsOf({ factor }), made);
        if (!found) return;
        const trial = made.trials[found.trial];
        expect(trial?.state).toBe('held');
        const rung = (trial?.values.length ?? 0) - 1;
        const at = made.trials.filter((one) => one.values.length > rung);
        const better = at.filter((one) => (one.values[rung] ?? 0) > (trial?.values[rung] ?? 0));
        expect(better.length).toBeLessThan(Math.floor(at.length / factor));
        expect(better.every((one) => one.values.length > rung + 1)).toBe(true);
      }),
    );
  });

  it('credits a trial that still rises with half of the way to the next rung', () => {
    expect(expectedValue([0.5], 'maximize', 2)).toBe(0.5);
    expect(expectedValue([null, 0.5], 'maximize', 2)).toBe(0.5);
    expect(expectedValue([0.5, 0.5, 0.5, 0.5], 'maximize', 2)).toBe(0.5);
    // 0.2 for each doubling.
    expect(expectedValue([0.2, 0.4, 0.5, 0.6], 'maximize', 2)).toBeCloseTo(0.7);
    expect(expectedValue([0.8, 0.6, 0.5, 0.4], 'minimize', 4)).toBeCloseTo(0.2);
    expect(expectedValue([null, null], 'minimize', 4)).toBeNull();
  });
});

describe('a trial whose machine went', () => {
  const of = (...curves: readonly (readonly (number | null)[])[]): Trained[] =>
    curves.map((curve, trial) => ({ trial, curve, rungs: 0, waits: true }));
  const deserves = (trial: number, trials: Trained[], goal: 'maximize' | 'minimize' = 'maximize'): boolean =>
    deservesMachine(trials[trial] ?? { trial, curve: [], rungs: 0, waits: true }, trials, goal, 2);

  it.each([
    ['has no point yet', of([], [0.9, 0.9]), 0, true],
    ['is the farthest', of([0.1, 0.2, 0.3], [0.1, 0.2]), 0, true],
    ['is the farthest, while one that waits is better already', of([0.1, 0.2, 0.3], [0.9, 0.9]), 0, false],
    ['is the best as far', of([0.8], [0.7, 0.95], [0.1]), 0, true],
    ['is beaten as far, whatever the others had later', of([0.7], [0.8, 0.1], [0.1]), 0, false],
    ['is in the best quarter', of([0.8], [0.9], [0.1], [0.2], [0.3], [0.4], [0.1], [0.2]), 0, true],
    ['is behind the best quarter', of([0.8], [0.9], [0.1], [0.2], [0.3], [0.4], [0.1]), 0, false],
    ['is equal to an earlier one', of([0.5], [0.5]), 1, false],
    ['has no number', of([0.1], [null]), 1, false],
  ])('%s', (_, trials, trial, expected) => {
    expect(deserves(trial, trials)).toBe(expected);
  });

  it('goes on where a rung of the scheduler let it through, or where those that are better have machines', () => {
    const trials = of([0.1, 0.2], [0.9]);
    expect(deserves(0, trials)).toBe(false);
    expect(deserves(0, trials.map((one) => ({ ...one, rungs: 1 })))).toBe(true); // prettier-ignore
    expect(deserves(0, trials.map((one) => ({ ...one, waits: false })))).toBe(true); // prettier-ignore
  });

  it('comes after those that keep to the constraints where it breaks them', () => {
    const trials = of([0.9, 0.9], [0.3, 0.3], [0.2]).map((one) => ({ ...one, breaks: one.trial === 0 }));
    expect([0, 1].map((trial) => deserves(trial, trials))).toEqual([false, true]);
    expect(bestWithoutMachine(trials, 'maximize', 2)?.trial).toBe(1);
  });

  it('is compared in the direction of the objective', () => {
    expect([0, 1].map((trial) => deserves(trial, of([0.2], [0.8]), 'minimize'))).toEqual([true, false]);
  });

  it('goes before others the farther it is, and without others the better it is', () => {
    const trials = of([0.9, 0.9, 0.9], [0.9, 0.9], [0.1, 0.1, 0.1, 0.1], [0.2]);
    const [best, young, , poor] = trials as [Trained, Trained, Trained, Trained];
    expect(nextWithoutMachine([young, best], trials.slice(0, 1), 'maximize', 2)).toBe(best);
    expect(nextWithoutMachine([poor], trials, 'maximize', 2)).toBeNull();
    expect(bestWithoutMachine([poor, young], 'maximize', 2)).toBe(young);
    expect(bestWithoutMachine([], 'maximize', 2)).toBeNull();
  });

  it('is never one of which nobody goes on: of those that wait and were trained as far as any, the best deserves it', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }), (values) => {
        const trials = of(...values.map((value) => [value]));
        expect(nextWithoutMachine(trials, trials, 'maximize', 2)).not.toBeNull();
      }),
    );
  });
});
