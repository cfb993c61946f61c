/** Draws → what was measured of each scorer, and what its difference to another one says. */
import type { Goal } from '../../src/contract/metrics.ts';
import { verdictsOf } from '../../src/rules/significance.ts';
import type { Difference, Outcome } from '../../src/rules/significance.ts';
import type { Draws, Estimated, Interval, Series } from './bootstrap.ts';
import { NOISE } from './ranges.ts';
import { MODEL } from './scorers.ts';

export interface Measurement {
  readonly scorer: string;
  /** URI, or the table of scores; null for a baseline. */
  readonly export: string | null;
  /** '' is all sessions. */
  readonly segment: string;
  readonly value: string;
  readonly sessions: number;
  readonly units: number;
  readonly metrics: Readonly<Record<string, Estimate>>;
}

interface Estimate extends Interval {
  /** null: nobody said which way is better. */
  readonly goal: Goal | null;
  /** This scorer's value less that of another one, over the same sessions. */
  readonly difference?: Interval & Compared;
}

interface Compared {
  readonly comparedWith: string;
  /** Of no difference; the second corrected for all differences of the evaluation. */
  readonly p: number | null;
  readonly adjusted: number | null;
  readonly verdict: Outcome;
  readonly margin: number | null;
  /** So many units would tell. */
  readonly unitsNeeded: number | null;
}

/** One scorer in one value of a segment. */
export interface Cell {
  readonly scorer: string;
  readonly segment: string;
  readonly value: string;
  readonly sessions: number;
  readonly units: number;
  readonly series: Series;
}

interface Question {
  readonly metrics: readonly string[];
  /** Whom the model is told against, if anyone; all others are told against the model. */
  readonly other: string | undefined;
  readonly exportOf: (scorer: string) => string | null;
  readonly goalOf: (metric: string) => Goal | null;
  readonly margins: Readonly<Record<string, number>>;
  readonly confidence: number;
}

/** A difference that was looked at: one test of the family that is corrected. */
interface Pair {
  readonly cell: number;
  readonly metric: string;
  readonly estimated: Estimated;
  readonly difference: Difference;
}

export function measurementsOf(cells: readonly Cell[], draws: Draws, question: Question): Measurement[] {
  const known = (index: number): string[] => question.metrics.filter((metric) => Number.isFinite(draws.mean(index, metric).value));
  const pairs = cells.flatMap((cell, index): Pair[] => {
    const model = cell.scorer === MODEL ? -1 : placeOf(cells, MODEL, cell);
    return model < 0 ? [] : known(index).flatMap((metric) => pairOf(cells, index, model, metric, draws, question));
  });
  const verdicts = verdictsOf(
    pairs.map(({ difference }) => difference),
    question.confidence,
  );
  const told = new Map(pairs.map((pair, index) => [keyOf(pair.cell, pair.metric), { pair, verdict: verdicts[index] }]));
  const comparedOf = (index: number, metric: string): Estimate['difference'] => {
    const cell = cells[index];
    if (!cell) return undefined;
    const own = cell.scorer === MODEL;
    const against = own ? placeOf(cells, question.other, cell) : index;
    const found = told.get(keyOf(against, metric));
    if (!found?.verdict) return undefined;
    const { p, adjusted, outcome, unitsNeeded } = found.verdict;
    const interval = rounded(own ? negated(found.pair.estimated) : found.pair.estimated);
    const { margin } = found.pair.difference;
    const comparedWith = own ? (question.other ?? MODEL) : MODEL;
    // "Not worse" is of one side: of the other nothing can be told.
    const verdict = own ? turned(found.pair, outcome, question.confidence) : outcome;
    return { ...interval, comparedWith, p, adjusted, verdict, margin, unitsNeeded };
  };
  return cells.map((cell, index): Measurement => ({
    scorer: cell.scorer,
    export: question.exportOf(cell.scorer),
    segment: cell.segment,
    value: cell.value,
    sessions: cell.sessions,
    units: cell.units,
    metrics: Object.fromEntries(
      known(index).map((metric) => {
        const difference = comparedOf(index, metric);
        const estimate = { ...rounded(draws.mean(index, metric)), goal: question.goalOf(metric) };
        return [metric, difference === undefined ? estimate : { ...estimate, difference }];
      }),
    ),
  }));
}

const keyOf = (cell: number, metric: string): string => `${cell} ${metric}`;

const placeOf = (cells: readonly Cell[], scorer: string | undefined, of: Cell): number =>
  cells.findIndex((one) => one.scorer === scorer && one.segment === of.segment && one.value === of.value);

function pairOf(cells: readonly Cell[], index: number, model: number, metric: string, draws: Draws, question: Question): Pair[] {
  const estimated = draws.difference(index, model, metric);
  const units = Math.min(cells[index]?.units ?? 0, cells[model]?.units ?? 0);
  const goal = question.goalOf(metric);
  // Equal scores give equal sums but for their last digits.
  const value = settle(estimated.value);
  const error = estimated.error === null ? null : settle(estimated.error);
  const difference = { value, error, units, goal, margin: question.margins[metric] ?? null };
  return Number.isFinite(estimated.value) ? [{ cell: index, metric, estimated, difference }] : [];
}

/** Of the model against the other, where the other was told against the model. */
function turned({ difference }: Pair, outcome: Outcome, confidence: number): Outcome {
  if (outcome === 'better') return 'worse';
  if (outcome === 'worse') return 'better';
  const [verdict] = verdictsOf([{ ...difference, value: -difference.value }], confidence);
  // Without the correction it may say more than the family allows.
  return verdict?.outcome === 'not worse' || (difference.margin !== null && verdict?.outcome === 'better') ? 'not worse' : 'cannot tell';
}

const negated = ({ value, low, high }: Estimated): Interval => ({
  value: -value,
  low: high === null ? null : -high,
  high: low === null ? null : -low,
});

/** Parallel sums differ in their last digits from run to run; equal scores are to give equal metrics. */
const SIGNIFICANT_DIGITS = 12;
const round = (value: number): number => (value === 0 ? 0 : Number(value.toPrecision(SIGNIFICANT_DIGITS)));
const settle = (number: number): number => (Math.abs(number) < NOISE ? 0 : round(number));

function rounded({ value, low, high }: Interval): Interval {
  return { value: settle(value), low: low === null ? null : settle(low), high: high === null ? null : settle(high) };
}
