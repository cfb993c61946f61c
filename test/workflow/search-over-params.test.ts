/** Searches that choose params of the pipeline: what is made for them, who trains on what, and what comes after them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunResult, SearchState } from '../../src/contract/state.ts';
import { UPDATES } from '../../src/contract/names.ts';
import { compileText } from '../unit/compile/project.ts';
import { until } from './environment.ts';
import { specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

const PIPELINE = `
version: 1
name: p
params: { weeks: 4 }
steps:
  sessions: { kind: query, sql: { inline: SELECT @weeks }, with: { weeks: "{params.weeks}" } }
  calendar: { kind: query, sql: { inline: SELECT 1 } }
  parts: { kind: export, table: "{steps.sessions.outputs.table}" }
  held: { kind: export, table: "{steps.calendar.outputs.table}" }
  search:
    kind: search
    command: [python, train.py]
    data: { train: "{steps.parts.outputs.uri}", validation: "{steps.held.outputs.uri}" }
    objective: { metric: score, direction: maximize }
    space:
      x: { type: float, low: 0, high: 1 }
      weeks: { type: param, choices: [8, 12] }
    n_trials: 4
    parallel: 4
  report:
    kind: script
    file: report.sh
    after: search
    inputs: { weeks: "{params.weeks}", table: "{steps.sessions.outputs.table}" }
`;
const FILES = {
  'report.sh': 'true\n',
  'memory.yaml':
    'warehouse: { kind: duckdb, path: /memory/warehouse }\nstorage: { kind: directory, path: /memory }\ncompute: { kind: process, path: /memory/jobs }\n',
};

describe('a search over params of the pipeline', () => {
  let harness: SearchHarness;
  beforeAll(async () => {
    harness = await startSearchHarness('real');
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    harness.reset();
    harness.ports.calls.length = 0;
    harness.world.ask = async ({ count, trials }) =>
      Promise.resolve({
        suggestions: Array.from({ length: count }, (_, i) => {
          const trial = trials.length + i;
          return { x: trial / 10, weeks: trial % 2 === 0 ? 8 : 12 };
        }),
        exhausted: false,
        sampler: 'fake',
      });
  });

  const documentOf = (set: string[] = []): Promise<RunDocument> => compileText(PIPELINE, { profile: 'memory.yaml', set }, FILES);
  const run = async (document: RunDocument): Promise<RunResult> => (await harness.start(document)).result();
  const stepsOf = (result: RunResult): Record<string, string> => Object.fromEntries(result.steps.map(({ id, status }) => [id, status]));
  const uriOf = (result: RunResult, id: string): unknown => result.steps.find((step) => step.id === id)?.outputs['uri'];
  const dataOf = (): unknown[] =>
    harness.world.attempts.map(({ trial: { trial, spec } }) => [trial, spec.data['train']]).sort((a, b) => Number(a[0]) - Number(b[0]));

  it('trains each trial on the data of its own combination, which is made once and then cached', async () => {
    const first = await run(await documentOf());
    const [of8, of12] = [uriOf(first, 'parts.weeks-8'), uriOf(first, 'parts.weeks-12')];
    expect(of8).not.toEqual(of12);
    expect(dataOf()).toEqual([[0, of8], [1, of12], [2, of8], [3, of12]]); // prettier-ignore
    expect(new Set(harness.world.attempts.map(({ trial }) => trial.spec.data['validation']))).toEqual(new Set([uriOf(first, 'held')]));
    expect(harness.ports.calls.filter((call) => call.startsWith('query SELECT @weeks'))).toHaveLength(2);
    expect(harness.world.rows.map(({ parameters }) => JSON.parse(String(parameters)) as object)).toContainEqual({ x: 0.3, weeks: 12 });

    const second = await run(await documentOf(['steps.search.n_trials=5']));
    expect(stepsOf(second)).toMatchObject({
      'sessions.weeks-8': 'cached',
      'parts.weeks-12': 'cached',
      held: 'cached',
      search: 'succeeded',
    });
  });

  it('hands on what its best trial chose, and what comes after it reads the data of that', async () => {
    const result = await run(await documentOf());
    expect(result.steps.find(({ id }) => id === 'search')?.outputs).toMatchObject({
      ...{ best_trial: 3, best_parameters: { x: 0.3 }, params: { weeks: 12 }, params_weeks: 12 },
    });
    expect(stepsOf(result)).toMatchObject({ 'sessions.weeks-12': 'cached', sessions: 'cached' });
    const table = (id: string): unknown => result.steps.find((step) => step.id === id)?.outputs['table'];
    expect(table('sessions')).toEqual(table('sessions.weeks-12'));
  });

  const choosing = (more: object = {}): ReturnType<typeof specOf> =>
    specOf({
      space: { x: { type: 'float', low: 0, high: 1 }, weeks: { type: 'categorical', choices: [8, 12] } },
      dataBy: [8, 12].map((weeks) => ({
        params: { weeks },
        data: { train: `file:///d/train-${weeks}`, validation: 'file:///d/validation' },
        features: `file:///d/features-${weeks}.json`,
        earlyEvaluation: { table: `d.test_${weeks}`, features: `file:///d/features-${weeks}.json`, data: `file:///d/test-${weeks}` },
      })),
      ...more,
    });

  it('scores exports on the test set of their trial, and trains replicates on the data of theirs', async () => {
    harness.world.curves = async ({ trials }) =>
      Promise.resolve({
        exports: trials.filter(({ n }) => n < 1).map(({ trial, output }) => ({ trial, n: 1, export: `${output}/exports/1`, samples: 1 })),
        seen: trials.map(({ trial }) => [trial, 1] as const),
      });
    harness.world.evaluate = async () => Promise.resolve({ mrr: 0.5 });
    harness.world.attempt = async ({ trial }) => {
      await until(async () => Promise.resolve(harness.world.evaluated.some((one) => one.trial === trial.trial)), 'an evaluation');
      return { lastProgress: 1 };
    };
    const early = { table: 'd.test_8', features: 'file:///d/features-8.json', data: 'file:///d/test-8' };
    const search = await harness.search(choosing({ trials: 2, earlyEvaluation: early, replicates: { seeds: 2, of: 1 } }), undefined, {
      run: 'scored',
    });
    expect((await search.result()).replicates?.finalists.map(({ trial }) => trial)).toEqual([1]);
    const tables = harness.world.evaluated.map(({ trial, spec }) => [trial, spec.table, spec.data]);
    expect(tables).toEqual(expect.arrayContaining([[0, 'd.test_8', 'file:///d/test-8'], [1, 'd.test_12', 'file:///d/test-12']])); // prettier-ignore
    const replicates = harness.world.attempts
      .filter(({ trial }) => trial.trial > 1)
      .map(({ trial }) => [trial.spec.data['train'], trial.spec.features]);
    expect(replicates).toEqual([2, 3].map(() => ['file:///d/train-12', 'file:///d/features-12.json']));
  });

  it('keeps to the data sets that there are, whatever people ask for', async () => {
    let holding = true;
    harness.world.attempt = async () => {
      await until(async () => Promise.resolve(!holding), 'the end of the test');
      return {};
    };
    const search = await harness.search(choosing({ trials: 1 }), undefined, { run: 'steered' });
    await until(async () => (await search.query<SearchState>('state')).trials[0]?.status === 'running', 'the trial to run');
    const refused = async (update: string, payload: object): Promise<string> =>
      search.executeUpdate(update, { args: [payload] }).then(
        () => 'accepted',
        (error: unknown) => String((error as { cause?: Error }).cause?.message),
      );
    const x = { type: 'float', low: 0, high: 1 };
    expect(await refused(UPDATES.setSpace, { space: { x, weeks: { type: 'categorical', choices: [8, 16] } } })).toBe(
      'space.weeks.choices: expected a categorical of 8, 12, for which data sets were made, found 16',
    );
    expect(await refused(UPDATES.setSpace, { space: { x } })).toContain('space.weeks: expected a categorical of 8, 12');
    expect(await refused(UPDATES.forkTrial, { trial: 0, parameters: { weeks: 12 } })).toContain('a fork goes on from a checkpoint');
    expect(await refused(UPDATES.setSpace, { space: { x, weeks: { type: 'categorical', choices: [12] } } })).toBe('accepted');
    holding = false;
    await search.result();
  });
});
