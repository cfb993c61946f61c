import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeFaults, inOne, scheduleOf, type Schedule } from './schedule.ts';
import { ChaosSuite } from './suite.ts';
import { replayCommand } from './verdict.ts';

/** Of a seed, or of several in one run. */
export const short = (...seeds: readonly number[]): Schedule => inOne(seeds.map((seed) => scheduleOf(seed, { mostFaults: 4 })));

export const seeds = ({ first, last }: { readonly first: number; readonly last: number }): Schedule[] =>
  Array.from({ length: last - first + 1 }, (_, at) => short(first + at));

/** Schedules in a world of their own. Worlds mostly wait for what they broke, so test files run side by side. */
export function survive(schedules: readonly Schedule[]): void {
  describe('a run under random faults ends as if nothing had happened', () => {
    let suite: ChaosSuite;
    beforeAll(async () => {
      suite = await ChaosSuite.open();
    });
    afterAll(async () => {
      await suite.close();
    });

    it.each(schedules.map((one) => [describeFaults(one.faults), one] as const))('%s', async (_name, schedule) => {
      const verdict = await suite.judge(schedule);
      expect(verdict.problems, replayCommand(verdict)).toEqual([]);
    });
  });
}
