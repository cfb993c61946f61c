import type { StepSpec, StepKind } from './steps.ts';
import type { OutputType } from './values.ts';

/** Outputs of the kinds of step whose outputs are not declared by the user; types are checked when compiling. */
export const STEP_OUTPUTS: Record<Exclude<StepKind, 'container' | 'script'>, Record<string, OutputType>> = {
  query: { table: 'table', rows: 'int', bytes: 'int', version: 'string', features: 'uri' },
  export: { uri: 'uri', manifest: 'uri', parts: 'int', rows: 'int', bytes: 'int', layout: 'json' },
  search: {
    best_trial: 'int',
    best_objective: 'float',
    best_parameters: 'json',
    export: 'uri',
    trials: 'int',
    cost: 'float',
    weights_sha256: 'string',
  },
  /** Metric columns besides: ndcg_at_10, mrr, average_rank, recall_at_10, and baseline_… of each; see `evaluateOutputs`. */
  evaluate: { metrics: 'json', scores: 'table' },
  approval: { approved: 'bool', by: 'string', why: 'string' },
};

/** All outputs of a step by name. */
export function outputsOf(spec: StepSpec): Record<string, OutputType> {
  if (spec.kind === 'container' || spec.kind === 'script') return { ...spec.outputs, output: 'uri' };
  if (spec.kind !== 'evaluate') return STEP_OUTPUTS[spec.kind];
  const names = metricNames(spec.k);
  const metrics = spec.baseline ? [...names, ...names.map((name) => `baseline_${name}`)] : names;
  return { ...STEP_OUTPUTS.evaluate, ...Object.fromEntries(metrics.map((name) => [name, 'float' as const])) };
}

/** The offline metrics, in the order of the tables. average_rank: 1-based mean rank of the ordered items among all candidates. */
export function metricNames(k: readonly number[]): string[] {
  return ['average_rank', 'mrr', ...k.map((at) => `ndcg_at_${at}`), ...k.map((at) => `recall_at_${at}`)];
}
