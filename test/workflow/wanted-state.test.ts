/** What is wanted is state: a word that was lost, early, or decided in the very task in which a workflow continues as new changes nothing in the end. */
import { Context } from '@temporalio/activity';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SearchState } from '../../src/contract/state.ts';
import { until } from './environment.ts';
import { profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

const suggestAfter = (events: number): string[] => ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${events}`];
type Search = Awaited<ReturnType<SearchHarness['search']>>;

describe('a search that decides something in the task in which it continues as new', () => {
  /** Stands for 4,096 events. */
  const SUGGEST_AFTER = 100;
  let harness: SearchHarness;
  let search: Search | null = null;
  beforeAll(async () => {
    harness = await startSearchHarness('real', suggestAfter(SUGGEST_AFTER));
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    harness.reset();
    harness.world.attempt = async () => ({ verdict: await harness.stopAsked(), lastProgress: 3 });
  });
  afterEach(async () => {
    await now().cancel();
    await now()
      .result()
      .catch(() => undefined);
  });

  const now = () => harness.client.workflow.getHandle(search?.workflowId ?? '');
  const state = (): Promise<SearchState> => now().query<SearchState>('state');
  const continued = async (): Promise<boolean> => (await now().describe()).runId !== search?.firstExecutionRunId;
  const running = (n: number): Promise<unknown> => until(() => Promise.resolve(harness.running() === n), `${n} running attempts`);
  const update = (name: string, payload: object): Promise<{ text: string }> => now().executeUpdate(name, { args: [payload] });

  /** Lengthens the history, by 5 or 4 events at a time, until the next task is the first one with the suggestion. */
  async function toTheBrink(): Promise<void> {
    let [before, missing] = [-1, SUGGEST_AFTER];
    while (missing > 1) {
      const { historyLength } = await now().describe();
      // Once the task of the last message is written.
      if (historyLength !== before) {
        before = historyLength;
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      missing = SUGGEST_AFTER - historyLength;
      if (missing > 14 || [5, 6, 10, 11].includes(missing)) await update('set-parallelism', { parallel: 1 });
      else if (missing > 1) await now().signal('trial-report', { trial: 99, status: 'running' });
    }
  }

  it.each([
    ['a person stops its trial', 'stop-trial', { trial: 0 }, 'stopped'],
    ['it is paused', 'pause', { by: 'ada' }, 'paused'],
  ])('is obeyed: %s', async (_label, name, payload, status) => {
    search = await harness.search(specOf({ trials: 1, parallel: 1 }));
    await running(1);
    await toTheBrink();
    await update(name, payload);
    await running(0);
    await until(async () => (await state()).trials[0]?.status === status, `the trial to be ${status}`);
    await until(continued, 'it to continue as new, for which all this is set up');
  });

  it('is obeyed: a rule stops its trial', async () => {
    const points = Promise.withResolvers<undefined>();
    harness.world.curves = async (input) => {
      const beating = setInterval(() => {
        Context.current().heartbeat();
      }, 500);
      await Promise.race([points.promise, Context.current().cancelled]).catch(() => undefined);
      clearInterval(beating);
      return { points: [[0, 1, 10, input.metrics.map(() => null)]], seen: [[0, 1]] };
    };
    search = await harness.search(specOf({ trials: 1, parallel: 1, stopping: [{ kind: 'divergence' }] }));
    await running(1);
    await toTheBrink();
    points.resolve(undefined);
    await running(0);
    await until(continued, 'it to continue as new, for which all this is set up');
  });
});

describe('a trial that has to continue as new', () => {
  let harness: SearchHarness;
  beforeAll(async () => {
    // Stands for a history of 4,096 events.
    harness = await startSearchHarness('real', suggestAfter(6));
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    harness.reset();
  });

  it('stays paused, until it is to go on', async () => {
    harness.world.attempt = async ({ attempt }) => (attempt === 1 ? { verdict: await harness.stopAsked(), lastProgress: 3 } : {});
    const trial = await harness.trial();
    const now = harness.client.workflow.getHandle<() => Promise<{ status: string }>>(trial.workflowId);
    await until(() => Promise.resolve(harness.running() === 1), 'the first attempt');
    await trial.signal('pause');
    await until(async () => (await now.describe()).runId !== trial.firstExecutionRunId, 'the trial to continue as new');
    await until(async () => (await now.query<{ status: string }>('state')).status === 'paused', 'the pause');
    expect(harness.world.attempts).toHaveLength(1);
    await now.signal('resume');
    expect((await now.result()).status).toBe('succeeded');
    expect(harness.world.attempts).toHaveLength(2);
  });

  it('stays cancelled, of which a run of its workflow that continued would know nothing', async () => {
    harness.world.attempt = async ({ attempt }) => (attempt === 1 ? { verdict: await harness.stopAsked(), lastProgress: 3 } : {});
    const trial = await harness.trial();
    await until(() => Promise.resolve(harness.running() === 1), 'the first attempt');
    await trial.cancel();
    expect(await trial.result()).toMatchObject({ status: 'cancelled', carried: { attempts: 1 } });
    expect(harness.world.attempts).toHaveLength(1);
  });

  it('stays cancelled where that comes while its looks for a machine are seen to their end', async () => {
    const pools = ['a', 'b', 'c'].map((name) => ({ name, spot: true, pricePerHour: 0.3, onDemandPricePerHour: 1 }));
    const [looks, seen] = [new Set<string>(), Promise.withResolvers<undefined>()];
    let asked = 0;
    harness.world.attempt = ({ attempt }) => Promise.resolve(attempt === 1 ? { verdict: 'no-capacity', startedAt: null } : {});
    harness.world.capacity = async ({ pool }) => {
      looks.add(pool.name);
      if (pool.name === 'c') return until(() => Promise.resolve(looks.size === 3), 'all looks');
      await harness.stopAsked();
      asked += 1;
      return seen.promise;
    };
    const trial = await harness.trial({
      profile: profileOf({ pools: [...pools, { name: 'on-demand', spot: false, pricePerHour: 1 }] }),
      deadlineAt: Date.now() + 5 * 86_400_000,
      factor: 1000,
    });
    await until(() => Promise.resolve(asked === 2), 'two looks to be asked to end');
    await trial.cancel();
    seen.resolve(undefined);
    expect(await trial.result()).toMatchObject({ status: 'cancelled', carried: { attempts: 1 } });
    expect(harness.world.attempts).toHaveLength(1);
  });

  it('stops when it is told so while it waits for its next attempt', async () => {
    harness.world.attempt = async ({ attempt }) => (attempt === 1 ? { verdict: 'crashed' } : {});
    const trial = await harness.trial({ spec: specOf({ maxCrashes: 3 }) });
    const now = harness.client.workflow.getHandle<() => Promise<{ status: string; reason: string }>>(trial.workflowId);
    await until(async () => (await now.query<{ note: string | null }>('state')).note?.includes('crashed'), 'the first crash');
    await trial.signal('stop', { reason: 'poor' });
    expect(await now.result()).toMatchObject({ status: 'stopped', reason: 'poor' });
    expect(harness.world.attempts).toHaveLength(1);
  });
});

describe('a search that is ending', () => {
  let harness: SearchHarness;
  beforeAll(async () => {
    harness = await startSearchHarness('real');
  });
  afterAll(() => harness.stop());

  it('refuses to let a stopped trial go on, and comes to its end', async () => {
    const saved = Promise.withResolvers<undefined>();
    harness.world.attempt = async ({ trial }) => {
      const verdict = await harness.stopAsked();
      // Its checkpoint takes its time.
      if (trial.trial === 1) await saved.promise;
      return { verdict, lastProgress: 3 };
    };
    const search = await harness.search(
      specOf({ trials: 2, parallel: 2 }),
      profileOf({ pools: [{ name: 'one', spot: false, pricePerHour: 1 }] }),
    );
    const state = (): Promise<SearchState> => search.query<SearchState>('state');
    const update = (name: string, payload: object) => search.executeUpdate<{ text: string }, [object]>(name, { args: [payload] });
    await until(async () => (await state()).trials.filter(({ status }) => status === 'running').length === 2, 'both trials');
    await update('stop-trial', { trial: 0 });
    await until(async () => (await state()).trials[0]?.status === 'stopped', 'the end of trial 0');
    await update('set-budget', { cost: 1e-9 });
    await until(async () => (await state()).status === 'waiting', 'the budget');
    await update('reject', { by: 'ada' });
    await expect(update('resume', { trial: 0 })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('the search is ending') as string },
    });
    saved.resolve(undefined);
    // Neither has a value of its objective.
    await expect(search.result()).rejects.toMatchObject({ cause: { type: 'SearchFailed' } });
    expect((await state()).trials.map(({ status }) => status)).toEqual(['stopped', 'stopped']);
  });

  it('records a trial that had ended and was being evaluated when it was cancelled', async () => {
    harness.reset();
    harness.world.attempt = async ({ trial }) => Promise.resolve({ lastProgress: 1, bestExport: `${trial.output}/exports/1` });
    harness.world.evaluate = async () => {
      await harness.stopAsked();
      throw new Error('cancelled');
    };
    const spec = specOf({
      trials: 1,
      parallel: 1,
      objective: { metric: 'offline.average_rank', goal: 'minimize' },
      earlyEvaluation: { table: 'd.test', features: 'file:///d/features.json', data: 'file:///d/validation' },
    });
    const search = await harness.search(spec);
    await until(() => Promise.resolve(harness.world.evaluated.length === 1), 'the evaluation');
    await search.cancel();
    await search.result().catch(() => undefined);
    expect(harness.world.rows.map((row) => row.trial)).toEqual([0]);
    expect((await search.query<SearchState>('state')).trials[0]).toMatchObject({ attempts: 1 });
    expect((await search.query<SearchState>('state')).trials[0]?.status).not.toBe('running');
  });
});

describe('a search that is ending, and has continued as new since its trial began', () => {
  /** Of a soak: its look for trials that are gone is one second away instead of a minute. */
  const FACTOR = 60;
  let harness: SearchHarness;
  beforeAll(async () => {
    harness = await startSearchHarness('real', suggestAfter(60));
  });
  afterAll(() => harness.stop());

  it('sees that its last trial was terminated by hand, which told nobody', async () => {
    const gone = Promise.withResolvers<undefined>();
    // It writes its last checkpoint for ever.
    harness.world.attempt = async () => {
      const beating = setInterval(() => {
        Context.current().heartbeat();
      }, 500);
      await gone.promise;
      clearInterval(beating);
      return { verdict: 'stopped' };
    };
    const profile = profileOf({ pools: [{ name: 'one', spot: false, pricePerHour: 1 }] });
    const search = await harness.search(specOf({ trials: 1, parallel: 1 }), profile, { factor: FACTOR });
    const now = harness.client.workflow.getHandle(search.workflowId);
    const state = (): Promise<SearchState> => now.query<SearchState>('state');
    await until(() => Promise.resolve(harness.running() === 1), 'the trial');
    while ((await now.describe()).runId === search.firstExecutionRunId)
      await now.executeUpdate('set-parallelism', { args: [{ parallel: 1 }] }).catch(() => undefined);
    await now.executeUpdate('set-budget', { args: [{ cost: 1e-9 }] });
    await until(async () => (await state()).status === 'waiting', 'the budget');
    await now.executeUpdate('reject', { args: [{ by: 'ada' }] });
    await harness.client.workflow.getHandle((await state()).trials[0]?.workflowId ?? '').terminate('by hand');
    const failure: unknown = await now.result().catch((error: unknown) => error);
    gone.resolve(undefined);
    expect(failure).toMatchObject({ cause: { type: 'SearchFailed' } });
    expect((await state()).trials[0]).toMatchObject({ status: 'failed' });
  });
});
