import { metricsOfTask } from './metrics.ts';
import { paramOutput } from './names.ts';
import type { SearchSpec, StepSpec, StepKind } from './steps.ts';
import type { OutputType } from './values.ts';

/** Outputs of the kinds of step whose outputs are not declared by the user; types are checked when compiling. */
const STEP_OUTPUTS: Record<Exclude<StepKind, 'container' | 'script'>, Record<string, OutputType>> = {
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
  evaluate: { metrics: 'json', scores: 'table', hint: 'string' },
  check: { table: 'table', passed: 'int', warned: 'int', results: 'json' },
  approval: { approved: 'bool', by: 'string', why: 'string' },
};

/** All outputs of a step by name. */
export function outputsOf(spec: StepSpec): Record<string, OutputType> {
  if (spec.kind === 'container' || spec.kind === 'script') return { ...spec.outputs, output: 'uri' };
  if (spec.kind === 'search') return { ...STEP_OUTPUTS.search, ...paramOutputs(spec) };
  if (spec.kind !== 'evaluate') return STEP_OUTPUTS[spec.kind];
  const names = metricsOfTask(spec.task, { k: spec.k, metrics: spec.metrics, scaled: spec.scale !== undefined });
  const metrics = spec.baseline || spec.scores || spec.task !== 'ranking' ? [...names, ...names.map((name) => `baseline_${name}`)] : names;
  return { ...STEP_OUTPUTS.evaluate, ...Object.fromEntries(metrics.map((name) => [name, 'float' as const])) };
}

/** What the best trial has chosen of the pipeline's params: all of them, and each by itself. */
function paramOutputs({ dataBy }: SearchSpec): Record<string, OutputType> {
  const [first] = dataBy ?? [];
  if (!dataBy || !first) return {};
  const typeOf = (name: string): OutputType => {
    const values = dataBy.map(({ params }) => params[name]);
    if (values.every((value) => typeof value === 'number')) return values.every(Number.isInteger) ? 'int' : 'float';
    return values.every((value) => typeof value === 'boolean') ? 'bool' : 'string';
  };
  return { params: 'json', ...Object.fromEntries(Object.keys(first.params).map((name) => [paramOutput(name), typeOf(name)])) };
}

export { metricNames } from './metrics.ts';
