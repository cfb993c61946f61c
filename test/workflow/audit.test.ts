import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuditActivities } from '../../activities/audits.ts';
import type { AuditInput, AuditState, Certificate, JudgeInput } from '../../src/contract/audit.ts';
import { auditWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { AttemptInput } from '../../src/contract/attempts.ts';
import type { LedgerRow, LedgerTable } from '../../src/contract/ledger.ts';
import type { Warehouse } from '../../src/ports/index.ts';
import { groceryDocument } from '../support/run-document.ts';
import { createMemoryPorts, ROOT, type MemoryPorts } from './memory-ports.ts';
import { profileOf, SPOT_AND_ON_DEMAND, startSearchHarness, type SearchHarness } from './search-harness.ts';

const RUN = 'run-7';
const [FROM, TO] = [100, 104];
const profile = profileOf(SPOT_AND_ON_DEMAND);
const NAMES = ['model/w', 'optimizer/m'];
/** Digests of a training of which each step comes out like this. */
type Training = (step: number) => readonly [string, string];
const same: Training = (step) => [`w${step}`, `m${step}`];

const pointsOf = (training: Training, steps: readonly number[]): object => ({
  names: NAMES,
  points: steps.map((step) => ({ boundary: step - FROM, step, samples: step * 10, digests: training(step) })),
});

describe('audit', () => {
  let harness: SearchHarness;
  let ports: MemoryPorts;
  let lostAnswers: number;
  const put = (uri: string, value: object): void =>
    void ports.objects.set(uri, { data: new TextEncoder().encode(JSON.stringify(value)), generation: '1' });
  const row = <T extends LedgerTable>(table: T, fields: Omit<LedgerRow<T>, 'pipeline' | 'run' | 'time'>): void => {
    ports.rows.push({ table, key: `${ports.rows.length}`, row: { pipeline: 'p', run: RUN, time: '2026-11-29T00:00:00Z', ...fields } });
  };
  const outputOf = (trial: number): string => `${ROOT}/out/trial-${trial}`;
  const read = (uri: string): unknown => JSON.parse(new TextDecoder().decode(ports.objects.get(uri)!.data));

  beforeEach(async () => {
    ports = createMemoryPorts();
    const warehouse = await ports.warehouse(profile);
    const ledger: Warehouse['ledger'] = async (table, where = {}) =>
      Promise.resolve(ports.rowsOf(table).filter((row) => Object.entries(where).every(([name, value]) => row[name as 'run'] === value)));
    ports.warehouse = async () => Promise.resolve({ ...warehouse, ledger });
    const activities = createAuditActivities(ports);
    lostAnswers = 0;
    harness = await startSearchHarness('skipping', [], {
      ...activities,
      judgePair: async (input: JudgeInput) => {
        const judgement = await activities.judgePair(input);
        if (lostAnswers-- > 0) throw new Error('the worker went before its answer was recorded');
        return judgement;
      },
    });
    const document = groceryDocument({ pipeline: 'p', trials: 2, parallel: 1, moreSteps: 0 });
    put(`${ROOT}/runs/${RUN}/run.json`, document);
    const outputs: Record<string, object> = {
      'dataset.train': { features: 'file:///d/features.json' },
      'parts.train': { uri: 'file:///d/train' },
      'parts.validation': { uri: 'file:///d/validation' },
      'dataset.test': { table: 'd.test', features: 'file:///d/features.json' },
      'parts.test': { uri: 'file:///d/test' },
    };
    for (const [step, values] of Object.entries(outputs)) row('steps', { step, outputs: JSON.stringify(values) });
  });
  afterEach(() => harness.stop());

  /** A trial that ended on spot, with a pair of checkpoints; `steps`: where digests were taken. */
  const trained = (trial: number, { steps = [101, 102, 103, 104], samples = 10_000 } = {}): void => {
    const output = outputOf(trial);
    row('trials', { step: 'search', trial, output, status: 'succeeded' });
    row('attempts', { step: 'search', trial, attempt: 1, pool: 'spot', node: 'node-1' });
    put(`${output}/checkpoints/LATEST`, { checkpoint: 'x', attempt: 1, step: 1000, samples, files: {}, reason: 'end', previous: [] });
    put(`${output}/trial.json`, {
      ...{ version: 1, pipeline: 'p', run: RUN, step: 'search', trial, seed: 3, parameters: { x: 1 }, data: {}, output, epochs: 1 },
      objective: { metric: 'score', goal: 'maximize' },
      ...{ checkpoint: {}, parts: {}, audit: { share: 0.02 }, commit: null },
    });
    const machine = { processor: 'A', threads: '1' };
    put(`${output}/audits/4/pair.json`, {
      from: { checkpoint: '000000100-1', step: FROM, samples: FROM * 10, attempt: 1, machine, files: { a: { bytes: 7 } } },
      to: { step: TO, samples: TO * 10, attempt: 1, machine },
      ...pointsOf(same, [FROM, ...steps]),
    });
    put(`${output}/audits/4/checkpoints/000000100-1/a`, {});
  };

  const start = (more: Partial<AuditInput> = {}) =>
    harness.client.workflow.start<(input: AuditInput) => Promise<AuditState>>(WORKFLOWS.audit, {
      taskQueue: TASK_QUEUES.control,
      workflowId: auditWorkflowId(RUN),
      args: [{ run: RUN, pipeline: 'p', profile, share: 0.02, ...more }],
    });

  /** What a repetition comes to, by the pool that it is in; `dense` as asked for. */
  const repetitionsAre = (training: (input: AttemptInput) => Training, processor = 'A'): void => {
    harness.world.attempt = async (input) => {
      const { trial } = input;
      const dense = trial.repeat?.dense ?? null;
      const pair = read(`${trial.repeat?.pair}/pair.json`) as { points: { step: number }[] };
      const all = Array.from({ length: TO - FROM }, (_, index) => FROM + 1 + index);
      const wanted = pair.points.map(({ step }) => step);
      const steps = all.filter((step) => wanted.includes(step) || (dense !== null && step > dense[0] && step <= dense[1]));
      put(`${trial.output}/repeat.json`, {
        attempts: [{ attempt: input.attempt, machine: { processor, threads: '1' } }],
        ...pointsOf(training(input), steps),
      });
      return Promise.resolve({});
    };
  };
  const attempts = (): [string, string][] =>
    harness.world.attempts.map(({ trial, pool }) => [trial.run.replace(/.*audit-[0-9a-f]{8}/, ''), pool.name]);

  it('trains a window again in another pool, finds it equal, and keeps the pair no longer', async () => {
    trained(0);
    repetitionsAre(() => same);
    const { results, plan, status } = await (await start()).result();
    expect([status, plan?.trained]).toEqual(['done', 10_000]);
    expect(results).toEqual([
      expect.objectContaining({ trial: 0, from: FROM, to: TO, samples: 40, verdict: 'equal', first: null, pool: 'spot' }),
    ]);
    expect(attempts()).toEqual([['', 'on-demand']]);
    const [{ trial }] = harness.world.attempts as [AttemptInput];
    expect(trial).toMatchObject({
      step: 'search',
      trial: 0,
      parameters: { x: 1 },
      repeat: { pair: `${outputOf(0)}/audits/4`, checkpoint: '000000100-1' },
    });
    expect(trial.run).toMatch(/^run-7\.audit-[0-9a-f]{8}$/);
    const certificate = read(results[0]!.uri) as Certificate;
    expect(certificate).toMatchObject({
      run: RUN,
      verdict: 'equal',
      tensors: 2,
      boundaries: 4,
      original: { pool: 'spot', node: 'node-1' },
    });
    expect(ports.rowsOf('audits')).toEqual([expect.objectContaining({ run: RUN, trial: 0, verdict: 'equal', repeated_pool: null })]);
    expect([...ports.objects.keys()].filter((uri) => uri.includes('/audits/4/'))).toEqual([]);
    await expect((await start()).result()).rejects.toHaveProperty('cause.message', expect.stringContaining('audited before'));
  });

  it('keeps trial.json but for its place and its task, so that the training is the same one', async () => {
    trained(0);
    let written: unknown;
    harness.world.attempt = async ({ trial }) => {
      written = read(`${trial.output}/trial.json`);
      return Promise.resolve({ verdict: 'bad-input', logTail: 'identity differs' });
    };
    const { results } = await (await start()).result();
    expect([results[0]?.verdict, results[0]?.why]).toEqual(['unknown', expect.stringContaining('identity differs')]);
    const before = read(`${outputOf(0)}/trial.json`) as Record<string, unknown>;
    const { run, output, repeat, ...rest } = written as Record<string, unknown>;
    expect([run, output, repeat]).toEqual([
      expect.stringMatching(/^run-7\.audit-/),
      expect.stringContaining(`${outputOf(0)}/audits/4/audit-`),
      { pair: `${outputOf(0)}/audits/4`, checkpoint: '000000100-1', dense: null },
    ]);
    const { run: _run, output: _output, audit: _audit, ...same } = before;
    expect(rest).toMatchObject(same);
    expect(rest).not.toHaveProperty('audit');
  });

  it('finds the step and the tensor, and that the machine makes the difference, with a closer look where digests were thin', async () => {
    trained(0, { steps: [102, 104] });
    // Another processor: from step 104 on it rounds otherwise.
    repetitionsAre(({ pool }) => (pool.name === 'spot' ? same : (step) => [`w${step}`, step < 104 ? `m${step}` : 'other']), 'B');
    const { results } = await (await start()).result();
    expect(attempts()).toEqual([
      ['', 'on-demand'],
      ['.origin', 'spot'],
      ['.closer', 'on-demand'],
    ]);
    expect(harness.world.attempts[2]?.trial.repeat?.dense).toEqual([102, 104]);
    expect(results[0]).toMatchObject({ verdict: 'machine', first: { step: 104, after: 103, exact: true, tensors: ['optimizer/m'] } });
    expect(results[0]?.why).toContain('processor (was A, is B)');
    expect(ports.objects.has(`${outputOf(0)}/audits/4/pair.json`), 'what differs is kept').toBe(true);
    expect(ports.rowsOf('audits')[0]).toMatchObject({ verdict: 'machine', first_step: 104, first_tensor: 'optimizer/m' });
  });

  it.each([
    ['once', () => (step: number) => [step < 103 ? `w${step}` : `fault${step}`, `m${step}`] as const],
    [
      'unstable',
      ({ pool }: AttemptInput) =>
        (step: number) =>
          [step < 103 ? `w${step}` : `${pool.name}${step}`, `m${step}`] as const,
    ],
  ] as const)('tells a difference that is %s', async (verdict, training) => {
    trained(0);
    repetitionsAre(training);
    const { results } = await (await start()).result();
    expect(results[0]).toMatchObject({ verdict, first: { step: 103, after: 102, exact: true, tensors: ['model/w'] } });
    expect(attempts().map(([side]) => side)).toEqual(['', '.origin']);
  });

  it('goes by the certificate that is written when the answer was lost', async () => {
    trained(0);
    repetitionsAre(() => same);
    lostAnswers = 1;
    const { results } = await (await start()).result();
    expect(results[0]).toMatchObject({ verdict: 'equal', pool: 'spot' });
    expect([...ports.objects.keys()].filter((uri) => uri.includes('/audits/4/'))).toEqual([]);
  });

  it('outlives preemptions of its trainings', async () => {
    trained(0);
    const again = { calls: 0 };
    repetitionsAre(() => same);
    const train = harness.world.attempt;
    harness.world.attempt = async (input, retries) => (++again.calls < 3 ? { verdict: 'preempted' } : train(input, retries));
    const { results } = await (await start()).result();
    expect([again.calls, results[0]?.verdict]).toEqual([3, 'equal']);
  });

  it('keeps within the share over all trials, and says what it left out', async () => {
    for (let trial = 0; trial < 9; trial++) trained(trial, { samples: 500 });
    repetitionsAre(() => same);
    const { results, plan } = await (await start()).result();
    expect(results).toHaveLength(2);
    expect(results.reduce((sum, { samples }) => sum + samples, 0)).toBeLessThanOrEqual(0.02 * 9 * 500);
    expect(plan).toMatchObject({ trained: 4500, left: 7 });
  });

  it('says why there is nothing to audit', async () => {
    const draw = (share = 0.02): Promise<unknown> =>
      new MockActivityEnvironment().run(createAuditActivities(ports).drawAudit, { run: RUN, profile, share });
    await expect(draw()).rejects.toThrow('has no trials that have ended');
    trained(0, { samples: 500 });
    await expect(draw(0.001)).rejects.toThrow('the smallest needs 40 samples: give a larger --share');
    ports.objects.delete(`${outputOf(0)}/audits/4/pair.json`);
    await expect(draw()).rejects.toThrow('trial 0 of search has none after 1000 training steps');
  });
});
