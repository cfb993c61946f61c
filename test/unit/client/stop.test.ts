import { describe, expect, it } from 'vitest';
import { RefusedError, RunFailedError } from '../../../src/client/errors.ts';
import type { Run } from '../../../src/client/run.ts';
import { stopRun } from '../../../src/client/run.ts';
import { makeRun } from '../../support/run-data.ts';

/** A run whose trials come to rest after so many looks, and what was asked of it. */
function runThatRests(looks: number): { run: Run; asked: string[] } {
  const made = makeRun({ stage: 'running' });
  const search = made.searches.search!;
  const asked: string[] = [];
  const run = {
    id: 'r1',
    state: async () => made.run,
    search: () => ({
      state: async () => ({ ...search, trials: looks-- > 0 ? search.trials : search.trials.filter(({ status }) => status !== 'running') }),
    }),
    pause: async ({ why }: { why: string }) => void asked.push(`pause: ${why}`),
    cancel: async () => void asked.push('cancel'),
    result: async () => {
      throw new RunFailedError('r1', 'cancelled', 'r1 was cancelled', null, null);
    },
  };
  return { run: run as unknown as Run, asked };
}

describe('stopping a run', () => {
  it('cancels it once every trial rests on a checkpoint', async () => {
    const { run, asked } = runThatRests(1);
    await stopRun(run, { why: 'wrong data' });
    expect(asked).toEqual(['pause: wrong data', 'cancel']);
  });

  it('leaves it paused, and says so, when trials do not come to rest in time', async () => {
    const { run, asked } = runThatRests(Number.POSITIVE_INFINITY);
    await expect(stopRun(run, {}, { patienceMs: -1 })).rejects.toThrow(RefusedError);
    expect(asked).toEqual(['pause: stop']);
  });

  it('is refused when the run has ended', async () => {
    const ended = makeRun().run;
    const run = { id: 'r1', state: async () => ended } as unknown as Run;
    await expect(stopRun(run, {})).rejects.toThrow('r1 has already ended: succeeded');
  });
});
