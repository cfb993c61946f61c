/** Early evaluation and the registry of models, on the embedded profile with real trainers. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/run-cli.ts';
import { projectOnSharedStack } from '../e2e/shared-stack.ts';

/** So long that it only ends because its first export is judged. */
const LONG = `
    epochs: 1000
    exportEveryValidations: 3
    env: { LONGHAUL_STEP_DELAY_SECONDS: '0.1' }`;
const EVALUATION = `
      table: '{steps.dataset.test.outputs.table}'
      features: '{steps.dataset.train.outputs.features}'
      data: '{steps.parts.test.outputs.uri}'
      k: [3]
      when: { metric: average_rank, above: 0, then: stop }`;

interface Row {
  readonly scorer: string;
  readonly metric: string;
  readonly early: boolean;
  readonly trial: number | null;
  readonly samples: number | null;
  readonly compared_with: string | null;
}

interface Printed {
  readonly run: string;
  readonly status: string;
  readonly evaluations: readonly Row[];
  readonly report: string;
}

describe('models of a run', () => {
  const folder = projectOnSharedStack('models');
  const pipeline = join(folder, 'ranking', 'pipeline.yaml');
  let first: Printed;
  /** The pipeline, whose models are judged when they have been trained. */
  let compared: string;

  beforeAll(() => {
    cpSync(join(import.meta.dirname, '..', 'e2e', 'fixtures', 'ranking'), join(folder, 'ranking'), { recursive: true });
    compared = readFileSync(pipeline, 'utf8')
      .replace('name: miniature\n', 'name: judged\n')
      .replace('  evaluate:\n', '  evaluate:\n    compareWith: [champion]\n');
    writeFileSync(pipeline, compared.replace('    epochs: 2\n', `${LONG.slice(1)}\n    earlyEvaluation:${EVALUATION}\n`));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function cli<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await runCli([...args, '--output', 'json'], { cwd: folder });
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as T;
  }
  const models = (): Promise<{ model: string; run: string; stage: string; promoted_by: string | null; why: string | null }[]> =>
    cli('models', 'list', '--pipeline', 'judged');

  it('are evaluated while they train, which may stop them, and status and report show it', async () => {
    first = await cli<Printed>('run', pipeline, '--profile', 'local');
    expect(first.status).toBe('succeeded');
    const ranks = first.evaluations.filter((row) => row.early && row.metric === 'average_rank');
    expect(ranks.length).toBeGreaterThan(0);
    expect(ranks.every((row) => row.scorer === 'model' && row.trial === 0 && Number(row.samples) > 0)).toBe(true);
    const { searches } = await cli<{ searches: { search: { trials: { offline: Record<string, number>; reason: string | null }[] } } }>(
      'status',
      first.run,
    );
    expect(searches.search.trials[0]?.offline).toMatchObject({
      average_rank: expect.any(Number) as number,
      ndcg_at_3: expect.any(Number) as number,
    });
    expect(searches.search.trials[0]?.reason).toMatch(/^early evaluation: average_rank [\d.]+ is above 0$/);
    expect(readFileSync(fileURLToPath(first.report), 'utf8')).toContain('Offline quality over training time: average_rank');
  });

  it('become candidates, of which one is promoted to champion', async () => {
    const [candidate, ...others] = await models();
    expect(others).toEqual([]);
    expect(candidate).toMatchObject({ run: first.run, stage: 'candidate' });
    const wrong = await runCli(['models', 'promote', 'nobody'], { cwd: folder });
    expect([wrong.code, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toContain(candidate?.model);
    await cli('models', 'promote', String(candidate?.model), '--by', 'ada', '--why', 'the first');
    expect(await models()).toMatchObject([{ model: candidate?.model, stage: 'champion', promoted_by: 'ada', why: 'the first' }]);
    const decisions = await cli<object[]>('decisions', String(candidate?.run));
    expect(decisions).toMatchObject([{ decision: 'promote', by: 'ada', how: null, why: 'the first', outcome: 'counted' }]);
  });

  it('are compared with the champion by the next run, in its report too', async () => {
    writeFileSync(pipeline, compared);
    const second = await cli<Printed>('run', pipeline, '--profile', 'local', '--set', 'steps.search.seed=8');
    const rows = second.evaluations.filter((row) => !row.early && row.metric === 'average_rank');
    expect(new Set(rows.map((row) => row.scorer))).toEqual(new Set(['model', 'champion', 'popularity']));
    expect(rows.find((row) => row.scorer === 'model')?.compared_with).toBe('champion');
    expect(readFileSync(fileURLToPath(second.report), 'utf8')).toContain('champion');
    expect((await models()).map(({ run, stage }) => [run, stage])).toEqual([
      [first.run, 'champion'],
      [second.run, 'candidate'],
    ]);
  });
});
