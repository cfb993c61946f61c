/** A run or a search that is paused for longer than it may last is as far as it was before. */
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunState, SearchState } from '../../src/contract/state.ts';
import { documentOf, script } from './documents.ts';
import { startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

const update = (of: WorkflowHandle, name: string): Promise<unknown> => of.executeUpdate(name, { args: [{ by: 'ada' }] });

it('a pause of 60 hours takes nothing of the hours that its run may last', async () => {
  const ports = createMemoryPorts();
  const harness: Harness = await startHarness(ports, 'skipping');
  const first = Promise.withResolvers<object>();
  ports.onJob = async (job) => (job.labels.step === 'a' ? await first.promise : {});
  const run = await harness.start(documentOf([script('a'), script('b', { dependsOn: ['a'] })], { budget: { hours: 5 } }));
  await until(() => Promise.resolve(ports.calls.some((call) => call.startsWith('create'))), 'its first Job');
  await update(run, 'pause');
  // Its activity would not outlive the time that is skipped.
  first.resolve({});
  await until(async () => (await run.query<RunState>('state')).steps[0]?.status === 'succeeded', 'its end');
  await harness.environment.sleep('60 hours');
  await update(run, 'resume');
  expect(await run.result()).toMatchObject({ status: 'succeeded' });
  await harness.stop();
});

// In real time: the server that skips it loses tasks of workflows that signal each other.
describe.concurrent('a pause that outlasts the time limit of a search', () => {
  /** What the rest of a run takes on a busy machine is far less. */
  const LIMIT_SECONDS = 20;
  let harness: SearchHarness;
  const attempts = new Map<string, SearchHarness['world']['attempt']>();
  beforeAll(async () => {
    harness = await startSearchHarness('real');
    harness.world.attempt = async (input, retries) => (await attempts.get(input.trial.run)?.(input, retries)) ?? {};
  });
  afterAll(() => harness.stop());

  const searching = (spec: object): RunDocument =>
    documentOf([{ id: 'search', spec: specOf({ trials: 1, parallel: 1, ...spec }), timeoutSeconds: LIMIT_SECONDS, cache: false }]);
  const searchOf = (run: WorkflowHandle): WorkflowHandle => harness.client.workflow.getHandle(`${run.workflowId}/search`);
  const statusOf = async (run: WorkflowHandle): Promise<string> => (await searchOf(run).query<SearchState>('state')).status;
  const stands = (run: WorkflowHandle, status: string): Promise<unknown> =>
    until(async () => (await statusOf(run).catch(() => null)) === status, status);
  /** The first attempt waits to be stopped. */
  async function begin(name: string, after: object): Promise<WorkflowHandle> {
    const begun = Promise.withResolvers<undefined>();
    attempts.set(name, async ({ attempt }) => {
      if (attempt > 1) return after;
      begun.resolve(undefined);
      return { verdict: await harness.stopAsked(), lastProgress: 3 };
    });
    const run = await harness.start(searching({}), name);
    await begun.promise;
    return run;
  }
  const outlastTheLimit = async (): Promise<void> => {
    const since = Date.now();
    await until(() => Promise.resolve(Date.now() > since + (LIMIT_SECONDS + 1) * 1000), 'the limit to be over', 1000);
  };

  it.each([
    ['of its run', (run: WorkflowHandle) => run],
    ['of its own', searchOf],
  ])('takes nothing of it: %s', async (name, paused) => {
    const run = await begin(name.replaceAll(' ', '-'), { lastProgress: 9 });
    await update(paused(run), 'pause');
    await stands(run, 'paused');
    await outlastTheLimit();
    await update(paused(run), 'resume');
    expect(await run.result()).toMatchObject({ status: 'succeeded' });
  });

  it('takes nothing of it: a question at its budget', async () => {
    const run = await harness.start(searching({ trials: 2, budget: { trials: 1 } }), 'at-its-budget');
    await stands(run, 'waiting');
    await outlastTheLimit();
    await update(searchOf(run), 'approve');
    expect(await run.result()).toMatchObject({ status: 'succeeded' });
  });

  it('leaves the rest of it, and no more', async () => {
    const run = await begin('no-more', { verdict: 'no-capacity', startedAt: null, samples: 0 });
    await update(run, 'pause');
    await stands(run, 'paused');
    await outlastTheLimit();
    await update(run, 'resume');
    await expect(run.result()).rejects.toMatchObject({
      cause: { message: expect.stringContaining(`time limit of ${LIMIT_SECONDS} s`) as string },
    });
    const [step] = (await run.query<RunState>('state')).steps;
    expect((step?.endedAt ?? 0) - (step?.startedAt ?? 0)).toBeGreaterThan(2 * LIMIT_SECONDS * 1000);
  });
});
