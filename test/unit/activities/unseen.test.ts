import { describe, expect, it } from 'vitest';
import { bootstrap, xoshiro128 } from '../../../activities/evaluation/bootstrap.ts';
import type { Series } from '../../../activities/evaluation/bootstrap.ts';
import { NOT_NEGATIVE, SHARE } from '../../../activities/evaluation/ranges.ts';
import { effectiveUnits, pairsUnseen, shareUnseen } from '../../../activities/evaluation/unseen.ts';
import { verdictsOf } from '../../../src/rules/significance.ts';

const UNITS = 40;
const OPTIONS = { samples: 200, seed: 3, confidence: 0.95 };
/** R: `binom.test(0, 40)$conf.int[2]`; scipy: `beta.ppf(0.975, 1, 40)`. */
const OF_40 = 0.0880973;

function seriesOf(of: (unit: number) => number, more: Partial<Series> = {}): Series {
  const units = Array.from({ length: UNITS }, (_, unit) => unit);
  return { bucket: units, sessions: units.map(() => 1), sums: { metric: units.map(of) }, ranges: { metric: SHARE }, ...more };
}

/** A binary test set, the first so many of which are positives, that a score has told apart without a mistake. */
function toldApart(positives: number, units: number): Series {
  const all = Array.from({ length: units }, (_, unit) => unit);
  const classes = [all.map((unit) => Number(unit < positives)), all.map((unit) => Number(unit >= positives))] as const;
  return {
    ...{ bucket: all, sessions: all.map(() => 1), sums: { auc: all.map(() => 1) }, ranges: { auc: SHARE } },
    ...{ shapes: { auc: 'first order' }, pairs: { auc: classes } },
  };
}

describe('what may be otherwise', () => {
  it.each([
    [10, 0.95, 0.3084971],
    [30, 0.95, 0.1157033],
    [40, 0.95, OF_40],
    [1000, 0.95, 0.003682084],
    // beta.ppf(0.95, 1, 50)
    [50, 0.9, 0.05815511],
  ])('of %d units, none of which was, is the exact bound at %d', (units, confidence, expected) => {
    expect(shareUnseen(units, confidence)).toBeCloseTo(expected, 7);
    // So seldom is nothing seen of as many.
    expect((1 - expected) ** units).toBeCloseTo((1 - confidence) / 2, 4);
  });

  // Roots of the quartic of Newcombe's method 5 by numpy.
  it.each([
    [15, 15, 0.8647582056],
    [10, 40, 0.8750697156],
    [20, 20, 0.8986681358],
    [100, 100, 0.9804489408],
    [5, 1000, 0.8098942052],
  ])('of the pairs of %d and %d, all in one order, is the bound by the score method', (positives, negatives, expected) => {
    expect(1 - pairsUnseen(positives, negatives, 0.95)).toBeCloseTo(expected, 8);
    expect(pairsUnseen(negatives, positives, 0.95)).toBeCloseTo(1 - expected, 8);
  });

  it('is that of as many units as unequal weights are worth', () => {
    expect(effectiveUnits(Array<number>(UNITS).fill(2.5), UNITS)).toBe(UNITS);
    // One of 11 beside nineteen of 1: 30² / (11² + 19).
    expect(effectiveUnits([11, ...Array<number>(19).fill(1)], 20)).toBeCloseTo(900 / 140, 1);
  });

  it.each([60_000, 400_000])('is that of all %d units, many of which share a bucket', (units) => {
    const random = xoshiro128(5);
    const [equal, unequal] = [Array<number>(1999).fill(0), Array<number>(1999).fill(0)];
    for (let unit = 0; unit < units; unit++) {
      const bucket = Math.floor(random() * 1999);
      equal[bucket] = (equal[bucket] ?? 0) + 1;
      unequal[bucket] = (unequal[bucket] ?? 0) + (unit % 2 === 0 ? 1 : 3);
    }
    expect(effectiveUnits(equal, units) / units).toBeGreaterThan(0.9);
    // (1 + 3)² / 2 / (1² + 3²)
    expect(effectiveUnits(unequal, units) / units / 0.8).toBeGreaterThan(0.9);
    expect(effectiveUnits(unequal, units) / units / 0.8).toBeLessThan(1.1);
  });
});

describe('where no draw differs', () => {
  it.each([
    ['of an accuracy or recall of 1', 1, SHARE, 1 - OF_40, 1],
    ['of a recall of 0', 0, SHARE, 0, OF_40],
    ['of a Brier score of 0, which may be 2', 0, [0, 2], 0, 2 * OF_40],
    ['of a lift of 10', 10, [0, 10], 10 - 10 * OF_40, 10],
    ['but for the last digits of a sum', 1 - 2 ** -53, SHARE, 1 - OF_40, 1],
  ] as const)('an interval %s is that of a proportion', async (_name, value, range, low, high) => {
    const found = (await bootstrap([seriesOf(() => value, { ranges: { metric: range } })], OPTIONS)).mean(0, 'metric');
    expect(found.low).toBeCloseTo(low, 6);
    expect(found.high).toBeCloseTo(high, 6);
  });

  it('an interval of an AUC of 1 or 0 knows how many positives and negatives there were', async () => {
    const zero = { ...toldApart(10, 50), sums: { auc: Array<number>(50).fill(0) } };
    const draws = await bootstrap([toldApart(10, 50), toldApart(25, 50), zero], OPTIONS);
    // How many of a class there are is estimated from buckets.
    expect(draws.mean(0, 'auc').low).toBeCloseTo(0.875, 2);
    expect(draws.mean(0, 'auc').high).toBe(1);
    expect(draws.mean(1, 'auc').low).toBeGreaterThan(0.9);
    expect(draws.mean(2, 'auc')).toMatchObject({ value: 0, low: 0 });
    expect(draws.mean(2, 'auc').high).toBeCloseTo(1 - 0.875, 2);
  });

  it('an interval rests on units, and not on their many sessions', async () => {
    const sessions = Array<number>(UNITS).fill(25);
    const series = seriesOf(() => 25, { sessions, units: UNITS });
    expect((await bootstrap([series], OPTIONS)).mean(0, 'metric').low).toBeCloseTo(1 - OF_40, 6);
  });

  it('a calibration error of 0 may be one to either side', async () => {
    const series = seriesOf(() => 0, { shapes: { metric: 'distance' } });
    const found = (await bootstrap([series], OPTIONS)).mean(0, 'metric');
    expect(found).toMatchObject({ value: 0, low: 0 });
    expect(found.high).toBeCloseTo(OF_40, 6);
  });

  it('two models without a mistake may differ, and neither is surely not worse', async () => {
    const draws = await bootstrap([seriesOf(() => 1), seriesOf(() => 1), seriesOf(() => 0)], OPTIONS);
    const same = draws.difference(0, 1, 'metric');
    expect([same.low, same.high]).toEqual([expect.closeTo(-OF_40, 6), expect.closeTo(OF_40, 6)]);
    const outcome = (difference: typeof same, margin: number): unknown =>
      verdictsOf([{ ...difference, units: UNITS, goal: 'maximize', margin }], 0.95)[0]?.outcome;
    expect([outcome(same, 0.05), outcome(same, 0.1)]).toEqual(['cannot tell', 'not worse']);
    // One that is right everywhere is better than one that is wrong everywhere.
    const better = draws.difference(0, 2, 'metric');
    expect([better.low, better.high]).toEqual([expect.closeTo(1 - 2 * OF_40, 6), 1]);
    expect(outcome(better, 0.05)).toBe('better');
  });

  it('two models that score alike elsewhere differ by nothing', async () => {
    const alike = (unit: number): number => (unit % 3) / 2;
    const draws = await bootstrap([seriesOf(alike), seriesOf(alike)], OPTIONS);
    expect(draws.difference(0, 1, 'metric')).toMatchObject({ value: 0, low: 0, high: 0 });
  });

  it.each([
    ['has no greatest value', 0, { ranges: { metric: NOT_NEGATIVE } }],
    ['cannot vary, as the AUC of a constant score', 0.5, { shapes: { metric: 'first order' } }],
    ['is a share of nobody knows what', 1, { shapes: { metric: 'first order' } }],
  ] as const)('there is none of a metric that %s: both bounds are the value', async (_name, value, more) => {
    expect((await bootstrap([seriesOf(() => value, more)], OPTIONS)).mean(0, 'metric')).toMatchObject({ value, low: value, high: value });
  });

  it('intervals hold a share near 1, of all test sets and of those without a mistake', async () => {
    const [tests, truth] = [400, 0.97];
    let [held, perfect] = [0, 0];
    for (let test = 0; test < tests; test++) {
      const random = xoshiro128(100 + test);
      const series = seriesOf(() => Number(random() < truth));
      const { value, low, high } = (await bootstrap([series], { ...OPTIONS, seed: test })).mean(0, 'metric');
      if (Number(low) <= truth && truth <= Number(high)) held += 1;
      if (value === 1) perfect += 1;
    }
    expect(perfect / tests).toBeGreaterThan(0.25);
    expect(held / tests).toBeGreaterThan(0.93);
  });
});
