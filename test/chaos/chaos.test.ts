import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeFaults, scheduleOf } from './schedule.ts';
import { ChaosSuite, replayCommand } from './suite.ts';

const FIRST_SEED = 1;
const SCHEDULES = 20;

describe('a run under random faults ends as if nothing had happened', () => {
  let suite: ChaosSuite;
  beforeAll(async () => {
    suite = await ChaosSuite.open();
  });
  afterAll(async () => {
    await suite.close();
  });

  it.each(
    Array.from({ length: SCHEDULES }, (_, at) => scheduleOf(FIRST_SEED + at, { mostFaults: 4 })).map(
      (one) => [describeFaults(one.faults), one] as const,
    ),
  )('%s', async (_name, schedule) => {
    const verdict = await suite.judge(schedule);
    expect(verdict.problems, replayCommand(verdict)).toEqual([]);
  });
});
