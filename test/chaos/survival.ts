import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeFaults, scheduleOf } from './schedule.ts';
import { ChaosSuite } from './suite.ts';
import { replayCommand } from './verdict.ts';

/** Short schedules in a world of their own. Worlds mostly wait for what they broke, so test files run side by side. */
export function survive(seeds: { readonly first: number; readonly last: number }): void {
  describe('a run under random faults ends as if nothing had happened', () => {
    let suite: ChaosSuite;
    beforeAll(async () => {
      suite = await ChaosSuite.open();
    });
    afterAll(async () => {
      await suite.close();
    });

    const schedules = Array.from({ length: seeds.last - seeds.first + 1 }, (_, at) => scheduleOf(seeds.first + at, { mostFaults: 4 }));
    it.each(schedules.map((one) => [describeFaults(one.faults), one] as const))('%s', async (_name, schedule) => {
      const verdict = await suite.judge(schedule);
      expect(verdict.problems, replayCommand(verdict)).toEqual([]);
    });
  });
}
