/** One evaluation of models of every framework: each scores with what it exported just as it scored when it was trained. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type Stack } from '../../src/stack/stack.ts';
import { hasDebiansTorch, ONNX, TORCH } from '../support/frameworks.ts';
import { runCli } from '../support/run-cli.ts';

interface Trained {
  /** The step. */
  readonly name: string;
  readonly script?: string;
  /** What the script's parameter `of` says. */
  readonly of?: string;
  readonly requirements?: string;
  readonly python?: string;
  /** `READY.scorer.kind` */
  readonly kind: string;
}

const MODELS: readonly Trained[] = [
  { name: 'search', kind: 'saved-model' },
  { name: 'lightgbm', script: 'trees.py', of: 'lightgbm', kind: 'lightgbm' },
  { name: 'xgboost', script: 'trees.py', of: 'xgboost', kind: 'xgboost' },
  { name: 'sklearn', script: 'linear.py', of: 'scikit-learn', kind: 'scikit-learn' },
  { name: 'onnx', script: 'linear.py', of: 'onnx', requirements: ONNX, kind: 'onnx' },
  { name: 'program', script: 'linear.py', of: 'command', kind: 'command' },
  { name: 'onnx_columns', script: 'columns.py', requirements: ONNX, kind: 'onnx' },
  { name: 'keras', script: 'network_keras.py', of: 'keras', kind: 'keras' },
  { name: 'keras_saved', script: 'network_keras.py', of: 'saved-model', kind: 'saved-model' },
  ...(hasDebiansTorch()
    ? [{ name: 'torch', script: 'network_torch.py', python: '/usr/bin/python3', requirements: TORCH, kind: 'torchscript' }]
    : []),
];

const searchOf = ({ name, script, of, requirements, python }: Trained, index: number): string => `
  ${name}:
    kind: search
    code: code
    command: [python, ${script}]
    ${python === undefined ? '' : `python: ${python}`}
    ${requirements === undefined ? '' : `requirements: code/${requirements}`}
    data: { train: '{steps.parts.train.outputs.uri}', validation: '{steps.parts.validation.outputs.uri}' }
    features: '{steps.dataset.train.outputs.features}'
    objective: { metric: validation_average_rank, direction: minimize }
    n_trials: 1
    epochs: 1
    # Two that learn alike score alike, and nobody would see them mixed up.
    seed: ${8 + index}
    space: { of: { type: categorical, choices: [${of ?? 'nothing'}] } }
`;

interface Printed {
  readonly status: string;
  readonly steps: readonly {
    readonly id: string;
    readonly outputs: {
      readonly export?: string;
      readonly metrics?: Readonly<Record<string, { readonly export: string | null; readonly average_rank?: { readonly value: number } }>>;
    };
  }[];
  readonly trials: readonly { readonly step: string; readonly objective: number }[];
  readonly evaluations: readonly {
    readonly metric: string;
    readonly segment: string;
    readonly scorer: string;
    readonly value: number;
    readonly low: number | null;
  }[];
}

describe('an evaluation', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-frameworks-'));
  let stack: Stack;
  let printed: Printed;

  beforeAll(async () => {
    cpSync(join(import.meta.dirname, '..', 'e2e', 'fixtures', 'ranking'), folder, { recursive: true });
    cpSync(join(import.meta.dirname, 'code'), join(folder, 'code'), { recursive: true });
    const pipeline = join(folder, 'pipeline.yaml');
    const [before, after] = readFileSync(pipeline, 'utf8').split('  evaluate:\n') as [string, string];
    const others = MODELS.slice(1);
    const compared = others.map(({ name }) => `'{steps.${name}.outputs.export}'`).join(', ');
    // The trials have said how they score on these sessions.
    const evaluate = after.replaceAll('.test.', '.validation.').replace('k: [3]', `k: [3]\n    compareWith: [${compared}]`);
    writeFileSync(pipeline, `${before}${others.map(searchOf).join('')}\n  evaluate:\n${evaluate}`);
    stack = await startStack({ directory: folder });
    await stack.ready;
    const { code, stdout, stderr } = await runCli(['run', pipeline, '--output', 'json'], { cwd: folder });
    expect(code, stderr).toBe(0);
    printed = JSON.parse(stdout) as Printed;
  });
  afterAll(async () => {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const exportOf = (name: string): string => printed.steps.find(({ id }) => id === name)?.outputs.export ?? '';
  const objectiveOf = (name: string): number => Number(printed.trials.find(({ step }) => step === name)?.objective);

  it('has a row for each model', () => {
    expect(printed.status).toBe('succeeded');
    const ranks = printed.evaluations.filter(({ metric, segment }) => metric === 'average_rank' && segment === '');
    // And the baseline's.
    expect(ranks).toHaveLength(MODELS.length + 1);
    for (const { low } of ranks) expect(low).toEqual(expect.any(Number));
  });

  it.each(MODELS)('scores with the model of $name as it was trained ($kind)', ({ name, kind }) => {
    const ready = join(new URL(exportOf(name)).pathname, 'READY');
    expect(existsSync(ready)).toBe(true);
    expect((JSON.parse(readFileSync(ready, 'utf8')) as { scorer: { kind: string } }).scorer.kind).toBe(kind);
    const told = Object.entries(printed.steps.find(({ id }) => id === 'evaluate')?.outputs.metrics ?? {});
    const found = told.filter(([, each]) => each.export === exportOf(name));
    expect(found).toHaveLength(1);
    const [[scorer, { average_rank: rank }] = ['', { average_rank: undefined }]] = found;
    expect(rank?.value).toBeCloseTo(objectiveOf(name), 9);
    // The model of the search is the one that is told, the others are what it is compared with, by the names of their steps.
    expect(scorer === 'model' ? 'search' : scorer.split('/')[0]).toBe(name);
    const rows = printed.evaluations.filter((row) => row.metric === 'average_rank' && row.segment === '' && row.scorer === scorer);
    expect(rows.map(({ value }) => value)).toEqual([rank?.value]);
  });

  it('would not be the same with any two models swapped', () => {
    const told = MODELS.map(({ name }) => ({ name, rank: objectiveOf(name) })).sort((one, other) => one.rank - other.rank);
    const alike = told.filter(({ rank }, index) => Math.abs(rank - (told[index - 1]?.rank ?? -1)) < 1e-6);
    expect(alike, JSON.stringify(told)).toEqual([]);
  });
});
