/** One search for every path through `hyperparameterSearch` and `trial`. */
import { homeOfStorage, tensorboardWorkflowId } from '../../src/contract/ids.ts';
import type { AttemptReport } from '../../src/contract/search.ts';
import type { SearchState } from '../../src/contract/state.ts';
import { until } from '../workflow/environment.ts';
import { profileOf, specOf, SPOT_AND_ON_DEMAND } from '../workflow/search-harness.ts';
import type { SearchHarness } from '../workflow/search-harness.ts';

/** Plays to the end; resolves to names of files and the workflows, with the run where it is not the last one, that go into them. */
type SearchScenario = (harness: SearchHarness) => Promise<readonly Recorded[]>;
interface Recorded {
  readonly file: string;
  readonly workflowId: string;
  readonly runId?: string;
}

/** Continuing as new after hundreds of events instead of thousands keeps the histories small. */
export const SUGGEST_EARLY = ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=200'] as const;

type Search = Awaited<ReturnType<SearchHarness['search']>>;
const priced = profileOf({ pools: [{ name: 'spot', spot: true, pricePerHour: 1 }] });

const recorded = (file: string, search: { workflowId: string }, ...trials: readonly number[]): Recorded[] => [
  { file, workflowId: search.workflowId },
  ...trials.map((trial) => ({ file: `${file}-trial-${trial}`, workflowId: `${search.workflowId}/trial-${trial}` })),
];
const update = (search: Search, name: string, payload: object): Promise<unknown> => search.executeUpdate(name, { args: [payload] });
const state = (search: Search): Promise<SearchState> => search.query<SearchState>('state');
const running = (search: Search, count: number): Promise<unknown> =>
  until(async () => (await state(search)).trials.filter(({ status }) => status === 'running').length >= count, `${count} trials`);
const inStatus = (search: Search, status: string): Promise<unknown> =>
  until(async () => (await state(search)).status === status, `the search to be ${status}`);

/** Trains until it is stopped, up to an attempt that ends by itself. */
function untilStopped(harness: SearchHarness, finishes = Number.POSITIVE_INFINITY): void {
  harness.world.attempt = async ({ attempt }): Promise<Partial<AttemptReport>> =>
    attempt >= finishes ? {} : { verdict: await harness.stopAsked(), lastProgress: 2 };
}

export const SEARCH_SCENARIOS: Readonly<Record<string, SearchScenario>> = {
  'search-finished': async (harness) => {
    const search = await harness.search(specOf());
    await search.result();
    return recorded('search-finished', search, 0);
  },

  tensorboard: async (harness) => {
    const profile = profileOf({ tensorboard: { enabled: true, keepSeconds: 1 } });
    const search = await harness.search(specOf(), profile);
    await search.result();
    const workflowId = tensorboardWorkflowId('p', homeOfStorage(profile.storage));
    await harness.client.workflow.getHandle(workflowId).result();
    return [
      { file: 'search-with-tensorboard', workflowId: search.workflowId },
      { file: 'tensorboard', workflowId },
    ];
  },

  'search-stopped-early': async (harness) => {
    harness.world.attempt = async ({ trial }) =>
      trial.trial < 2 ? { lastProgress: 1 } : { verdict: await harness.stopAsked(), lastProgress: 1 };
    harness.world.curves = async ({ trials }) => {
      const open = trials.filter(({ n }) => n === 0);
      if (open.length === 0) await new Promise((resolve) => setTimeout(resolve, 300));
      return {
        points: open.map(({ trial }) => [trial, 1, 100, [trial < 2 ? 1 : 0, null, null]] as const),
        seen: open.map(({ trial }) => [trial, 1] as const),
      };
    };
    const search = await harness.search(specOf({ stopping: [{ kind: 'median', startupTrials: 2 }] }));
    await search.result();
    return recorded('search-stopped-early', search, 2);
  },

  'search-paused': async (harness) => {
    untilStopped(harness, 2);
    const search = await harness.search(specOf({ trials: 2 }));
    await running(search, 2);
    await update(search, 'pause', { by: 'ada', why: 'upgrade' });
    await until(async () => (await state(search)).trials.every(({ status }) => status === 'paused'), 'both trials to pause');
    await update(search, 'resume', { by: 'ada' });
    await search.result();
    return recorded('search-paused', search, 0);
  },

  'search-preempted': async (harness) => {
    harness.world.attempt = async ({ attempt, lastProgress }) =>
      Promise.resolve({ verdict: attempt < 4 ? 'preempted' : 'succeeded', lastProgress: lastProgress + 5 });
    const search = await harness.search(specOf({ trials: 2 }), profileOf(SPOT_AND_ON_DEMAND));
    await search.result();
    return recorded('search-preempted', search, 0);
  },

  'search-moves-back-to-spot': async (harness) => {
    harness.world.attempt = async ({ attempt, lastProgress }) => {
      if (attempt === 1) return { verdict: 'no-capacity', startedAt: null };
      return attempt === 2 ? { verdict: await harness.stopAsked(), lastProgress: lastProgress + 5 } : {};
    };
    harness.world.capacity = () => until(async () => Promise.resolve(harness.running() > 0), 'an attempt on demand');
    const search = await harness.search(specOf({ trials: 1 }), profileOf({ ...SPOT_AND_ON_DEMAND, placement: { retrySpotSeconds: 1 } }));
    await search.result();
    return recorded('search-moves-back-to-spot', search, 0);
  },

  'search-steered': async (harness) => {
    untilStopped(harness, 2);
    const search = await harness.search(specOf({ trials: 2 }));
    await running(search, 2);
    await update(search, 'add-trial', { parameters: { x: 0.9 } });
    await update(search, 'prioritise', { trial: 2, priority: 3 });
    await update(search, 'fork-trial', { trial: 1, parameters: { x: 0.4 } });
    await update(search, 'keep-trial', { trial: 1 });
    await update(search, 'stop-trial', { trial: 0, why: 'poor' });
    await running(search, 2);
    await update(search, 'set-parallelism', { parallel: 4 });
    await update(search, 'set-space', { space: { x: { type: 'float', low: 0, high: 2 } } });
    await update(search, 'set-stopping', { stopping: [{ kind: 'patience', steps: 3 }] });
    await running(search, 3);
    await update(search, 'pause', {});
    await until(async () => harness.running() === 0, 'no attempt');
    await update(search, 'resume', {});
    await search.result();
    return recorded('search-steered', search, 0, 3);
  },

  'search-budget': async (harness) => {
    untilStopped(harness, 2);
    const search = await harness.search(specOf({ trials: 2, budget: { cost: 1e-9 } }), priced);
    await inStatus(search, 'waiting');
    await until(async () => harness.running() === 0, 'no attempt');
    await update(search, 'set-budget', { cost: 1000 });
    await search.result();
    return recorded('search-budget', search);
  },

  'search-cancelled': async (harness) => {
    untilStopped(harness);
    const search = await harness.search(specOf({ trials: 2 }));
    await running(search, 2);
    await search.cancel();
    await search.result().catch(() => undefined);
    return recorded('search-cancelled', search, 1);
  },

  'search-shares-a-pool': async (harness) => {
    const search = await harness.search(
      specOf({ trials: 3, parallel: 3 }),
      profileOf({ pools: [{ name: 'narrow', spot: false, maxAttempts: 1 }] }),
    );
    await search.result();
    return [...recorded('search-shares-a-pool', search, 2), { file: 'pool-gate', workflowId: 'longhaul-pool-narrow' }];
  },

  'search-continued': async (harness) => {
    const search = await harness.search(specOf({ trials: 24, parallel: 4 }));
    await search.result();
    const { runId } = await harness.client.workflow.getHandle(search.workflowId).describe();
    if (runId === search.firstExecutionRunId) throw new Error('the search did not continue as new: play more trials');
    return [
      { file: 'search-continued-first', workflowId: search.workflowId, runId: search.firstExecutionRunId },
      { file: 'search-continued-last', workflowId: search.workflowId, runId },
    ];
  },
};
