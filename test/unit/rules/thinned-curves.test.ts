import { describe, expect, it } from 'vitest';
import { redrawn, thinned } from '../../../src/rules/thinned-curves.ts';

/** Falls as a loss does, with a little noise. */
const loss = (length: number): number[] =>
  Array.from({ length }, (_, i) => Math.fround(1 / (1 + i / 20) + ((i * 7919) % 97) / 9700)).map((value) => Number(value.toPrecision(9)));
const kept = (curve: ReturnType<typeof thinned>): number => ('values' in curve && 'n' in curve ? curve.values.length : curve.length);

describe('a thinned curve', () => {
  it('is the curve itself while it is short', () => {
    expect(thinned(loss(20), 20)).toEqual(loss(20));
  });

  it.each([
    [100, 8],
    [720, 12],
    [720, 66],
    [5000, 40],
  ])('of %i points keeps %i at most, the newest and the extremes as they were', (length, most) => {
    const curve = loss(length);
    const thin = thinned(curve, most);
    expect(kept(thin)).toBeLessThanOrEqual(most);
    const again = redrawn(thin);
    expect(again).toHaveLength(length);
    expect([again.at(-1), again.at(-2)]).toEqual([curve.at(-1), curve.at(-2)]);
    expect(Math.min(...again.map(Number))).toBeCloseTo(Math.min(...curve), 8);
    expect(Math.max(...again.map(Number))).toBeCloseTo(Math.max(...curve), 8);
  });

  it('keeps the steps at which trials are compared', () => {
    const rungs = [1, 4, 16, 64, 256];
    const curve = loss(720);
    const again = redrawn(thinned(curve, 16, rungs));
    expect(rungs.map((step) => again[step - 1])).toEqual(rungs.map((step) => curve[step - 1]));
  });

  it('lies near the curve in between', () => {
    const curve = loss(720);
    const worst = redrawn(thinned(curve, 66)).reduce<number>(
      (most, value, i) => Math.max(most, Math.abs(Number(value) - Number(curve[i]))),
      0,
    );
    expect(worst).toBeLessThan(0.02);
  });

  it('says where the last value was not a number, and makes no number of such ones', () => {
    const curve = [...loss(200), null, null];
    expect(redrawn(thinned(curve, 10)).at(-1)).toBeNull();
    expect(
      redrawn(
        thinned(
          Array.from({ length: 50 }, () => null),
          6,
        ),
      ),
    ).toEqual(Array.from({ length: 50 }, () => null));
  });

  it('does not change when it is thinned again', () => {
    const once = redrawn(thinned(loss(720), 20));
    expect(redrawn(thinned(once, 20))).toEqual(once);
  });
});
