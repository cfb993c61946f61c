/** A search with hundreds of trials behind it, on a server with its own limits: 2 MiB a payload, 5 s a task. */
import { afterEach, describe, expect, it } from 'vitest';
import { Context } from '@temporalio/activity';
import { Search } from '../../src/client/search.ts';
import { searchWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { CurvePoint } from '../../src/contract/attempts.ts';
import type { SearchInput } from '../../src/contract/search.ts';
import type { SearchState } from '../../src/contract/state.ts';
import type { SearchSpec } from '../../src/contract/steps.ts';
import { until } from './environment.ts';
import { memoryOf, recordOf, STOPPING } from './large-search.ts';
import { profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

type Handle = ReturnType<SearchHarness['client']['workflow']['getHandle']>;

let harness: SearchHarness;
afterEach(() => harness.stop());

/** A search that has `ended` trials behind it, as one of release 0.1 carried them. */
async function begin(spec: SearchSpec, ended: number): Promise<Handle> {
  const run = 'large';
  const records = Array.from({ length: ended }, (_, i) => recordOf(i, { points: 40, over: true, run }));
  const carried = memoryOf(spec, records);
  const input: SearchInput = { run, pipeline: 'ranking', step: 'search', commit: null, profile: profileOf(), spec, carried };
  const workflowId = searchWorkflowId(run, 'search');
  await harness.client.workflow.start(WORKFLOWS.hyperparameterSearch, { taskQueue: TASK_QUEUES.control, workflowId, args: [input] });
  return harness.client.workflow.getHandle(workflowId);
}

async function beating<T>(work: Promise<T>): Promise<T> {
  const activity = Context.current();
  const timer = setInterval(() => {
    activity.heartbeat();
  }, 500);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

describe('a search of realistic trials', () => {
  it('goes on when it has to continue as new with more behind it than an input holds, and tells of all of them', async () => {
    const [ENDED, NEW] = [940, 12];
    harness = await startSearchHarness('real', ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=120']);
    const asked = Promise.withResolvers<undefined>();
    harness.world.attempt = async ({ trial }) => {
      if (trial.trial >= ENDED + NEW - 1) await beating(asked.promise);
      return {};
    };
    const search = await begin(specOf({ trials: ENDED + NEW, parallel: 4 }), ENDED);
    const first = (await search.describe()).runId;
    await until(() => Promise.resolve(harness.world.attempts.length === NEW), 'all new trials');
    await until(async () => (await search.describe()).runId !== first, 'it to continue as new');
    const { trials } = await new Search(harness.client, harness.environment.address, 'large', 'search').state();
    expect(trials.map(({ trial }) => trial)).toEqual(Array.from({ length: ENDED + NEW }, (_, i) => i));
    asked.resolve(undefined);
    expect(await search.result()).toMatchObject({ counts: { succeeded: ENDED + NEW } });
  });

  it('takes in 12,000 points that came while nobody did, with 800 trials to compare them with', async () => {
    const [ENDED, RUNNING, POINTS, AT_ONCE] = [800, 40, 300, 4000];
    harness = await startSearchHarness('real');
    const read = Array.from({ length: RUNNING }, () => 0);
    harness.world.attempt = async () => ({ verdict: await harness.stopAsked() });
    harness.world.curves = async (input) => {
      if (input.trials.length < RUNNING || harness.running() < RUNNING || read.every((n) => n === POINTS)) {
        await beating(new Promise((resolve) => setTimeout(resolve, 500)));
        return {};
      }
      const points: CurvePoint[] = [];
      for (let i = 0; points.length < AT_ONCE && read.some((n) => n < POINTS); i = (i + 1) % RUNNING) {
        const n = (read[i] = (read[i] ?? 0) + 1);
        points.push([ENDED + i, n, 1000 * n, input.metrics.map(() => 0.912345678)]);
      }
      return { points, seen: [], more: read.some((n) => n < POINTS) };
    };
    const search = await begin(specOf({ trials: ENDED + RUNNING, parallel: RUNNING, stopping: STOPPING }), ENDED);
    const taken = async (): Promise<number> => {
      const { trials } = await search.query<SearchState>('state');
      return trials.slice(ENDED).reduce((sum, { points }) => sum + points, 0);
    };
    await until(async () => (await taken().catch(() => 0)) === RUNNING * POINTS, 'all points');
    const failed = (await search.fetchHistory()).events?.filter((event) => event.workflowTaskFailedEventAttributes);
    expect(failed ?? []).toEqual([]);
    await search.terminate();
  });
});
