/** A run that is paused, stands at its budget, is refused, or is cancelled while its steps on exit run. */
import { ApplicationFailure } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRunActivities, type OpenedRun, type OpenRunInput } from '../../activities/runs.ts';
import { createStepJobActivities } from '../../activities/step-jobs.ts';
import type { StepJobEnd, StepJobInput, StepJobName } from '../../activities/step-job-contract.ts';
import { Run } from '../../src/client/run.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunState } from '../../src/contract/state.ts';
import { documentOf, query, script } from './documents.ts';
import { startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

type Handle = Awaited<ReturnType<Harness['start']>>;
const stateOf = (run: Handle): Promise<RunState> => run.query<RunState>('state');
const update = (run: Handle, name: string): Promise<{ text: string }> => run.executeUpdate(name, { args: [{ by: 'ada' }] });

describe('a run', () => {
  const ports = createMemoryPorts();
  const real = createRunActivities(ports);
  const jobs = createStepJobActivities(ports);
  let checked: Promise<unknown> = Promise.resolve();
  let checking = 0;
  /** Attempts of steps whose activity fails for good. */
  let unwatched = 0;
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness(ports, 'real', {
      validateRun: async (input: OpenRunInput): Promise<OpenedRun> => {
        checking += 1;
        await checked;
        return real.validateRun(input);
      },
      runStepJob: async (input: StepJobInput): Promise<StepJobEnd> => {
        if (input.attempt > unwatched) return jobs.runStepJob(input);
        ports.calls.push('watch');
        throw ApplicationFailure.nonRetryable('what is this', 'Unexpected');
      },
      removeStepJob: async (input: StepJobName): Promise<void> => {
        ports.calls.push(`remove ${input.step}`);
        await jobs.removeStepJob(input);
      },
    });
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    [checking, unwatched] = [0, 0];
    checked = Promise.resolve();
    ports.objects.clear();
    ports.calls.length = 0;
    ports.onJob = async () => ({});
  });

  describe('whose budget is 1.5, and whose three steps cost 1 each', () => {
    /** Each Job costs 1 (an hour at 1 an hour); the first one waits for the test. */
    async function begin(): Promise<{ run: Handle; release: () => void }> {
      const first = Promise.withResolvers<undefined>();
      ports.onJob = async (job) => {
        if (job.labels.step === 'a') await first.promise;
        return {};
      };
      const base = documentOf([script('a'), script('b', { dependsOn: ['a'] }), script('c', { dependsOn: ['b'] })], {
        budget: { cost: 1.5 },
      });
      const run = await harness.start({
        ...base,
        profile: Profile.parse({ ...base.profile, pools: [{ name: 'one', spot: false, pricePerHour: 1 }] }),
      });
      await until(async () => (await stateOf(run)).steps[0]?.status === 'running', 'step a to run');
      return { run, release: () => first.resolve(undefined) };
    }
    const settled = (run: Handle): Promise<RunState> =>
      until(async () => {
        const now = await stateOf(run);
        return (now.status === 'paused' || now.endedAt !== null) && now;
      }, 'the run to stand still');

    it('keeps to it after a pause for another reason, and gets as much again when it is resumed there', async () => {
      const { run, release } = await begin();
      await update(run, 'pause');
      await update(run, 'resume');
      release();
      expect(await settled(run)).toMatchObject({ status: 'paused', cost: 2, reason: expect.stringContaining('2.00 of 1.5') as string });
      await update(run, 'resume');
      await run.result();
      expect(await stateOf(run)).toMatchObject({ status: 'succeeded', cost: 3 });
    });

    it('refuses to be resumed while it is not paused, which waives nothing', async () => {
      const { run, release } = await begin();
      await expect(update(run, 'resume')).rejects.toMatchObject({
        cause: { message: expect.stringContaining('is running, not paused') as string },
      });
      release();
      expect(await settled(run)).toMatchObject({ status: 'paused', cost: 2 });
      await run.terminate();
    });
  });

  it('is paused also when that is said while its document is checked', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    checked = promise;
    // Defaults are filled in by the check.
    const { onExit: _onExit, params: _params, ...rest } = documentOf([query('b')]);
    const run = await harness.start(rest as RunDocument);
    await until(() => Promise.resolve(checking > 0), 'the check');
    await update(run, 'pause');
    resolve(undefined);
    await until(async () => (await stateOf(run)).steps.length > 0 && (await stateOf(run)).status === 'paused', 'the pause');
    expect(ports.calls).toEqual([]);
    await update(run, 'resume');
    await run.result();
    expect(ports.calls).toHaveLength(1);
  });

  it('ends its steps on exit when it is cancelled while they run', async () => {
    ports.onJob = (job) => (job.labels.step === 'clean-up' ? new Promise(() => undefined) : Promise.resolve({}));
    const run = await harness.start(documentOf([script('a')], { onExit: [script('clean-up')] }));
    await until(async () => ports.calls.some((call) => /^create .*clean-up/.test(call)), 'the Job of the exit step');
    await run.cancel();
    await run.result().catch(() => undefined);
    expect((await stateOf(run)).steps.map(({ id, status }) => [id, status])).toEqual([
      ['a', 'succeeded'],
      ['clean-up', 'cancelled'],
    ]);
    expect(ports.calls.some((call) => /^remove .*clean-up/.test(call))).toBe(true);
  });

  it('ends its steps on exit when it is cancelled a second time', async () => {
    ports.onJob = () => new Promise(() => undefined);
    const run = await harness.start(documentOf([script('a')], { onExit: [script('clean-up')] }));
    const client = new Run(harness.client, harness.environment.address, run.workflowId);
    await until(async () => ports.calls.some((call) => call.startsWith('create')), 'the Job');
    await client.cancel();
    await until(async () => ports.calls.some((call) => /^create .*clean-up/.test(call)), 'the Job of the exit step');
    await client.cancel();
    await run.result().catch(() => undefined);
    expect((await stateOf(run)).steps.map(({ status }) => status)).toEqual(['cancelled', 'cancelled']);
  });

  it('writes a script into its history once, however often its Job is preempted', async () => {
    const SOURCE_BYTES = 150_000;
    const sizes: number[] = [];
    for (const preemptions of [0, 3]) {
      let seen = 0;
      ports.onJob = async () =>
        Promise.resolve(seen++ < preemptions ? { state: 'failed', exitCode: 143, disruption: 'EvictionByEvictionAPI' } : {});
      const step = script('train');
      const source = `true # ${'x'.repeat(SOURCE_BYTES)} ${preemptions}`;
      const run = await harness.start(documentOf([{ ...step, spec: { ...step.spec, source } as typeof step.spec }]));
      await run.result();
      sizes.push((await run.describe()).historySize ?? 0);
    }
    expect(((sizes[1] ?? 0) - (sizes[0] ?? 0)) / 3).toBeLessThan(20_000);
  });

  it('ends a Job that cannot be watched any more before it begins another one', async () => {
    // The Job itself runs on; what fails for good is looking at it.
    unwatched = 1;
    const run = await harness.start(documentOf([script('train', { retry: { attempts: 2, backoffSeconds: 1 } })]));
    await run.result();
    const steps = ports.calls.filter((call) => /^(watch|create|remove)/.test(call)).map((call) => call.replace(/ .*/, ''));
    expect(steps.slice(0, 3)).toEqual(['watch', 'remove', 'create']);
  });
});

describe('a run with a search', () => {
  const ports = createMemoryPorts();
  let harness: SearchHarness;
  beforeAll(async () => {
    harness = await startSearchHarness('real', [], createRunActivities(ports));
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    harness.reset();
    ports.rows.length = 0;
  });

  it('starts no trial of it while it is paused, also where the search waited for another run', async () => {
    harness.world.attempt = async () => ({ verdict: await harness.stopAsked(), lastProgress: 3 });
    const spec = specOf({ trials: 4, parallel: 2, output: 'file:///out/{key}' });
    const document = { ...documentOf([{ id: 'search', spec }]), profile: profileOf() };
    const first = await harness.start(document, 'first');
    await until(() => Promise.resolve(harness.world.attempts.length === 2), 'the trials of the first run');
    const second = await harness.start(document, 'second');
    const reason = async (): Promise<string> => (await stateOf(second)).steps[0]?.reason ?? '';
    await until(async () => (await reason()).includes('is making the same output'), 'the second run to wait for the first');
    await update(second, 'pause');
    await first.cancel();
    await first.result().catch(() => undefined);
    await until(async () => (await reason()) === 'the run is paused', 'the search of the paused run to be ready');
    expect(harness.world.attempts.filter(({ trial }) => trial.run === 'second')).toEqual([]);
    await update(second, 'resume');
    await until(() => Promise.resolve(harness.running() === 2), 'its trials');
    await second.cancel();
    await second.result().catch(() => undefined);
  });

  it('is failed in the ledger and in its search attributes when its sampler refuses it', async () => {
    harness.world.ask = () => Promise.reject(ApplicationFailure.nonRetryable('gp needs PyTorch', 'InvalidInput'));
    const run = await harness.start(
      documentOf([query('data'), { id: 'search', dependsOn: ['data'], spec: specOf({ trials: 1, sampler: { kind: 'gp' } }) }]),
      'refused',
    );
    await expect(run.result()).rejects.toMatchObject({ cause: { message: 'step search: gp needs PyTorch', type: 'InvalidInput' } });
    expect(ports.rowsOf('runs').map(({ status, error }) => [status, error ?? null])).toEqual([
      ['running', null],
      ['failed', 'step search: gp needs PyTorch'],
    ]);
    const attributes = (await run.describe()).typedSearchAttributes.getAll();
    expect(attributes.find(({ key }) => key.name === 'RunStatus')?.value).toBe('failed');
  });
});
