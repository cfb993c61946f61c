import type { WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { searchWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { EarlierSearch, SearchCarried, SearchInput, SearchResult } from '../../src/contract/search.ts';
import type { SearchState } from '../../src/contract/state.ts';
import type { SearchSpec } from '../../src/contract/steps.ts';
import { curveFeed } from './curve-feed.ts';
import { until } from './environment.ts';
import { profileOf, specOf, startSearchHarness, type SearchHarness } from './search-harness.ts';

type SearchHandle = Awaited<ReturnType<SearchHarness['search']>>;
const PRICED = profileOf({ pools: [{ name: 'spot', spot: true, pricePerHour: 1 }] });

describe('a search that goes on with an ended one', () => {
  let harness: SearchHarness;
  beforeEach(async () => {
    harness = await startSearchHarness();
  });
  afterEach(() => harness.stop());

  /** As `trainingPipeline` begins it. */
  async function extended(
    workflowId: string,
    spec: SearchSpec,
    known: Partial<SearchCarried> = {},
  ): Promise<{ readonly result: SearchResult; readonly state: SearchState }> {
    const handle = await extending(workflowId, spec, known);
    const result = (await handle.result()) as SearchResult;
    return { result, state: await handle.query<SearchState>('state') };
  }

  async function extending(workflowId: string, spec: SearchSpec, known: Partial<SearchCarried> = {}): Promise<WorkflowHandle> {
    const earlier = await harness.client.workflow.getHandle(workflowId).query<EarlierSearch>('memory');
    if (earlier.carried === null || earlier.output === undefined) throw new Error('the ended search says nothing');
    const input: SearchInput = {
      ...{ run: 'longer', pipeline: 'p', step: 'search', commit: null, profile: PRICED, spec },
      carried: { ...earlier.carried, ...known },
      takenFrom: earlier.output,
    };
    return harness.client.workflow.start(WORKFLOWS.hyperparameterSearch, {
      taskQueue: TASK_QUEUES.control,
      workflowId: searchWorkflowId(input.run, input.step),
      args: [input],
    });
  }

  it('has the budget that its document says for its own, beside what the ended one used', async () => {
    const first = await harness.search(specOf({ trials: 3, parallel: 1, budget: { trials: 3 } }), PRICED);
    await first.result();
    const takesOver = { run: 'run-1', step: 'search' };
    // Jobs that scored exports cost the ended one something, too.
    const spec = specOf({ trials: 6, parallel: 1, budget: { trials: 3, cost: 400 }, takesOver });
    const { result, state } = await extended(first.workflowId, spec, { scoringCost: 500 });
    expect(result.outputs.trials).toBe(6);
    expect(result.cost).toBeLessThan(400);
    expect(state.decisions.map(({ text }) => text).filter((text) => text.includes('budget'))).toEqual([]);
  });

  it('trains finalists again that the ended one did not have, and lets the mean of all decide', async () => {
    harness.world.ask = ({ trials, count }) =>
      Promise.resolve({
        suggestions: Array.from({ length: count }, (_, i) => ({ x: trials.length + i })),
        exhausted: false,
        sampler: 'fake',
      });
    // The later the better.
    harness.world.attempt = ({ trial: { parameters } }) => {
      const objective = Number(parameters.x);
      return Promise.resolve({ objective, metrics: { score: objective } });
    };
    const replicates = { seeds: 2, of: 1 };
    const first = await harness.search(specOf({ trials: 2, parallel: 1, replicates }), PRICED);
    const before = await first.result();
    expect([before.outputs.best_trial, before.outputs.trials]).toEqual([1, 4]);
    const takesOver = { run: 'run-1', step: 'search' };
    const { result, state } = await extended(first.workflowId, specOf({ trials: 5, parallel: 1, replicates, takesOver }));
    expect(state.trials.slice(2).map(({ origin, parent }) => [origin, parent])).toEqual([
      ['replicate', 1],
      ['replicate', 1],
      ['sampler', null],
      ['replicate', 4],
      ['replicate', 4],
    ]);
    expect(result.replicates?.finalists.map(({ trial }) => trial)).toEqual([4, 1]);
    expect(result.outputs.best_trial).toBe(4);
  });

  it('trains only what is new, tells the sampler of all, and may name a trial of before the best', async () => {
    harness.world.ask = ({ trials, count }) =>
      Promise.resolve({
        suggestions: Array.from({ length: count }, (_, i) => ({ x: 0.9 - (trials.length + i) / 10 })),
        exhausted: false,
        sampler: 'fake',
      });
    const first = await harness.search(specOf({ trials: 3, parallel: 1 }), PRICED);
    const before = await first.result();
    const trained = harness.world.attempts.length;
    const { result, state } = await extended(
      first.workflowId,
      specOf({ trials: 5, parallel: 1, takesOver: { run: 'run-1', step: 'search' } }),
    );
    expect(harness.world.attempts.slice(trained).map(({ trial }) => [trial.trial, trial.output])).toEqual([
      [3, 'file:///out/longer/trial-3'],
      [4, 'file:///out/longer/trial-4'],
    ]);
    expect(harness.world.asked.at(-1)?.trials.map(({ told }) => told)).toEqual([0, 1, 2, 3]);
    expect(result.outputs).toMatchObject({ best_trial: 0, export: before.outputs.export, trials: 5 });
    expect(result.cost).toBeLessThan(before.cost);
    expect(state.decisions.map(({ text }) => text)).toContain('took over 3 trials of run-1; none can go on from their checkpoints');
    expect(harness.world.adopted).toEqual([]);
  });

  it('begins also those that a promise of the ended one had no room for', async () => {
    const first = await harness.search(specOf({ trials: 1, parallel: 1 }));
    await first.result();
    const spec = specOf({ trials: 3, parallel: 1, takesOver: { run: 'run-1', step: 'search' } });
    const { state } = await extended(first.workflowId, spec, { promised: { trials: 1, tells: 1 } });
    expect(state.trials.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  });

  it('goes on with finished trials where training is longer, from a copy of what they had', async () => {
    const first = await harness.search(specOf({ trials: 2, parallel: 1 }));
    await first.result();
    const trained = harness.world.attempts.length;
    const longer = { epochs: 2, takesOver: { run: 'run-1', step: 'search', longer: true } };
    const { state } = await extended(first.workflowId, specOf({ trials: 2, parallel: 2, ...longer }));
    expect(harness.world.adopted.map(({ from, to }) => [from, to]).sort()).toEqual(
      [0, 1].map((trial) => [`file:///out/run-1/trial-${trial}`, `file:///out/longer/trial-${trial}`]),
    );
    // Attempts are counted on: the newest one owns the checkpoint.
    expect(harness.world.attempts.slice(trained).map(({ attempt }) => attempt)).toEqual([2, 2]);
    expect(state.trials.map(({ status, output }) => [status, output])).toEqual(
      [0, 1].map((trial) => ['succeeded', `file:///out/longer/trial-${trial}`]),
    );
  });

  it('lets a trial whose checkpoints are gone begin anew, and hears its first points', async () => {
    harness.world.attempt = ({ lastProgress, samples }) => Promise.resolve({ lastProgress: lastProgress + 1, samples: samples + 100 });
    const first = await harness.search(specOf({ trials: 1, parallel: 1 }));
    await first.result();
    const trained = harness.world.attempts.length;
    harness.world.keeps = false;
    const longer = { epochs: 2, takesOver: { run: 'run-1', step: 'search', longer: true } };
    const { state } = await extended(first.workflowId, specOf({ trials: 1, parallel: 1, ...longer }));
    // Its records are counted from the first one again.
    expect(harness.world.attempts.slice(trained).map(({ attempt, lastProgress, samples }) => [attempt, lastProgress, samples])).toEqual([
      [2, 0, 0],
    ]);
    const texts = state.decisions.map(({ text }) => text);
    expect(texts).toContain('begins anew: file:///out/run-1/trial-0 has no checkpoint any more');
    expect(state.trials.map(({ status }) => status)).toEqual(['succeeded']);
  });

  it('trains only the parts of curves that are asked for, and stops where they are known', async () => {
    const feed = curveFeed();
    harness.world.curves = feed.curves;
    let search: SearchHandle | null = null;
    const seen = (trial: number, points: number): Promise<unknown> =>
      until(async () => (await search?.query<SearchState>('state'))?.trials[trial]?.points === points, `point ${points} of trial ${trial}`);
    harness.world.attempt = async ({ trial: { trial } }) => {
      feed.add(trial, 0.5);
      await seen(trial, 1);
      return trial === 1 ? { lastProgress: 1 } : { verdict: await harness.stopAsked(), lastProgress: 1 };
    };
    search = await harness.search(specOf({ trials: 2, parallel: 2 }));
    await seen(0, 1);
    await search.executeUpdate('stop-trial', { args: [{ trial: 0 }] });
    await search.result();
    const trained = harness.world.attempts.length;
    harness.world.attempt = async ({ trial: { trial }, lastProgress }) => {
      const stopped = harness.stopAsked();
      for (let point = lastProgress + 1; point <= 3; point++) feed.add(trial, 0.6);
      return { verdict: await stopped, lastProgress: 3 };
    };
    const takesOver = { run: 'run-1', step: 'search', thaw: [{ trial: 0, points: 3 }] };
    const { state } = await extended(search.workflowId, specOf({ trials: 1, parallel: 2, takesOver }));
    expect(harness.world.attempts.slice(trained).map(({ trial: { trial } }) => trial)).toEqual([0]);
    expect(state.trials.map(({ status, points, reason }) => [status, points, reason])).toEqual([
      ['stopped', 3, 'trained to point 3, as far as was asked'],
      ['succeeded', 1, null],
    ]);
  });

  it('lets a thawed trial go on that a person resumes, beyond what was asked', async () => {
    const feed = curveFeed();
    harness.world.curves = feed.curves;
    const seen = (of: WorkflowHandle, trial: number, points: number): Promise<unknown> =>
      until(async () => (await of.query<SearchState>('state')).trials[trial]?.points === points, `point ${points} of trial ${trial}`);
    harness.world.attempt = async ({ trial: { trial } }) => {
      feed.add(trial, 0.5);
      return { verdict: await harness.stopAsked(), lastProgress: 1 };
    };
    const search: WorkflowHandle = await harness.search(specOf({ trials: 2, parallel: 2 }));
    for (const trial of [0, 1]) {
      await seen(search, trial, 1);
      await search.executeUpdate('stop-trial', { args: [{ trial }] });
    }
    await search.result();
    let resumed = false;
    harness.world.attempt = async ({ trial: { trial }, lastProgress }) => {
      if (trial === 0 && lastProgress === 2) {
        feed.add(trial, 0.7);
        feed.add(trial, 0.8);
        return { lastProgress: 4 };
      }
      const stopped = harness.stopAsked();
      if (trial === 1) await until(() => Promise.resolve(resumed), 'the other one');
      feed.add(trial, 0.6);
      return { verdict: await stopped, lastProgress: 2 };
    };
    const points = 2;
    const takesOver = { run: 'run-1', step: 'search', thaw: [0, 1].map((trial) => ({ trial, points })) };
    const thawed = await extending(search.workflowId, specOf({ trials: 1, parallel: 2, takesOver }));
    await until(async () => (await thawed.query<SearchState>('state')).trials[0]?.status === 'stopped', 'the end of trial 0');
    await thawed.executeUpdate('resume', { args: [{ trial: 0 }] });
    await seen(thawed, 0, 4);
    resumed = true;
    await thawed.result();
    const { trials } = await thawed.query<SearchState>('state');
    expect(trials.map((trial) => [trial.status, trial.points])).toEqual([
      ['succeeded', 4],
      ['stopped', 2],
    ]);
  });
});
