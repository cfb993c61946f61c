/** `longhaul retry`: a run that has ended goes on under its name, from where each part of it stands. */
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RefusedError, type Longhaul } from '../../src/client/index.ts';
import type { AttemptInput, AttemptReport } from '../../src/contract/attempts.ts';
import { UPDATES } from '../../src/contract/names.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunResult, SearchState } from '../../src/contract/state.ts';
import type { SearchSpec } from '../../src/contract/steps.ts';
import { cliAt, cliWithin } from './cli.ts';
import { curveFeed } from './curve-feed.ts';
import { documentOf, query, script } from './documents.ts';
import { longhaulOf, startHarness } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { profileOf, specOf } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

const statuses = (result: Pick<RunResult, 'steps'>): Record<string, string> =>
  Object.fromEntries(result.steps.map(({ id, status }) => [id, status]));

describe('a failed run that is run again', () => {
  const ports = createMemoryPorts();
  let harness: Harness;
  let longhaul: Longhaul;
  beforeAll(async () => {
    harness = await startHarness(ports, 'real');
    longhaul = longhaulOf(harness.environment);
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    ports.reset();
  });

  const failed = async (document: RunDocument, name: string): Promise<void> => {
    await expect((await harness.start(document, name)).result()).rejects.toThrow(WorkflowFailedError);
  };
  const document = documentOf(
    [
      query('made', { cache: false }),
      script('broken', { dependsOn: ['made'], retry: { attempts: 2, backoffSeconds: 0.01 } }),
      query('after', { dependsOn: ['broken'] }),
    ],
    { onExit: [script('tidy', { cache: false })] },
  );

  it('begins at what failed; what is done stands, also where nothing was cached', async () => {
    ports.onJob = async ({ labels }) => (labels.step === 'broken' ? { state: 'failed', exitCode: 1 } : {});
    await failed(document, 'mended');
    const before = ports.calls.splice(0);
    ports.onJob = async () => ({});
    const again = await longhaul.retry('mended', { by: 'ada', why: 'the disk was full' });
    const result = await again.result();
    expect(statuses(result)).toEqual({ made: 'succeeded', broken: 'succeeded', after: 'succeeded', tidy: 'succeeded' });
    expect(ports.calls.filter((call) => call.startsWith('query'))).toEqual([`query SELECT 'after'`]);
    const jobs = [...before, ...ports.calls].filter((call) => call.startsWith('create'));
    expect(jobs).toHaveLength(5);
    expect(new Set(jobs).size).toBe(5);
    expect(result.steps.find(({ id }) => id === 'broken')?.attempts).toBe(3);
    const runs = ports.rowsOf('runs').filter(({ run }) => run === 'mended');
    expect(runs.map(({ status }) => status)).toEqual(['running', 'failed', 'running', 'succeeded']);
    expect((await longhaul.list()).filter(({ run }) => run === 'mended').map(({ status }) => status)).toEqual(['succeeded']);
  });

  it('runs a step that had succeeded once more, and what depends on it', async () => {
    await (await harness.start(document, 'wrong')).result();
    ports.calls.length = 0;
    const result = await (await longhaul.retry('wrong', { from: 'broken' })).result();
    expect(statuses(result)).toMatchObject({ made: 'succeeded', broken: 'succeeded' });
    expect(ports.calls.filter((call) => call.startsWith('query'))).toEqual([]);
    expect(ports.calls.filter((call) => call.startsWith('create'))).toHaveLength(2);
    // Its input is as it was.
    expect(statuses(result).after).toBe('cached');
  });

  it('can be retried again and again', async () => {
    ports.onJob = async ({ labels }) => (labels.step === 'broken' ? { state: 'failed', exitCode: 1 } : {});
    await failed(document, 'stubborn');
    for (let time = 1; time <= 2; time++) await expect((await longhaul.retry('stubborn')).result()).rejects.toThrow(/step broken failed/);
    const state = await longhaul.run('stubborn').state();
    expect(state.steps.find(({ id }) => id === 'broken')?.attempts).toBe(6);
    expect((await longhaul.run('stubborn').ended()).retries).toBe(2);
  });

  it.each([
    ['it runs', 'pending', {}, 'pending-run has not ended'],
    ['nothing failed', 'done', {}, 'done-run has succeeded: nothing of it failed; name the step'],
    ['there is no such step', 'done', { from: 'nope' }, '--from: there is no step nope; steps of done-run: made, broken, after'],
    ['that step runs on exit', 'done', { from: 'tidy' }, 'step tidy runs on exit'],
  ])('is refused where %s', async (_why, kind, how, message) => {
    const name = `${kind}-run`;
    if (kind === 'pending')
      ports.onJob = (_job, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const handle = await harness.start(document, name).catch(() => harness.client.workflow.getHandle(name));
    if (kind === 'done') await handle.result();
    await expect(longhaul.retry(name, how)).rejects.toThrow(RefusedError);
    await expect(longhaul.retry(name, how)).rejects.toThrow(message);
    if (kind === 'pending') await handle.terminate();
  });

  it('is a command, whose answer is JSON where it is asked for', async () => {
    ports.onJob = async ({ labels }) => (labels.step === 'broken' ? { state: 'failed', exitCode: 1 } : {});
    await failed(document, 'commanded');
    ports.onJob = async () => ({});
    const cli = cliAt(harness.environment);
    const said = await cli('retry', 'commanded', '--detach', '--output', 'json', '--why', 'mended');
    expect(said.code).toBe(0);
    expect(JSON.parse(said.stdout)).toEqual({ run: 'commanded' });
    expect((await longhaul.run('commanded').result()).status).toBe('succeeded');
    const refused = await cli('retry', 'commanded', '--detach');
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toContain('nothing of it failed');
  });
});

describe('a search of such a run', () => {
  const harness = sharedSearchHarness();
  let longhaul: Longhaul;
  beforeAll(() => {
    longhaul = longhaulOf(harness.environment);
  });

  const documentWith = (seed: number): RunDocument => ({
    ...documentOf([{ id: 'search', spec: specOf({ trials: 3, parallel: 3, maxFailedTrials: 0, seed, output: 'file:///out/{key}' }) }]),
    profile: profileOf(),
  });
  const promised = (promise: SearchSpec['promise']): RunDocument => ({
    ...documentOf([{ id: 'search', spec: specOf({ trials: 3, parallel: 3, promise, output: 'file:///out/{key}' }) }]),
    profile: profileOf(),
  });
  const attemptsOf = (trial: number): number[] =>
    harness.world.attempts.filter((input) => input.trial.trial === trial).map(({ attempt }) => attempt);

  it('goes on with the trials that failed, from their checkpoints', async () => {
    harness.world.attempt = async ({ trial, samples }) => {
      if (trial.trial !== 1) return Promise.resolve({});
      return Promise.resolve({ verdict: 'bad-input', cause: 'the label is missing', samples: samples + 500, lastProgress: 7 });
    };
    const first = await harness.start(documentWith(1), 'half');
    await expect(first.result()).rejects.toThrow(WorkflowFailedError);
    const gone = await longhaul
      .run('half')
      .search('search')
      .resume({ trial: 1 })
      .catch((error: unknown) => error);
    expect(gone).toBeInstanceOf(RefusedError);
    expect((gone as Error).message).toContain('longhaul retry half --from search');

    harness.world.attempt = async () => Promise.resolve({});
    const result = await (await longhaul.retry('half')).result();
    expect(statuses(result)).toEqual({ search: 'succeeded' });
    expect(attemptsOf(1)).toEqual([1, 2]);
    expect(harness.world.attempts.at(-1)).toMatchObject({ attempt: 2, samples: 500, lastProgress: 7 });
    const state: SearchState = await longhaul.run('half').search('search').state();
    expect(state.trials.map(({ trial, status }) => [trial, status])).toEqual([
      [0, 'succeeded'],
      [1, 'succeeded'],
      [2, 'succeeded'],
    ]);
    expect([attemptsOf(0), attemptsOf(2)].every((attempts) => attempts.length <= 2)).toBe(true);
    expect(harness.world.rows.filter(({ trial }) => trial === 1).map(({ status }) => status)).toEqual(['failed', 'succeeded']);
    const outputs = new Set(harness.world.attempts.filter(({ trial }) => trial.trial === 1).map(({ trial }) => trial.output));
    expect(outputs.size).toBe(1);
  });

  it('is not ended by an end that was promised of the run before, and keeps to the cost that was', async () => {
    harness.world.attempt = async () => Promise.resolve({});
    const past = { by: '2020-01-01T00:00:00Z', samples: [] };
    for (const [promise, name] of [
      [past, 'late'],
      [{ ...past, cost: 1000 }, 'late-and-priced'],
    ] as const) {
      const first = await harness.start(promised(promise), name);
      await expect(first.result()).rejects.toThrow(WorkflowFailedError);
      const result = await (await longhaul.retry(name)).result();
      expect(statuses(result)).toEqual({ search: 'succeeded' });
      const state: SearchState = await longhaul.run(name).search('search').state();
      expect(state.trials.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
      expect(state.decisions.filter(({ text }) => text.includes('promised to be over'))).toHaveLength(1);
    }
  });

  it('lets a cancelled one train on', async () => {
    harness.world.attempt = async () => ({ verdict: await harness.stopAsked(), lastProgress: 3, samples: 40 });
    const first = await harness.start(documentWith(2), 'cancelled');
    await expect.poll(() => harness.running()).toBe(3);
    await first.cancel();
    await expect(first.result()).rejects.toThrow(WorkflowFailedError);
    harness.world.attempt = async () => Promise.resolve({});
    const result = await (await longhaul.retry('cancelled')).result();
    expect(statuses(result)).toEqual({ search: 'succeeded' });
    expect([0, 1, 2].map(attemptsOf)).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(harness.world.attempts.slice(-3).every(({ samples }) => samples === 40)).toBe(true);
  });

  it.each([3, 5])(
    'asks for no more trials than its budget has before what had begun has gone on, of %d that are planned',
    async (trials) => {
      harness.world.attempt = ({ trial: { trial } }) => Promise.resolve(trial === 1 ? { verdict: 'bad-input' } : {});
      const spec = specOf({ trials, parallel: 3, maxFailedTrials: 0, budget: { trials: 3 }, output: 'file:///out/{key}' });
      const name = `within-budget-of-${trials}`;
      const first = await harness.start({ ...documentOf([{ id: 'search', spec }]), profile: profileOf() }, name);
      await expect(first.result()).rejects.toThrow(WorkflowFailedError);
      harness.world.attempt = async () => Promise.resolve({});
      const again = await longhaul.retry(name);
      const state = (): Promise<SearchState> => longhaul.run(name).search('search').state();
      await expect.poll(async () => (await state()).trials.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
      if (trials === 3) return void (await again.result());
      await expect.poll(async () => (await state()).status).toBe('waiting');
      await again.cancel();
    },
  );

  it('lets a trial succeed whose trainer has the metric now that it lacked', async () => {
    const feed = curveFeed();
    harness.world.curves = feed.curves;
    harness.world.attempt = async ({ trial: { trial } }) => {
      const stopped = harness.stopAsked();
      feed.add(trial, { loss: 1 });
      await stopped;
      return { verdict: 'stopped', lastProgress: 1 };
    };
    const spec = specOf({ trials: 1, parallel: 1, output: 'file:///out/{key}' });
    const first = await harness.start({ ...documentOf([{ id: 'search', spec }]), profile: profileOf() }, 'lacking');
    await expect(first.result()).rejects.toMatchObject({ cause: { message: expect.stringContaining('has no metric score') as string } });
    harness.world.attempt = () => Promise.resolve({ objective: 0.9, metrics: { score: 0.9 } });
    expect(statuses(await (await longhaul.retry('lacking')).result())).toEqual({ search: 'succeeded' });
  });

  it('holds again what was held at a rung, and trains it no further', async () => {
    const feed = curveFeed();
    harness.world.curves = feed.curves;
    harness.world.ask = ({ trials, count }) =>
      Promise.resolve({
        suggestions: [0.1, 0.9].slice(trials.length, trials.length + count).map((x) => ({ x })),
        exhausted: false,
        sampler: 'fake',
      });
    harness.world.attempt = async ({ trial: { trial, parameters } }) => {
      const stopped = harness.stopAsked();
      feed.add(trial, Number(parameters.x));
      await stopped;
      return { verdict: 'stopped', lastProgress: feed.count(trial) };
    };
    const spec = specOf({ trials: 2, parallel: 1, scheduler: { kind: 'asha', min: 1, factor: 2, max: 4 }, output: 'file:///out/{key}' });
    const first = await harness.start({ ...documentOf([{ id: 'search', spec }]), profile: profileOf() }, 'holding');
    const trials = async (): Promise<SearchState['trials']> => (await longhaul.run('holding').search('search').state()).trials;
    await expect.poll(async () => (await trials().catch(() => [])).map(({ status, points }) => [status, points])).toEqual([
      ['paused', 1],
      ['running', 1],
    ]); // prettier-ignore
    await first.cancel();
    await expect(first.result()).rejects.toThrow(WorkflowFailedError);
    harness.world.attempt = async () => Promise.resolve({ objective: 0.9, metrics: { score: 0.9 } });
    await (await longhaul.retry('holding')).result();
    expect((await trials()).map(({ status, reason }) => [status, reason])).toEqual([
      ['stopped', 'held at rung 0 (point 1) with 0.1'],
      ['succeeded', null],
    ]);
    expect([0, 1].map(attemptsOf)).toEqual([[1], [1, 2]]);
  });

  it('lets the members of a population go on, also those that waited for the others', async () => {
    const feed = curveFeed();
    harness.world.curves = feed.curves;
    const trains = async ({ trial: { trial, parameters, spec } }: AttemptInput): Promise<Partial<AttemptReport>> => {
      const score = Number(parameters.x);
      while (feed.count(trial) < spec.epochs) feed.add(trial, score);
      return Promise.resolve({ lastProgress: feed.count(trial), objective: score, metrics: { score } });
    };
    harness.world.attempt = async (input) =>
      input.trial.trial === 0 ? trains(input) : { verdict: await harness.stopAsked(), lastProgress: feed.count(input.trial.trial) };
    const scheduler = { kind: 'pbt', population: 2, interval: 1, explore: 'perturb', resample_probability: 0 };
    const spec = specOf({ trials: 2, parallel: 2, epochs: 2, scheduler, output: 'file:///out/{key}' });
    const first = await harness.start({ ...documentOf([{ id: 'search', spec }]), profile: profileOf() }, 'population');
    const statuses = async (): Promise<string[]> =>
      (
        await longhaul
          .run('population')
          .search('search')
          .state()
          .catch(() => null)
      )?.trials.map(({ status }) => status) ?? [];
    await expect.poll(statuses).toEqual(['paused', 'running']);
    await first.cancel();
    await expect(first.result()).rejects.toThrow(WorkflowFailedError);
    harness.world.attempt = trains;
    await (await longhaul.retry('population')).result();
    expect(await statuses()).toEqual(['succeeded', 'succeeded']);
    expect([0, 1].map((trial) => feed.count(trial))).toEqual([2, 2]);
  });

  it('resumes a failed trial while the search goes on', async () => {
    harness.world.attempt = async ({ trial, attempt }) => {
      if (trial.trial === 0 && attempt === 1) return Promise.resolve({ verdict: 'bad-input', samples: 30 });
      return trial.trial === 0 ? {} : { verdict: await harness.stopAsked() };
    };
    const spec = specOf({ trials: 2, parallel: 2, maxFailedTrials: 1, seed: 3, output: 'file:///out/{key}' });
    const run = await harness.start({ ...documentOf([{ id: 'search', spec }]), profile: profileOf() }, 'open');
    const search = longhaul.run('open').search('search');
    const statusOf = async (): Promise<string | undefined> => (await search.state().catch(() => null))?.trials[0]?.status;
    await expect.poll(statusOf).toBe('failed');
    const said = await cliWithin(harness.environment)('resume', 'open', '--trial', '0', '--output', 'json');
    expect(JSON.parse(said.stdout)).toMatchObject({ trial: 0 });
    await expect.poll(statusOf).toBe('succeeded');
    expect(harness.world.attempts.filter(({ trial }) => trial.trial === 0).map(({ samples }) => samples)).toEqual([0, 30]);
    await search.stopTrial({ trial: 1 });
    expect((await run.result()).status).toBe('succeeded');
    expect(Object.values(UPDATES)).toContain('resume');
  });
});
