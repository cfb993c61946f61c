/** Scores → metrics with intervals: predicts, ranks and sums in the warehouse, draws here. */
import { metricNames } from '../../src/contract/outputs.ts';
import type { EvaluationSpec } from '../../src/contract/steps.ts';
import type { Json } from '../../src/contract/values.ts';
import type { ObjectStore, Warehouse } from '../../src/ports/index.ts';
import type { JobContext, TableInfo } from '../../src/ports/warehouse.ts';
import { failure } from '../failures.ts';
import { bootstrap } from './bootstrap.ts';
import type { Draws, Interval, Series } from './bootstrap.ts';
import { customMetrics } from './custom-metrics.ts';
import { checkSql, metricsSql, ranksSql, SCORE } from './metric-sql.ts';
import { predictJobId, ranksJobId } from './names.ts';
import { MODEL, digest } from './scorers.ts';
import type { Candidate } from './scorers.ts';
import { openTestSet } from './test-set.ts';

/** A segment is for a glance: more values than these belong into a query of one's own over the scores. */
const MOST_VALUES = 100;

export interface Measurement {
  readonly scorer: string;
  /** URI; null for the baseline. */
  readonly export: string | null;
  /** '' is all sessions. */
  readonly segment: string;
  readonly value: string;
  readonly sessions: number;
  readonly metrics: Readonly<Record<string, Estimate>>;
}

export interface Estimate extends Interval {
  /** This scorer's value less that of another one, over the same sessions. */
  readonly difference?: Interval & { readonly comparedWith: string };
}

export interface Measured {
  /** Table of the model's scores. */
  readonly scores: string;
  /** Tables that were made on the way, scores and ranks. */
  readonly tables: readonly string[];
  readonly measurements: readonly Measurement[];
}

export interface MeasureInput {
  readonly spec: EvaluationSpec;
  readonly candidates: readonly Candidate[];
  /** Deterministic; makes names of jobs and tables. Equal names and exports have equal scores. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export async function measure(warehouse: Warehouse, store: ObjectStore, input: MeasureInput, context: JobContext): Promise<Measured> {
  const { spec } = input;
  const testSet = await openTestSet(spec, warehouse, store);
  const scored: { readonly candidate: Candidate; readonly table: TableInfo }[] = [];
  for (const candidate of input.candidates) {
    const known = scored.find((other) => other.candidate.export === candidate.export);
    const table = known?.table ?? (await predict(warehouse, input, candidate, testSet, context));
    if (!known) await check(warehouse, spec, candidate, table, context);
    scored.push({ candidate, table });
  }
  const ranks = await rank(warehouse, input, scored, testSet.dataset, context);
  context.progress({ stage: 'metrics' });
  const sql = metricsSql(spec.segments, spec.k);
  const rows = await warehouse.rows({ sql, sqlFile: 'metrics', parameters: {}, tables: { ranks }, sources: {} }, context);
  const cells = rows.map((row) => cellOf(row, spec));
  const draws = await bootstrap(
    cells.map(({ series }) => series),
    spec.bootstrap,
    context.signal,
  );
  const exportOf = (scorer: string): string | null => input.candidates.find((candidate) => candidate.scorer === scorer)?.export ?? null;
  const measurements = cells.map((cell, index): Measurement => ({
    scorer: cell.scorer,
    export: exportOf(cell.scorer),
    segment: cell.segment,
    value: cell.value,
    sessions: cell.sessions,
    metrics: Object.fromEntries(metricNames(spec.k).map((metric) => [metric, estimate(cells, index, metric, draws, input)])),
  }));
  const tables = [...new Set(scored.map(({ table }) => table.table)), ranks];
  const own = await customMetrics(warehouse, spec, scored, context);
  return { scores: scored[0]?.table.table ?? '', tables, measurements: measurements.map((one) => withCustom(one, own)) };
}

async function predict(
  warehouse: Warehouse,
  input: MeasureInput,
  candidate: Candidate,
  testSet: { readonly carried: readonly string[]; readonly dataset: string },
  context: JobContext,
): Promise<TableInfo> {
  const { spec } = input;
  context.progress({ stage: `scoring with ${candidate.scorer}` });
  const name = `${input.name}_${digest(candidate.export)}`;
  return warehouse.predict(
    {
      jobId: predictJobId(name),
      model: candidate.export,
      table: spec.table,
      data: spec.data,
      features: spec.features,
      columns: testSet.carried,
      destination: `${testSet.dataset}.scores_${name}`,
      labels: input.labels,
    },
    context,
  );
}

const labelTypeOf = (table: TableInfo): string => table.columns.find(({ name }) => name === 'label')?.type ?? 'FLOAT64';

async function check(
  warehouse: Warehouse,
  spec: EvaluationSpec,
  candidate: Candidate,
  table: TableInfo,
  context: JobContext,
): Promise<void> {
  const sql = checkSql(spec.segments, labelTypeOf(table));
  const statement = { sql, sqlFile: 'check of scores', parameters: {}, tables: { scores: table.table }, sources: {} };
  const found = (await warehouse.rows(statement, context))[0] ?? {};
  const number = (name: string): number => Number(found[name] ?? 0);
  if (number('not_finite') > 0)
    throw failure(
      'InvalidInput',
      `${candidate.export} gives no finite score for ${number('not_finite')} of ${number('candidates')} candidates of ${spec.table}`,
    );
  if (number('ordered') === 0)
    throw failure(
      'InvalidInput',
      `${spec.table}: no candidate of its ${number('sessions')} sessions has a label above 0: there is nothing to measure`,
    );
  for (const [index, segment] of spec.segments.entries()) {
    if (number(`values_${index}`) > MOST_VALUES)
      throw failure(
        'InvalidInput',
        `segments: ${segment} has ${number(`values_${index}`)} values; expected at most ${MOST_VALUES}: cut it into coarser ones in the data set`,
      );
  }
}

async function rank(
  warehouse: Warehouse,
  input: MeasureInput,
  scored: readonly { readonly candidate: Candidate; readonly table: TableInfo }[],
  dataset: string,
  context: JobContext,
): Promise<string> {
  const { spec } = input;
  context.progress({ stage: 'ranking' });
  const alias = (index: number): string => `scores_${index}`;
  const scorers = scored.map(({ candidate }, index) => ({ scorer: candidate.scorer, alias: alias(index), column: SCORE }));
  if (spec.baseline) scorers.push({ scorer: spec.baseline.name, alias: alias(0), column: spec.baseline.column });
  const first = scored[0];
  const sql = ranksSql({ scorers, segments: spec.segments, labelType: first ? labelTypeOf(first.table) : 'FLOAT64' });
  // Of the statement as well: other scorers, or another version of the SQL, must not adopt the job.
  const name = `${input.name}_${digest(`${sql}\n${scored.map(({ table }) => table.version).join('\n')}`)}`;
  const made = await warehouse.query(
    {
      jobId: ranksJobId(name),
      sql,
      sqlFile: 'ranks',
      parameters: {},
      tables: Object.fromEntries(scored.map(({ table }, index) => [alias(index), table.table])),
      sources: {},
      destination: `${dataset}.ranks_${name}`,
      clustering: [],
      labels: input.labels,
    },
    context,
  );
  return made.table;
}

interface Cell {
  readonly scorer: string;
  readonly segment: string;
  readonly value: string;
  readonly sessions: number;
  readonly series: Series;
}

function cellOf(row: Readonly<Record<string, Json>>, spec: EvaluationSpec): Cell {
  const numbers = (name: string): number[] => (Array.isArray(row[name]) ? row[name].map(Number) : []);
  const text = (name: string): string => (typeof row[name] === 'string' ? row[name] : '');
  const sessions = numbers('sessions');
  return {
    scorer: text('scorer'),
    segment: text('segment'),
    value: text('value'),
    sessions: sessions.reduce((total, each) => total + each, 0),
    series: { bucket: numbers('bucket'), sessions, sums: Object.fromEntries(metricNames(spec.k).map((name) => [name, numbers(name)])) },
  };
}

/** The model is told against the first it is compared with, or its baseline; all others against the model. */
function estimate(cells: readonly Cell[], index: number, metric: string, draws: Draws, input: MeasureInput): Estimate {
  const cell = cells[index];
  const other = cell?.scorer === MODEL ? (input.candidates[1]?.scorer ?? input.spec.baseline?.name) : MODEL;
  const against = cells.findIndex((one) => one.scorer === other && one.segment === cell?.segment && one.value === cell.value);
  const own = rounded(draws.mean(index, metric));
  if (other === undefined || against < 0) return own;
  return { ...own, difference: { ...rounded(draws.difference(index, against, metric)), comparedWith: other } };
}

function withCustom(one: Measurement, own: ReadonlyMap<string, Readonly<Record<string, number | null>>>): Measurement {
  const values = one.segment === '' ? own.get(one.scorer) : undefined;
  if (!values) return one;
  const known = Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null);
  return {
    ...one,
    metrics: { ...one.metrics, ...Object.fromEntries(known.map(([name, value]) => [name, { value, low: null, high: null }])) },
  };
}

/** Parallel sums differ in their last digits from run to run; equal scores are to give equal metrics. */
const SIGNIFICANT_DIGITS = 12;
const round = (value: number): number => (value === 0 ? 0 : Number(value.toPrecision(SIGNIFICANT_DIGITS)));

function rounded({ value, low, high }: Interval): Interval {
  // A difference of two equal sums is noise below the digits that count.
  const noise = 1e-12;
  const settle = (number: number): number => (Math.abs(number) < noise ? 0 : round(number));
  return { value: settle(value), low: low === null ? null : settle(low), high: high === null ? null : settle(high) };
}
