/** Evaluate steps whose exports are scored by Jobs. */
import { ApplicationFailure } from '@temporalio/activity';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EvaluateInput } from '../../activities/evaluation-contract.ts';
import type { WorkResult } from '../../activities/queries.ts';
import type { PlanScoresInput, ScoringJob } from '../../activities/scoring.ts';
import { EvaluateSpec } from '../../src/contract/steps.ts';
import { documentOf } from './documents.ts';
import { startHarness } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';

describe('an evaluate step', () => {
  const ports = createMemoryPorts();
  let harness: Harness;
  let planned: PlanScoresInput[] = [];
  let evaluated: EvaluateInput[] = [];
  /** What the first evaluations fail with. */
  let failures = 0;
  beforeAll(async () => {
    harness = await startHarness(ports, 'real', {
      planScores: async (input: PlanScoresInput): Promise<readonly ScoringJob[]> => {
        planned.push(input);
        const models = [input.spec.model, ...(input.spec.compareWith ?? [])].filter((model) => !model.endsWith('imported'));
        return Promise.resolve(models.map((model) => ({ model, output: `${model}/scores`, document: `${model}/score.json` })));
      },
      evaluateModel: async (input: EvaluateInput): Promise<WorkResult> => {
        evaluated.push(input);
        if (failures-- > 0) throw ApplicationFailure.nonRetryable('the warehouse is away', 'JobFailed');
        return Promise.resolve({ outputs: { scores: 'd.scores', mrr: 0.5 } });
      },
    });
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    [planned, evaluated, failures] = [[], [], 0];
    ports.objects.clear();
    // What the steps read must be there.
    for (const name of ['m/a/READY', 'm/b/READY', 'm/imported/READY', 'd/features.json', 'd/test/part-0.parquet'])
      ports.objects.set(`file:///${name}`, { data: new Uint8Array(), generation: '1' });
    for (const table of ['d.test', 'd.scores']) ports.tables.set(table, { table, rows: 1, bytes: 1, version: '1', columns: [], job: null });
    ports.calls.length = 0;
    ports.onJob = async () => ({});
  });
  const step = (changes: object = {}): object => ({
    kind: 'evaluate',
    model: 'file:///m/a',
    table: 'd.test',
    features: 'file:///d/features.json',
    data: 'file:///d/test',
    ...changes,
  });
  const run = async (spec: object): Promise<void> => {
    const started = await harness.start(
      documentOf([{ id: 'evaluate', cache: false, retry: { attempts: 2, backoffSeconds: 0 }, spec: EvaluateSpec.parse(spec) }]),
    );
    await started.result();
  };

  it('has each export scored by a Job of its own, begun again when its machine is taken away', async () => {
    const jobs: (readonly [step: string, attempt: string | undefined, document: string | undefined])[] = [];
    ports.onJob = async ({ labels, env }) => {
      jobs.push([labels.step.replace(/[0-9a-f]{8}$/, '…'), labels.attempt, env['LONGHAUL_SCORE']]);
      return Promise.resolve(jobs.length === 1 ? { state: 'failed', exitCode: 143, disruption: 'EvictionByEvictionAPI' } : {});
    };
    await run(step({ compareWith: ['file:///m/b'] }));
    expect(jobs).toEqual([
      ['evaluate', '1', 'file:///m/a/score.json'],
      ['evaluate', '2', 'file:///m/a/score.json'],
      ['evaluate--…', '1', 'file:///m/b/score.json'],
    ]);
    expect(evaluated.map(({ scored }) => scored)).toEqual([
      [
        { model: 'file:///m/a', output: 'file:///m/a/scores' },
        { model: 'file:///m/b', output: 'file:///m/b/scores' },
      ],
    ]);
  });

  it('leaves to the warehouse what it scores itself, and asks nobody where there are scores already', async () => {
    await run(step({ model: 'file:///m/imported' }));
    await run({ kind: 'evaluate', task: 'binary', scores: 'd.scores' });
    expect([planned.length, evaluated[0]?.scored, evaluated[1]?.scored]).toEqual([1, [], undefined]);
  });

  it('counts attempts over the tries of the step, so that no Job is taken for another', async () => {
    const attempts: (string | undefined)[] = [];
    ports.onJob = async ({ labels }) => {
      attempts.push(labels.attempt);
      return Promise.resolve({});
    };
    failures = 1;
    await run(step());
    expect([attempts, evaluated.length]).toEqual([['1', '2'], 2]);
  });
});
