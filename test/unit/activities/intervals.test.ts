import { describe, expect, it } from 'vitest';
import { bootstrap, xoshiro128 } from '../../../activities/evaluation/bootstrap.ts';
import type { Series } from '../../../activities/evaluation/bootstrap.ts';
import { rangesOf } from '../../../activities/evaluation/metric-sql.ts';
import { drawnInside, expanded, SHARE } from '../../../activities/evaluation/ranges.ts';
import type { Range } from '../../../activities/evaluation/ranges.ts';
import { quotientsOf } from '../../../activities/evaluation/score-sql.ts';
import { metricNames, RANKING_METRICS, TASK_METRICS } from '../../../src/contract/metrics.ts';

const UNITS = 40;
const OPTIONS = { samples: 400, seed: 3, confidence: 0.95 };

/** A series of so many units, each of which adds what `of` says. */
function seriesOf(of: (unit: number) => number, more: Partial<Series> = {}): Series {
  const units = Array.from({ length: UNITS }, (_, unit) => unit);
  return { bucket: units, sessions: units.map(() => 1), sums: { metric: units.map(of) }, ...more };
}

describe('an interval', () => {
  /** All but two of the units agree with the end; AUC's influences go beyond it. */
  const near: readonly (readonly [name: string, range: Range, of: (unit: number) => number, shape: 'first order' | 'plain'])[] = [
    ['of an AUC near 1', [0, 1], (unit) => (unit < 2 ? 0.3 : 1.02), 'first order'],
    ['of an AUC near 0', [0, 1], (unit) => (unit < 2 ? 0.7 : -0.02), 'first order'],
    ['of an accuracy near 1', [0, 1], (unit) => (unit < 1 ? 0 : 1), 'plain'],
    ['of a mean rank near 1', [1, Infinity], (unit) => (unit < 2 ? 3 : 1), 'plain'],
    ['of an error near 0', [0, Infinity], (unit) => (unit < 2 ? 5 : 0), 'plain'],
    ['of an R² near 1', [-Infinity, 1], (unit) => (unit < 2 ? -4 : 1), 'plain'],
    ['of a lift near 10', [0, 10], (unit) => (unit < 2 ? 2 : 10), 'plain'],
  ];
  it.each(near)('%s stays among the values that there are', async (_name, range, of, shape) => {
    const shaped = shape === 'plain' ? {} : { shapes: { metric: shape } };
    for (let seed = 0; seed < 20; seed++) {
      const draws = await bootstrap([seriesOf(of, { ranges: { metric: range }, ...shaped })], { ...OPTIONS, seed });
      const { value, low, high } = draws.mean(0, 'metric');
      expect(low).toBeGreaterThanOrEqual(range[0]);
      expect(high).toBeLessThanOrEqual(range[1]);
      expect(low).toBeLessThan(value);
      expect(high).toBeGreaterThan(value);
      // It is no shorter for it: what would pass the end comes closer to it, the other side goes further.
      const plain = await bootstrap([seriesOf(of)], { ...OPTIONS, seed });
      const other = plain.mean(0, 'metric');
      expect(Number(high) - Number(low)).toBeGreaterThan(0.6 * (Number(other.high) - Number(other.low)));
    }
  });

  it('of a metric far from its ends is the plain one', async () => {
    const random = xoshiro128(11);
    const values = Array.from({ length: UNITS }, () => 0.4 + 0.2 * random());
    const of = (unit: number): number => values[unit] ?? 0;
    for (const shapes of [{}, { shapes: { metric: 'first order' } } as const]) {
      const draws = await bootstrap([seriesOf(of), seriesOf(of, { ranges: { metric: SHARE }, ...shapes })], OPTIONS);
      const [plain, ranged] = [draws.mean(0, 'metric'), draws.mean(1, 'metric')];
      expect(ranged.value).toBe(plain.value);
      expect(ranged.low).toBeCloseTo(Number(plain.low), 3);
      expect(ranged.high).toBeCloseTo(Number(plain.high), 3);
    }
  });

  it('of a difference stays between the greatest ones', async () => {
    const series = [
      seriesOf((unit) => (unit < 1 ? 0 : 1), { ranges: { metric: SHARE } }),
      seriesOf((unit) => (unit < 1 ? 1 : 0), { ranges: { metric: SHARE } }),
    ];
    const { low, high } = (await bootstrap(series, OPTIONS)).difference(0, 1, 'metric');
    expect(high).toBeLessThanOrEqual(1);
    expect(low).toBeLessThan(0.95);
  });
});

describe('a distance from the calibrated', () => {
  it.each([0, 0.005, 0.02])('is never negative, and holds its value: %d', async (shift) => {
    const of = (unit: number): number => shift + (unit % 2 === 0 ? 0.5 : -0.5);
    const series = seriesOf(of, { ranges: { metric: SHARE }, shapes: { metric: 'distance' } });
    const { value, low, high } = (await bootstrap([series], OPTIONS)).mean(0, 'metric');
    expect(low).toBe(0);
    expect(high).toBeGreaterThan(value + 0.05);
  });

  it('far from zero has the plain interval', async () => {
    const of = (unit: number): number => 0.4 + (unit % 2 === 0 ? 0.1 : -0.1);
    const series = seriesOf(of, { ranges: { metric: SHARE }, shapes: { metric: 'distance' } });
    const draws = await bootstrap([series, seriesOf(of)], OPTIONS);
    expect(draws.mean(0, 'metric').low).toBeCloseTo(Number(draws.mean(1, 'metric').low), 3);
    expect(draws.mean(0, 'metric').high).toBeCloseTo(Number(draws.mean(1, 'metric').high), 3);
  });
});

describe('the ends of a metric', () => {
  const of = { scorers: [{ scorer: 'model', alias: 'scores', scores: { a: 'p', b: 'q' } }], quantile: 0.9, scale: 'scale' };
  const input = { ...of, label: 'y', labelType: 'INT64', unit: 'u', segments: [] };
  it.each(Object.keys(TASK_METRICS) as (keyof typeof TASK_METRICS)[])('are known of every metric of %s', (task) => {
    const quotients = quotientsOf({ ...input, task });
    for (const name of Object.keys(TASK_METRICS[task])) expect(quotients[name]?.range.some(Number.isFinite), name).toBe(true);
  });

  it('are known of every metric of a ranking', () => {
    const names = metricNames([3], RANKING_METRICS);
    for (const weighted of [false, true])
      for (const [name, range] of Object.entries(rangesOf(names, weighted))) expect(range.some(Number.isFinite), name).toBe(true);
  });

  it('are where a draw and a bound come closer to without end', () => {
    expect(drawnInside(0.97, 1.2, SHARE)).toBeLessThan(1);
    expect(drawnInside(0.97, 1.2, SHARE)).toBeGreaterThan(drawnInside(0.97, 1.1, SHARE));
    expect(drawnInside(0.97, 0.96, SHARE)).toBeCloseTo(0.96, 2);
    expect(expanded(0.97, 1, 1.1, SHARE)).toBe(1);
    expect(expanded(5, 6, 2, [-Infinity, Infinity])).toBe(7);
  });
});
