/** Measurements as rows of the ledger, and as the outputs of a step. */
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { Json } from '../../src/contract/values.ts';
import type { Measurement } from './measurements.ts';
import { MODEL, digest, trialOf } from './scorers.ts';

export interface RowContext {
  readonly pipeline: string;
  readonly run: string;
  readonly step: string;
  /** ISO 8601 */
  readonly time: string;
  /** Trial and export that were evaluated; every scorer's row names them, so that rows belong together. */
  readonly trial: number | null;
  readonly export: string;
  readonly early: boolean;
  /** Samples trained, where known. */
  readonly samples: number | null;
}

export function evaluationRows(measurements: readonly Measurement[], context: RowContext): LedgerRow<'evaluations'>[] {
  const { pipeline, run, step, time, early, samples } = context;
  return measurements.flatMap((one) =>
    Object.entries(one.metrics).map(([metric, { value, low, high, goal, difference }]) => ({
      pipeline,
      run,
      time,
      step,
      trial: context.trial,
      export: context.export,
      scorer: one.scorer,
      segment: one.segment,
      segment_value: one.value,
      metric,
      value,
      low,
      high,
      sessions: one.sessions,
      difference: difference?.value ?? null,
      difference_low: difference?.low ?? null,
      difference_high: difference?.high ?? null,
      compared_with: difference?.comparedWith ?? null,
      early,
      samples,
      goal,
      units: one.units,
      p_value: difference?.p ?? null,
      p_adjusted: difference?.adjusted ?? null,
      verdict: difference?.verdict ?? null,
      margin: difference?.margin ?? null,
      units_needed: difference?.unitsNeeded ?? null,
    })),
  );
}

const modelName = (pipeline: string, uri: string): string => {
  const trial = trialOf(uri);
  return [pipeline, ...(trial === null ? [] : [`t${trial}`]), digest(uri).slice(0, 8)].join('-');
};

export function modelRow(measurements: readonly Measurement[], context: RowContext): LedgerRow<'models'> {
  return {
    pipeline: context.pipeline,
    run: context.run,
    time: context.time,
    step: context.step,
    trial: context.trial,
    model: modelName(context.pipeline, context.export),
    export: context.export,
    stage: 'candidate',
    metrics: JSON.stringify(valuesOf(measurements, MODEL)),
  };
}

/** Metric → value over all sessions. */
export function valuesOf(measurements: readonly Measurement[], scorer: string): Record<string, number> {
  const whole = measurements.find((one) => one.scorer === scorer && one.segment === '');
  return Object.fromEntries(Object.entries(whole?.metrics ?? {}).map(([name, { value }]) => [name, value]));
}

/** A column for each metric of the model and the baseline; `metrics` has all scorers with intervals and differences, over all sessions. */
export function outputsOf(
  measurements: readonly Measurement[],
  options: { readonly names: readonly string[]; readonly baseline: string | null; readonly scores: string; readonly hint: string },
): Record<string, Json> {
  const whole = measurements.filter((one) => one.segment === '');
  const columns = (scorer: string, prefix: string): [string, Json][] => {
    const values = valuesOf(measurements, scorer);
    return options.names.map((name) => [`${prefix}${name}`, values[name] ?? null]);
  };
  return {
    metrics: Object.fromEntries(
      whole.map((one) => [
        one.scorer,
        { sessions: one.sessions, units: one.units, export: one.export, ...(one.metrics as unknown as Record<string, Json>) },
      ]),
    ),
    scores: options.scores,
    hint: options.hint,
    ...Object.fromEntries(columns(MODEL, '')),
    ...(options.baseline === null ? {} : Object.fromEntries(columns(options.baseline, 'baseline_'))),
  };
}
