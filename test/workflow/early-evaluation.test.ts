/** Offline metrics while training goes on: what is evaluated, and what follows from it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { describe, expect, it } from 'vitest';
import type { SearchState } from '../../src/contract/state.ts';
import { until } from './environment.ts';
import { profileOf, specOf } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

type Search = Awaited<ReturnType<SearchHarness['search']>>;

describe('early evaluation', () => {
  const harness = sharedSearchHarness();

  const spec = (early: object): ReturnType<typeof specOf> =>
    specOf({
      trials: 2,
      earlyEvaluation: { table: 'd.test', features: 'file:///d/features.json', data: 'file:///d/validation', ...early },
    });
  const state = (search: Search): Promise<SearchState> => search.query<SearchState>('state');

  /** Each trial has so many exports, of which the next comes when `ready` says so; trial 1 is the bad one. */
  function exporting(total: number, ready: (n: number, trial: number) => boolean = () => true): void {
    harness.world.curves = async ({ trials }) => {
      const open = trials.filter(({ trial, n }) => n < total && ready(n + 1, trial));
      // As the activity does that waits for files.
      if (open.length === 0) await sleep(50);
      return {
        exports: open.map(({ trial, n, output }) => ({ trial, n: n + 1, export: `${output}/exports/${n + 1}`, samples: 100 * (n + 1) })),
        seen: open.map(({ trial, n }) => [trial, n + 1] as const),
      };
    };
    harness.world.evaluate = async ({ trial }) => Promise.resolve({ average_rank: trial === 1 ? 80 : 20 });
  }
  const evaluatedOf = (trial: number): string[] =>
    harness.world.evaluated.filter((one) => one.trial === trial).map((one) => `${one.export.split('/').at(-1)} at ${one.samples}`);

  it('stops the trial whose metric is worse than the limit, and lets the others finish', async () => {
    exporting(1);
    harness.world.attempt = async ({ trial }) => {
      if (trial.trial === 1) return { verdict: await harness.stopAsked(), lastProgress: 1 };
      await until(async () => evaluatedOf(0).length === 1, 'the first export of trial 0 to be evaluated');
      return { lastProgress: 1 };
    };
    const search = await harness.search(spec({ when: { metric: 'average_rank', above: 60, then: 'stop' } }));
    const result = await search.result();
    expect(result.counts).toMatchObject({ succeeded: 1, stopped: 1 });
    const { trials } = await state(search);
    expect(trials.map(({ status, offline }) => [status, offline])).toEqual([
      ['succeeded', { average_rank: 20 }],
      ['stopped', { average_rank: 80 }],
    ]);
    expect(trials[1]?.reason).toBe('early evaluation: average_rank 80 is above 60');
    expect(harness.world.evaluated[0]?.spec).toMatchObject({ table: 'd.test', k: [10] });
  });

  it('has an export scored by a Job that may be preempted, whose costs count, before it is evaluated', async () => {
    exporting(1);
    const jobs: [step: string, attempt: number, image: string | undefined][] = [];
    harness.world.plan = ({ spec: { model } }) => [{ model, output: `${model}-scores`, document: `${model}.json` }];
    harness.world.score = async ({ step, attempt, spec }) => {
      jobs.push([step.replace(/-[0-9a-f]{8}$/, ''), attempt, spec.kind === 'score' ? spec.image : 'none']);
      return Promise.resolve({ cost: 0.25, ...(attempt === 1 ? { verdict: 'preempted', cause: 'the node is gone' } : {}) });
    };
    harness.world.attempt = async ({ trial }) => {
      await until(async () => evaluatedOf(trial.trial).length === 1, 'the export to be evaluated');
      return { lastProgress: 1 };
    };
    const search = await harness.search({ ...spec({}), image: 'registry/trees:1', trials: 1 });
    await search.result();
    expect(jobs).toEqual([
      ['search--t0', 1, 'registry/trees:1'],
      ['search--t0', 2, 'registry/trees:1'],
    ]);
    const [evaluated] = harness.world.evaluated;
    expect(evaluated?.scored).toEqual([{ model: evaluated?.export, output: `${evaluated?.export}-scores` }]);
    expect((await state(search)).cost).toBe(0.5);
  });

  it('evaluates an export also when a later point comes with it', async () => {
    let sent = false;
    harness.world.attempt = async () => ({ verdict: await harness.stopAsked(), lastProgress: 3 });
    harness.world.evaluate = async () => Promise.resolve({ average_rank: 20 });
    harness.world.curves = async ({ trials: [trial], metrics }) => {
      if (sent || !trial) {
        await sleep(50);
        return {};
      }
      sent = true;
      const seen = { trial: trial.trial, n: 1, export: `${trial.output}/exports/1`, samples: 100 };
      return { exports: [seen], points: [[trial.trial, 2, 20, metrics.map(() => 1)]], seen: [[trial.trial, 2]] };
    };
    const search = await harness.search(spec({}));
    await until(async () => evaluatedOf(0).length + evaluatedOf(1).length === 1, 'the evaluation');
    await search.cancel();
    await search.result().catch(() => undefined);
  });

  it.each([
    ['approve', 'succeeded'],
    ['reject', 'stopped'],
  ] as const)('asks a person, who may %s', async (answer, status) => {
    exporting(1, (_n, trial) => harness.world.attempts.some((attempt) => attempt.trial.trial === trial));
    harness.world.attempt = async ({ trial, attempt }) =>
      trial.trial === 1 && attempt === 1 ? { verdict: await harness.stopAsked(), lastProgress: 1 } : { lastProgress: 1 };
    const search = await harness.search(
      spec({ when: { metric: 'average_rank', above: 60, then: 'ask' } }),
      profileOf({ notifications: [{ on: ['approval'], command: ['true'] }] }),
    );
    await until(async () => (await state(search)).trials[1]?.status === 'paused', 'trial 1 to wait for an answer');
    await until(async () => harness.world.notices.length > 0, 'a person to be told');
    expect(harness.world.notices).toMatchObject([
      { event: 'approval', text: expect.stringContaining('trial 1: early evaluation: average_rank 80 is above 60; approve') as string },
    ]);
    expect((await state(search)).trials[1]?.reason).toBe('waits for an answer: early evaluation: average_rank 80 is above 60');
    await search.executeUpdate(answer, { args: [{ trial: 1, by: 'ada' }] });
    await search.result();
    const trial = (await state(search)).trials[1];
    expect(trial?.status).toBe(status);
    if (answer === 'reject') expect(trial?.reason).toBe('rejected by ada: early evaluation: average_rank 80 is above 60');
  });

  it('acts on no trial that a person keeps', async () => {
    let kept = false;
    exporting(1, () => kept);
    harness.world.attempt = async () => {
      await until(async () => harness.world.evaluated.length === 2, 'both exports to be evaluated');
      return { lastProgress: 1 };
    };
    const search = await harness.search(spec({ when: { metric: 'average_rank', above: 60, then: 'stop' } }));
    await until(async () => (await state(search)).trials[1]?.status === 'running', 'trial 1 to run');
    await search.executeUpdate('keep-trial', { args: [{ trial: 1 }] });
    kept = true;
    expect((await search.result()).counts.succeeded).toBe(2);
  });

  it('evaluates every second export', async () => {
    // One by one, so that none is passed over for a newer one.
    exporting(5, (n, trial) => evaluatedOf(trial).length >= Math.floor((n - 1) / 2));
    harness.world.attempt = async ({ trial }) => {
      await until(async () => evaluatedOf(trial.trial).length === 2, 'two evaluations');
      return { lastProgress: 5 };
    };
    await (await harness.search(spec({ everyExports: 2 }))).result();
    for (const trial of [0, 1]) expect(evaluatedOf(trial)).toEqual(['2 at 200', '4 at 400']);
  });

  it('evaluates at most once in a time', async () => {
    exporting(6, (n, trial) => n === 1 || evaluatedOf(trial).length > 0);
    let seen = 0;
    const { curves } = harness.world;
    harness.world.curves = async (input) => {
      seen = Math.max(seen, ...input.trials.map(({ n }) => n));
      return curves(input);
    };
    harness.world.attempt = async () => {
      await until(async () => seen === 6 && harness.world.evaluated.length === 2, 'six exports of each trial');
      return { lastProgress: 6 };
    };
    await (await harness.search(spec({ everySeconds: 3600 }))).result();
    for (const trial of [0, 1]) expect(evaluatedOf(trial)).toEqual(['1 at 100']);
  });

  it('searches by an offline metric', async () => {
    exporting(1);
    harness.world.attempt = async ({ trial }) => Promise.resolve({ lastProgress: 1, bestExport: `${trial.output}/exports/1` });
    const search = await harness.search({ ...spec({}), objective: { metric: 'offline.average_rank', goal: 'minimize' } });
    const result = await search.result();
    expect(result.outputs).toMatchObject({ best_trial: 0, best_objective: 20 });
  });

  it('lets an export that cannot be evaluated end nothing', async () => {
    exporting(2, (n, trial) => evaluatedOf(trial).length >= n - 1);
    harness.world.evaluate = async ({ trial, export: uri }) => {
      if (trial === 1 && uri.endsWith('/1')) throw ApplicationFailure.nonRetryable('7 scores are not finite', 'InvalidInput');
      return Promise.resolve({ average_rank: trial === 1 ? 10 : 20 });
    };
    harness.world.attempt = async ({ trial }) => {
      await until(async () => evaluatedOf(trial.trial).length === 2, 'both exports');
      return { lastProgress: 2 };
    };
    const search = await harness.search(spec({}));
    const result = await search.result();
    expect(result.counts).toMatchObject({ succeeded: 2, failed: 0 });
    const { trials, decisions } = await state(search);
    expect(trials[1]?.offline).toEqual({ average_rank: 10 });
    expect(decisions.map(({ text }) => text)).toContain('model export 1 could not be evaluated: 7 scores are not finite');
  });

  it('lets the trial fail alone whose only export cannot be evaluated', async () => {
    exporting(1);
    harness.world.evaluate = async ({ trial }) => {
      if (trial === 1) throw ApplicationFailure.nonRetryable('7 scores are not finite', 'InvalidInput');
      return Promise.resolve({ average_rank: 20 });
    };
    harness.world.attempt = async ({ trial }) => Promise.resolve({ lastProgress: 1, bestExport: `${trial.output}/exports/1` });
    const search = await harness.search({ ...spec({}), objective: { metric: 'offline.average_rank', goal: 'minimize' } });
    const result = await search.result();
    expect(result.outputs).toMatchObject({ best_trial: 0, best_objective: 20 });
    expect((await state(search)).trials[1]?.reason).toContain('7 scores are not finite');
  });

  it('answers with the export whose value it answers with, also where a later one was worse', async () => {
    exporting(3, (n, trial) => evaluatedOf(trial).length >= n - 1);
    const ranks = [30, 12, 45];
    harness.world.evaluate = async ({ export: uri }) =>
      Promise.resolve({ average_rank: ranks[Number(uri.split('/').at(-1)) - 1] ?? 0, mrr: Number(uri.split('/').at(-1)) });
    harness.world.attempt = async ({ trial }) => {
      await until(async () => evaluatedOf(trial.trial).length === 3, 'all exports');
      return { lastProgress: 3, bestExport: `${trial.output}/exports/3` };
    };
    const search = await harness.search({ ...spec({}), trials: 1, objective: { metric: 'offline.average_rank', goal: 'minimize' } });
    const { outputs } = await search.result();
    expect([outputs.best_objective, outputs.export?.split('/').at(-1)]).toEqual([12, '2']);
    expect((await state(search)).trials[0]?.offline).toEqual({ average_rank: 12, mrr: 2 });
  });
});
