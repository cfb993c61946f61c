import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Longhaul, type Run } from '../../src/client/index.ts';
import { compile } from '../../src/compile/index.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunResult, SearchState } from '../../src/contract/state.ts';
import { openPorts, type OpenPorts } from '../../src/adapters/open.ts';
import { runCli } from '../support/run-cli.ts';
import { until } from '../workflow/environment.ts';
import { projectOnSharedStack, sharedPids } from './shared-stack.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'grocery-ranking');
/** The example on fewer weeks, so that it can be run again and again. */
const SMALLER = [
  'params.train_from=41',
  'params.train_to=43',
  'params.validation_from=44',
  'params.validation_to=44',
  'params.test_from=53',
  'params.test_to=53',
  'params.households=0.25',
  'params.others=0.05',
  'steps.search.trials=2',
  'steps.search.epochs=2',
  'steps.search.validateEverySteps=5',
];

interface Printed {
  readonly run: string;
  readonly status: RunResult['status'];
  readonly steps: readonly { readonly id: string; readonly status: string; readonly outputs: Readonly<Record<string, unknown>> }[];
  readonly trials: readonly unknown[];
  readonly evaluations: readonly unknown[];
  readonly report: string;
}

/** What `npm start` does, on real data. */
describe('the grocery example', () => {
  const folder = projectOnSharedStack('example');
  const project = join(folder, 'grocery-ranking');
  const pipeline = join(project, 'pipeline.yaml');
  let longhaul: Longhaul;
  let ports: OpenPorts;
  let undisturbed: Record<string, unknown>;

  beforeAll(async () => {
    cpSync(EXAMPLE, project, { recursive: true });
    longhaul = await connect({ directory: folder });
    ports = openPorts();
  });
  afterAll(async () => {
    await ports.close();
    await longhaul.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const sets = (more: readonly string[] = []): string[] => [...SMALLER, ...more].flatMap((set) => ['--set', set]);
  const run = async (more: readonly string[] = []): Promise<Printed> => {
    const { code, stdout, stderr } = await runCli(['run', pipeline, '--output', 'json', ...sets(more)], { cwd: folder });
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as Printed;
  };
  const document = (more: readonly string[] = []): Promise<RunDocument> =>
    compile(pipeline, { profile: 'local', cwd: folder, set: [...SMALLER, ...more] });

  /** All that a person reads in the final tables. */
  async function tableOf(result: Pick<RunResult, 'run' | 'status'>): Promise<Record<string, unknown>> {
    const { profile } = await document();
    const warehouse = await ports.warehouse(profile);
    const pick = (row: LedgerRow, columns: readonly string[]): unknown[] =>
      columns.map((column) => (row as unknown as Readonly<Record<string, unknown>>)[column]);
    const trials = await warehouse.ledger('trials', { run: result.run });
    const evaluations = await warehouse.ledger('evaluations', { run: result.run });
    const sorted = (rows: unknown[][]): unknown[][] => rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    return {
      status: result.status,
      trials: sorted(trials.map((row) => pick(row, ['trial', 'status', 'parameters', 'objective', 'metrics', 'weights_sha256']))),
      evaluations: sorted(
        evaluations.map((row) => pick(row, ['trial', 'scorer', 'segment', 'segment_value', 'metric', 'value', 'low', 'high', 'sessions'])),
      ),
    };
  }

  it('runs from raw data to a report, and beats popularity', async () => {
    const printed = await run();
    expect(printed.status).toBe('succeeded');
    expect(printed.trials).toHaveLength(2);
    undisturbed = await tableOf(printed);
    const metrics = printed.steps.find((step) => step.id === 'evaluate')?.outputs ?? {};
    expect(Number(metrics.average_rank)).toBeLessThan(Number(metrics.baseline_average_rank) * 0.85);
    expect(Number(metrics.ndcg_at_10)).toBeGreaterThan(Number(metrics.baseline_ndcg_at_10));
    const report = readFileSync(fileURLToPath(printed.report), 'utf8');
    expect(report).toContain('average_rank');
    expect(report).not.toMatch(/(?:src|href)="https?:/);
  });

  it('tells tumours apart: checked data, two models of another library, an evaluation of their probabilities', async () => {
    const tumours = join(folder, 'tumours');
    cpSync(join(EXAMPLE, '..', 'tumours'), tumours, { recursive: true });
    const { code, stdout, stderr } = await runCli(['run', join(tumours, 'pipeline.yaml'), '--output', 'json'], { cwd: folder });
    expect(code, stderr).toBe(0);
    const printed = JSON.parse(stdout) as Printed;
    const outputs = printed.steps.find((step) => step.id === 'evaluate')?.outputs ?? {};
    expect(Number(outputs.auc)).toBeGreaterThan(0.97);
    expect(outputs.baseline_auc).toBe(0.5);
    expect(Number(outputs.log_loss)).toBeLessThan(Number(outputs.baseline_log_loss) / 3);
    const report = readFileSync(fileURLToPath(printed.report), 'utf8');
    expect(report).toContain('Checks of the data');
    expect(report).toContain('no case without a measurement');
  });

  it('compares models of three frameworks in one evaluation, by household', async () => {
    const smaller = [...sets(), '--set', 'steps.trees.n_trials=1', '--set', 'steps.network.n_trials=1'];
    const { code, stdout, stderr } = await runCli(['run', join(project, 'compare.yaml'), '--output', 'json', ...smaller], { cwd: folder });
    expect(code, stderr).toBe(0);
    const printed = JSON.parse(stdout) as Printed;
    const statusOf = (id: string): string | undefined => printed.steps.find((step) => step.id === id)?.status;
    // Under the same name: what the other pipeline has made is not made again.
    expect([statusOf('raw'), statusOf('candidates'), statusOf('search')]).toEqual(['cached', 'cached', 'cached']);
    const { profile } = await document();
    const rows = await (await ports.warehouse(profile)).ledger('evaluations', { run: printed.run, metric: 'average_rank', segment: '' });
    const exportOf = (id: string): unknown => printed.steps.find((step) => step.id === id)?.outputs['export'];
    const told = printed.steps.find((step) => step.id === 'evaluate')?.outputs['metrics'] as Record<string, { export: string | null }>;
    const scorers: unknown = Object.fromEntries(Object.entries(told).map(([scorer, each]) => [scorer.split('/')[0] ?? '', each.export]));
    expect(scorers).toEqual({ model: exportOf('search'), trees: exportOf('trees'), network: exportOf('network'), popularity: null });
    expect(rows.map(({ scorer }) => scorer).sort()).toEqual(Object.keys(told).sort());
    for (const { low, value, high, units, sessions } of rows) {
      expect(low).toBeGreaterThanOrEqual(1);
      expect(Number(low)).toBeLessThan(Number(value));
      expect(Number(high)).toBeGreaterThan(Number(value));
      // Households, of which some came more than once.
      expect(Number(units)).toBeLessThan(Number(sessions));
    }
    for (const { compared_with: other, verdict, p_adjusted: p } of rows) {
      expect(other).toEqual(expect.any(String));
      expect(verdict).toEqual(expect.any(String));
      expect(p).toEqual(expect.any(Number));
    }
    const report = readFileSync(fileURLToPath(printed.report), 'utf8');
    for (const { scorer } of rows) expect(report).toContain(String(scorer));
  });

  it('does nothing again when nothing has changed', async () => {
    const printed = await run();
    expect(new Set(printed.steps.map((step) => step.status))).toEqual(new Set(['cached']));
    expect(printed.trials).toHaveLength(2);
  });

  it('plans to make again exactly what depends on a changed SQL file', async () => {
    const file = join(project, 'sql', 'dataset.sql');
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, before.replace('MOD(s.basket_id * 7919', 'MOD(s.basket_id * 7907'));
    try {
      const { code, stdout } = await runCli(['plan', pipeline, '--output', 'json', ...sets()], { cwd: folder });
      expect(code).toBe(0);
      const { steps } = JSON.parse(stdout) as { steps: { step: string; what: string }[] };
      const cached = steps.filter(({ what }) => what === 'cached').map(({ step }) => step);
      expect(cached).toEqual(['raw', 'candidates']);
    } finally {
      writeFileSync(file, before);
    }
  });

  describe('with the search and the evaluation made anew', () => {
    /** The data sets come from the cache; trials and evaluation do not. */
    const ANEW = ['steps.search.cache=false', 'steps.evaluate.cache=false'];
    /** Slow enough to be met while it trains; the steps are the same. */
    const SLOWLY = 'steps.search.env.LONGHAUL_STEP_DELAY_SECONDS="0.5"';
    const startAnew = async (more: readonly string[] = []): Promise<Run> => longhaul.start(await document([...ANEW, ...more]));
    const searchOf = async (one: Run): Promise<SearchState | null> =>
      one
        .search('search')
        .state()
        .catch(() => null);

    it('ends in the same table when one trainer is killed and the other preempted, and then control, training and temporal at once', async () => {
      const one = await startAnew([SLOWLY]);
      const { profile } = await document();
      const compute = await ports.compute(profile);
      const jobOf = async (trial: number, attempt: number): Promise<string | undefined> =>
        (await compute.list({ run: one.id, step: 'search', trial: String(trial), attempt: String(attempt) }))[0]?.name;
      await Promise.all([signalled(0, 'SIGKILL'), signalled(1, 'SIGTERM')]);
      await until(async () => (await jobOf(0, 2)) !== undefined && (await jobOf(1, 2)) !== undefined, 'both to be tried again');
      const before = sharedPids();
      for (const victim of ['control', 'training', 'temporal']) {
        const pid = before[victim];
        if (!pid) throw new Error(`no process ${victim}`);
        process.kill(pid, 'SIGKILL');
      }
      expect(await tableOf(await one.result())).toEqual(undisturbed);
      for (const victim of ['control', 'training', 'temporal']) expect(sharedPids()[victim]).not.toBe(before[victim]);
      const attempts = await (await ports.warehouse(profile)).ledger('attempts', { run: one.id });
      expect(attempts.map(({ trial, attempt, verdict }) => `${trial} ${attempt} ${verdict}`).sort()).toEqual([
        '0 1 crashed',
        '0 2 succeeded',
        '1 1 preempted',
        '1 2 succeeded',
      ]);

      async function signalled(trial: number, signal: NodeJS.Signals): Promise<void> {
        const trained = async (): Promise<boolean> => ((await searchOf(one))?.trials.find((each) => each.trial === trial)?.points ?? 0) > 0;
        await until(trained, `trial ${trial} to have trained`);
        const started = join(folder, '.longhaul', 'jobs', (await jobOf(trial, 1)) ?? '', 'started.json');
        expect(existsSync(started)).toBe(true);
        process.kill((JSON.parse(readFileSync(started, 'utf8')) as { pid: number }).pid, signal);
      }
    });
  });
});
