/** Of a soak, in which days pass in minutes, the helpers of its runs wait so much shorter, too. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeOfStorage, poolGateWorkflowId, tensorboardWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { tracker } from '../../workflows/index.ts';
import { untilTriedAgainLater } from './environment.ts';
import { later, profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

/** None of the waits is so short then that a busy machine does nothing but wait and ask again. */
const FACTOR = 2_000;
/**
 * Each of these waits is ten minutes to hours long, and some seconds in a soak. On a real server: the one that skips time now and then loses a task
 * of two workflows that signal each other.
 */
const MOST_SECONDS = 300;

describe('in a soak', () => {
  let harness: SearchHarness;
  let told = 0;
  beforeAll(async () => {
    harness = await startSearchHarness('real', [], {
      startTensorboard: () => Promise.resolve('http://tensorboard/'),
      stopTensorboard: () => Promise.resolve(),
      tellTracker: () => Promise.resolve({ ended: ++told === 3 }),
    });
  });
  afterAll(() => harness.stop());

  const secondsOf = async (workflowId: string): Promise<number> => {
    const handle = harness.client.workflow.getHandle(workflowId);
    await handle.result();
    const { startTime, closeTime } = await handle.describe();
    return ((closeTime ?? new Date(Number.NaN)).getTime() - startTime.getTime()) / 1000;
  };

  it('the gate of a pool looks for holders that are gone, and ends', async () => {
    const profile = profileOf({ pools: [{ name: 'shared', spot: false, maxAttempts: 1 }] });
    const day = { factor: FACTOR, profile };
    harness.world.attempt = ({ trial }, retries) =>
      trial.run === 'gone' && retries === 0 ? Promise.reject(later(86_400)) : Promise.resolve({});
    const gone = await harness.trial({ run: 'gone', ...day });
    await untilTriedAgainLater(gone);
    await gone.terminate('by hand');
    await (await harness.trial({ run: 'next', ...day })).result();
    expect(await secondsOf(poolGateWorkflowId('shared'))).toBeLessThan(MOST_SECONDS);
  });

  it('the keeper of a TensorBoard looks for searches that were terminated', async () => {
    const profile = profileOf({ tensorboard: { enabled: true, keepSeconds: 1 } });
    harness.world.attempt = (_input, retries) => (retries === 0 ? Promise.reject(later(86_400)) : Promise.resolve({}));
    const search = await harness.search(specOf(), profile, { factor: FACTOR });
    const keeper = tensorboardWorkflowId('p', homeOfStorage(profile.storage));
    await expect
      .poll(() =>
        harness.client.workflow
          .getHandle(keeper)
          .describe()
          .then(
            ({ status }) => status.name,
            () => null,
          ),
      )
      .toBe('RUNNING');
    await search.terminate('by hand');
    expect(await secondsOf(keeper)).toBeLessThan(MOST_SECONDS);
  });

  it('a tracker hears of its run', async () => {
    const input = { run: 'r', pipeline: 'p', profile: profileOf(), tracker: { kind: 'mlflow', uri: 'http://mlflow' } } as const;
    const options = { taskQueue: TASK_QUEUES.control, workflowId: 'r/tracker' };
    await harness.client.workflow.start<typeof tracker>(WORKFLOWS.tracker, { ...options, args: [{ ...input, factor: FACTOR }] });
    expect(await secondsOf(options.workflowId)).toBeLessThan(MOST_SECONDS);
    expect(told).toBe(3);
  });
});
