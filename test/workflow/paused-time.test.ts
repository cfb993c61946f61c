/** A run that is paused for days, on a server whose time is skipped: what may last only so long is as far as it was before. */
import type { WorkflowHandle } from '@temporalio/client';
import { afterEach, describe, expect, it } from 'vitest';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunState } from '../../src/contract/state.ts';
import { documentOf, script } from './documents.ts';
import { startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

const HOUR_SECONDS = 3600;
const LIMIT = { timeoutSeconds: 4 * HOUR_SECONDS };

describe('a pause of 60 hours', () => {
  let harness: Harness;
  afterEach(() => harness.stop());

  const update = (run: WorkflowHandle, name: 'pause' | 'resume'): Promise<unknown> => run.executeUpdate(name, { args: [{ by: 'ada' }] });
  /** What runs is waited for: its activities would not outlive the skipped time. */
  async function pauseWhile(run: WorkflowHandle, standsStill: () => boolean | Promise<boolean>): Promise<void> {
    await update(run, 'pause');
    await until(async () => await standsStill(), 'the run to stand still');
    await harness.environment.sleep('60 hours');
    await update(run, 'resume');
  }

  it('takes nothing of the hours that its run may last', async () => {
    const ports = createMemoryPorts();
    harness = await startHarness(ports, 'skipping');
    const first = Promise.withResolvers<object>();
    ports.onJob = async (job) => (job.labels.step === 'a' ? await first.promise : {});
    const document = documentOf([script('a'), script('b', { dependsOn: ['a'] })], { budget: { hours: 5 } });
    const run = await harness.start(document);
    await until(() => Promise.resolve(ports.calls.some((call) => call.startsWith('create'))), 'its first Job');
    await pauseWhile(run, async () => {
      first.resolve({});
      return (await run.query<RunState>('state')).steps[0]?.status === 'succeeded';
    });
    expect(await run.result()).toMatchObject({ status: 'succeeded' });
  });

  describe('of a search with a time limit of four', () => {
    const searching = (): RunDocument => documentOf([{ id: 'search', spec: specOf({ trials: 1, parallel: 1 }), ...LIMIT }]);
    async function begin(more: SearchHarness['world']['attempt']): Promise<WorkflowHandle> {
      const trials = await startSearchHarness();
      harness = trials;
      trials.world.attempt = async (input, retries) =>
        input.attempt === 1 ? { verdict: await trials.stopAsked(), lastProgress: 3 } : await more(input, retries);
      const run = await harness.start(searching());
      await until(() => Promise.resolve(trials.running() === 1), 'the attempt');
      await pauseWhile(run, () => trials.running() === 0);
      return run;
    }

    it('takes nothing of it', async () => {
      const run = await begin(async () => Promise.resolve({ lastProgress: 9 }));
      expect(await run.result()).toMatchObject({ status: 'succeeded' });
    });

    it('leaves the rest of it, and no more', async () => {
      const run = await begin(async () => Promise.resolve({ verdict: 'no-capacity', startedAt: null, samples: 0 }));
      await expect(run.result()).rejects.toMatchObject({ cause: { message: expect.stringContaining('time limit of 14400 s') as string } });
      const [step] = (await run.query<RunState>('state')).steps;
      const hours = ((step?.endedAt ?? 0) - (step?.startedAt ?? 0)) / (HOUR_SECONDS * 1000);
      expect(Math.round(hours)).toBe(64);
    });
  });
});
