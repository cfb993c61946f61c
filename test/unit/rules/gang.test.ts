import { expect, it } from 'vitest';
import { machineWaitSeconds } from '../../../src/rules/gang.ts';

const JOBS = Array.from({ length: 40 }, (_, number) => `train-${number}`);

it('lets Jobs on several machines wait for them by a time of their own each, of at most half as long again', () => {
  const waits = JOBS.map((job) => machineWaitSeconds(300, 2, job));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(300);
  expect(Math.max(...waits)).toBeLessThanOrEqual(450);
  // So far apart that what one gives up is taken by another, which has not given up meanwhile.
  expect(new Set(waits.map((seconds) => Math.floor(seconds / 10))).size).toBeGreaterThan(8);
  expect(JOBS.map((job) => machineWaitSeconds(300, 4, job))).toEqual(waits);
});

it('lets a Job on one machine wait as long as it was told', () => {
  expect(JOBS.map((job) => machineWaitSeconds(300, 1, job))).toEqual(JOBS.map(() => 300));
});
