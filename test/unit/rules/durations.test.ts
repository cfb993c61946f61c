import { afterEach, describe, expect, it } from 'vitest';
import { factorPlayed, GRACES, playFaster, WAITS } from '../../../src/rules/durations.ts';
import { fruitlessPauseSeconds } from '../../../src/rules/fruitless.ts';

describe('durations', () => {
  afterEach(() => playFaster());

  it('are as they stand where nothing is played faster', () => {
    expect(WAITS.capacityRenewedSeconds).toBe(3600);
    playFaster(1);
    expect(WAITS.foreignRetryLongestMs).toBe(60_000);
  });

  it('divides waits, in every rule that goes by them, and no grace', () => {
    const [grace, request] = [GRACES.processGraceSeconds, GRACES.apiAnswerMs];
    playFaster(720);
    expect(WAITS.capacityRenewedSeconds).toBe(3600 / 720);
    expect(fruitlessPauseSeconds(90)).toBe(600 / 720);
    expect([GRACES.processGraceSeconds, GRACES.apiAnswerMs]).toEqual([grace, request]);
  });

  it('looks for nothing more often than a machine can bear, and for nothing less often than without', () => {
    playFaster(100_000);
    expect(WAITS.recordsLookFirstMs).toBe(50);
    expect(WAITS.pointsGatheredShortestSeconds).toBe(0.05);
    expect(WAITS.removalLookFirstMs).toBe(50);
  });

  it.each([Number.NaN, 0, -3, 0.5])('plays nothing faster by %s', (factor) => {
    playFaster(factor);
    expect(factorPlayed()).toBe(1);
  });
});
