/** The recorded trials and curves of a search, from the rows of the ledger. Pure. */
import type { LedgerRow } from '../../contract/ledger.ts';
import type { MetricConstraint, Objective } from '../../contract/search-space.ts';
import type { SearchSpec } from '../../contract/steps.ts';
import type { Json } from '../../contract/values.ts';
import { REPLICATE } from '../../rules/replicates.ts';
import { UsageError } from '../exit.ts';
import { json } from '../summary.ts';
import { keepsOf, type KeepsAt } from './kept-constraints.ts';
import type { RecordedPoint, RecordedSearch, RecordedTrial } from './replayed-search.ts';

export interface RecordedRows {
  readonly trials: readonly LedgerRow<'trials'>[];
  readonly attempts: readonly LedgerRow<'attempts'>[];
  readonly progress: readonly LedgerRow<'progress'>[];
  readonly evaluations: readonly LedgerRow<'evaluations'>[];
}

const OFFLINE = 'offline.';
const ENDS = ['succeeded', 'stopped', 'failed', 'cancelled'] as const;

/** @throws {UsageError} without ended trials, or without a curve */
export function recordedSearch(study: string, step: string, spec: SearchSpec, rows: RecordedRows): RecordedSearch {
  const objectives = [spec.objective, ...spec.alsoOptimize];
  const ofStep = rows.trials.filter(
    // Replicates come once all others are over, and are none of the trials that a search chooses among.
    (row) => row.step === step && row.origin !== REPLICATE && isEnd(row.status) && number(row.seconds) > 0,
  );
  if (ofStep.length === 0) throw new UsageError(`no trial of ${study} has ended yet, or none ever started: there is nothing to replay`);
  const constraints = spec.metricConstraints ?? [];
  const trials = ofStep
    .map((row) => recordedTrial(row, objectives, constraints, rows))
    .sort((a, b) => a.startedAt - b.startedAt || a.trial - b.trial);
  const { metric } = spec.objective;
  if (trials.every(({ points }) => points.length === 0)) {
    const names = [...new Set(rows.progress.filter(isPoint).flatMap((row) => Object.keys(json(row.metrics))))].sort();
    throw new UsageError(
      `the ledger has no curve of ${metric} for the trials of ${study}, so no rule can be judged; ` +
        (names.length > 0 ? `its validation points have ${names.join(', ')}` : 'its trainer wrote no validation points'),
    );
  }
  return { study, objective: spec.objective, parallel: spec.parallel, trials };
}

/**
 * Rows of a search with those of the one that it went on with, as if one run had trained all: of each trial the newer row, with the costs of both.
 *
 * @param later its trials, attempts and points go on where those of `earlier` stopped
 */
export function joinedRows(run: string, earlier: RecordedRows, later: RecordedRows): RecordedRows {
  const ofRun = <R extends LedgerRow<'trials'> | LedgerRow<'attempts'> | LedgerRow<'progress'> | LedgerRow<'evaluations'>>(
    rows: readonly R[],
  ): R[] => rows.map((row) => ({ ...row, run }));
  const again = new Map(later.trials.map((row) => [placeOf(row), row]));
  const before = new Map(earlier.trials.map((row) => [placeOf(row), row]));
  const trials = [...earlier.trials.filter((row) => !again.has(placeOf(row))), ...later.trials].map((row) => {
    const first = again.has(placeOf(row)) ? before.get(placeOf(row)) : undefined;
    if (!first) return row;
    const attempts = [...earlier.attempts, ...later.attempts].filter((one) => placeOf(one) === placeOf(row));
    const seconds = Math.max(
      number(row.seconds),
      attempts.reduce((sum, one) => sum + number(one.seconds), 0),
    );
    return { ...row, seconds, cost: number(first.cost) + number(row.cost), started_at: first.started_at };
  });
  return {
    trials: ofRun(trials),
    attempts: ofRun([...earlier.attempts, ...later.attempts]),
    progress: ofRun([...earlier.progress, ...later.progress]),
    evaluations: ofRun([...earlier.evaluations, ...later.evaluations]),
  };
}

const placeOf = ({ step, trial }: Readonly<Record<string, unknown>>): string => `${String(step)}/${String(trial)}`;

/** @throws {UsageError} when a rule looks at a metric that was never recorded: it would seem to stop nothing */
export function checkMetrics(search: RecordedSearch, metrics: readonly string[]): void {
  const recorded = new Set(search.trials.flatMap(({ points }) => points.flatMap((point) => Object.keys(point.metrics))));
  for (const name of metrics)
    if (!recorded.has(name) && name !== search.objective.metric)
      throw new UsageError(`a rule looks at ${name}, which no recorded point has; they have ${[...recorded].sort().join(', ') || 'none'}`);
}

function recordedTrial(
  row: LedgerRow<'trials'>,
  objectives: readonly Objective[],
  constraints: readonly MetricConstraint[],
  rows: RecordedRows,
): RecordedTrial & { readonly startedAt: number } {
  const own = <R extends LedgerRow<'attempts'> | LedgerRow<'progress'> | LedgerRow<'evaluations'>>(list: readonly R[]): R[] =>
    list.filter((one) => one.run === row.run && one.step === row.step && Number(one.trial) === Number(row.trial));
  const total = { seconds: number(row.seconds), cost: number(row.cost) };
  const [objective] = objectives;
  const metric = objective?.metric ?? '';
  const clock = clockOf(own(rows.attempts), total);
  const [validations, evaluations] = [own(rows.progress).filter(isPoint), own(rows.evaluations).filter(isEarly)];
  const keeps = keepsOf(constraints, row, validations, evaluations);
  const points = metric.startsWith(OFFLINE)
    ? offlinePoints(evaluations, metric, clock, keeps)
    : validationPoints(validations, metric, clock, keeps);
  const metrics = json(row.metrics);
  return {
    trial: number(row.trial),
    status: ENDS.find((status) => status === row.status) ?? 'failed',
    parameters: json(row.parameters),
    points: inOrder(points, total),
    ...total,
    objective: numeric(row.objective),
    values: objectives.map(({ metric: name }, i) => (i === 0 ? numeric(row.objective) : numeric(metrics[name]))),
    ...keeps.end,
    startedAt: time(row.started_at),
    endedAt: time(row.ended_at),
  };
}

type Clock = (attempt: number | null, at: number) => { readonly seconds: number; readonly cost: number };

/** What a trial had used when a point was written: its earlier attempts, and its attempt of then up to that moment. */
function clockOf(attempts: readonly LedgerRow<'attempts'>[], total: { readonly seconds: number; readonly cost: number }): Clock {
  const sorted = [...attempts].sort((a, b) => number(a.attempt) - number(b.attempt));
  return (attempt, at) => {
    const of = sorted.find((row) => (attempt === null ? time(row.ended_at) >= at : number(row.attempt) === attempt));
    if (!of) return total;
    const before = sorted.slice(0, sorted.indexOf(of));
    const lasted = number(of.seconds);
    const within = Math.min(lasted, Math.max(0, (at - time(of.started_at)) / 1000));
    return {
      seconds: before.reduce((sum, row) => sum + number(row.seconds), 0) + within,
      cost: before.reduce((sum, row) => sum + number(row.cost), 0) + (lasted > 0 ? number(of.cost) * (within / lasted) : 0),
    };
  };
}

function validationPoints(rows: readonly LedgerRow<'progress'>[], metric: string, clock: Clock, keeps: KeepsAt): RecordedPoint[] {
  const points = rows.toSorted((a, b) => number(a.n) - number(b.n));
  if (points.every((row) => !(metric in json(row.metrics)))) return [];
  return points.map((row) => {
    const metrics = Object.fromEntries(Object.entries(json(row.metrics)).map(([name, value]) => [name, numeric(value)]));
    const at = time(row.time);
    return { ...clock(number(row.attempt), at), value: metrics[metric] ?? null, metrics, ...keeps.at(at) };
  });
}

/** Early evaluations of the exports, as far as training had got. */
function offlinePoints(rows: readonly LedgerRow<'evaluations'>[], metric: string, clock: Clock, keeps: KeepsAt): RecordedPoint[] {
  return rows
    .filter((row) => `${OFFLINE}${String(row.metric)}` === metric)
    .sort((a, b) => number(a.samples) - number(b.samples))
    .map((row) => ({
      ...clock(null, time(row.time)),
      value: numeric(row.value),
      metrics: { [metric]: numeric(row.value) },
      ...keeps.at(time(row.time)),
    }));
}

/** Clocks of several machines may differ by a little; a curve never goes back, nor past its end. */
function inOrder(points: readonly RecordedPoint[], end: { readonly seconds: number; readonly cost: number }): RecordedPoint[] {
  let before = { seconds: 0, cost: 0 };
  return points.map((point) => {
    const seconds = Math.min(end.seconds, Math.max(before.seconds, point.seconds));
    const cost = Math.min(end.cost, Math.max(before.cost, point.cost));
    before = { seconds, cost };
    return { ...point, seconds, cost };
  });
}

const isEarly = (row: LedgerRow<'evaluations'>): boolean => row.early === true && (row.segment ?? '') === '';
const isPoint = (row: LedgerRow<'progress'>): boolean => row.kind === 'validation';
const isEnd = (status: unknown): boolean => ENDS.some((end) => end === status);
const number = (value: unknown): number => (typeof value === 'number' ? value : Number(value ?? 0));
const numeric = (value: Json | undefined): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);
const time = (value: unknown): number => (typeof value === 'string' ? Date.parse(value) : 0);
