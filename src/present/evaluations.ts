/** A run's offline evaluations; those of a step that came from the cache are read out of its outputs. */
import type { LedgerRow, LedgerValue } from '../contract/ledger.ts';
import { MIN_UNITS } from '../rules/significance.ts';
import type { StepState } from '../contract/state.ts';
import type { Json } from '../contract/values.ts';
import type { ReportData } from './report-data.ts';

type Row = LedgerRow<'evaluations'>;

/** Scorers that the evaluation names itself; the others are baselines and exports. */
export const MODEL = 'model';
export const CHAMPION = 'champion';

/** Whether that is why a row has no interval. */
export const hasTooFewUnits = ({ units }: { readonly units?: LedgerValue | undefined }): boolean =>
  typeof units === 'number' && units < MIN_UNITS;

interface Bounds {
  readonly low: number | null;
  readonly high: number | null;
  readonly units?: LedgerValue | undefined;
}

/**
 * An interval, or why there is none; empty where nobody knows. One without a width is none: a few units that say the same are no certainty.
 *
 * @param drawn of what some would have to differ
 */
export function intervalOf({ low, high, units }: Bounds, shown: (bound: number) => string, drawn = 'draw'): string {
  if (low === null || high === null) return hasTooFewUnits({ units }) ? 'too few units' : '';
  return low === high ? `no ${drawn} differed` : `[${shown(low)}, ${shown(high)}]`;
}

/** The same behind a value. */
export function intervalAfter(bounds: Bounds, shown: (bound: number) => string): string {
  const found = intervalOf(bounds, shown);
  return found === '' ? '' : found.startsWith('[') ? ` ${found}` : ` (${found})`;
}

/** Rows of one evaluate step, all segments. */
export function evaluationsOf(data: ReportData, step: StepState): Row[] {
  const own = data.evaluations.filter((row) => row.step === step.id && row.run === data.run.run && row.early !== true);
  return own.length > 0 ? own : rowsOfOutputs(data, step);
}

function rowsOfOutputs({ run }: ReportData, step: StepState): Row[] {
  const time = new Date(step.endedAt ?? run.startedAt).toISOString();
  return Object.entries(objectOf(step.outputs.metrics)).flatMap(([scorer, values]) =>
    Object.entries(objectOf(values)).flatMap(([metric, estimate]): Row[] => {
      const { value, low, high, goal, difference } = objectOf(estimate);
      if (typeof value !== 'number') return [];
      const paired = objectOf(difference);
      return [
        {
          pipeline: run.pipeline,
          run: run.run,
          time,
          step: step.id,
          scorer,
          segment: '',
          segment_value: '',
          metric,
          value,
          low: number(low),
          high: number(high),
          sessions: number(objectOf(values).sessions),
          difference: number(paired.value),
          difference_low: number(paired.low),
          difference_high: number(paired.high),
          compared_with: typeof paired.comparedWith === 'string' ? paired.comparedWith : null,
          early: false,
          goal: text(goal),
          units: number(objectOf(values).units),
          p_value: number(paired.p),
          p_adjusted: number(paired.adjusted),
          verdict: text(paired.verdict),
          margin: number(paired.margin),
          units_needed: number(paired.unitsNeeded),
        },
      ];
    }),
  );
}

const objectOf = (value: Json | undefined): Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
const text = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);
const number = (value: Json | undefined): number | null => (typeof value === 'number' ? value : null);
