/** Scores → metrics with intervals: predicts, ranks and sums in the warehouse, draws here. */
import { goalOf, metricNames } from '../../src/contract/metrics.ts';
import type { EvaluationSpec } from '../../src/contract/steps.ts';
import type { Json } from '../../src/contract/values.ts';
import type { ObjectStore, Warehouse } from '../../src/ports/index.ts';
import type { JobContext, PredictRequest, TableInfo } from '../../src/ports/warehouse.ts';
import { GRACES } from '../../src/rules/durations.ts';
import { failure } from '../failures.ts';
import type { Scored as ScoredByJob } from '../scoring.ts';
import { bootstrap } from './bootstrap.ts';
import { customMetrics } from './custom-metrics.ts';
import { checkSql, metricsSql, rangesOf, ranksSql, SCORE } from './metric-sql.ts';
import { predictJobId, ranksJobId } from './names.ts';
import { measurementsOf } from './measurements.ts';
import type { Cell, Measurement } from './measurements.ts';
import { digest, MODEL } from './scorers.ts';
import type { Candidate } from './scorers.ts';
import { openTestSet } from './test-set.ts';

/** A segment is for a glance: more values than these belong into a query of one's own over the scores. */
const MAX_VALUES = 100;

export interface Measured {
  /** Table of the model's scores. */
  readonly scores: string;
  /** Tables that were made on the way, scores and ranks. */
  readonly tables: readonly string[];
  readonly measurements: readonly Measurement[];
}

/** Scores of one candidate: a table, and how to read it where it is not one of ours. */
export interface Scored {
  readonly candidate: Candidate;
  readonly table: TableInfo;
  /** SQL over `{alias}` with the columns that our tables of scores have. */
  readonly from?: (alias: string) => string;
  readonly labelType?: string;
}

/** Loads what a Job has scored into the table of scores. */
async function loadScores(
  warehouse: Warehouse,
  store: ObjectStore,
  { name, parts, ...table }: Pick<PredictRequest, 'destination' | 'labels' | 'expirationDays'> & { name: string; parts: string },
  context: JobContext,
): Promise<TableInfo> {
  const ready = await store.stat(`${parts}/READY`);
  // An earlier attempt has made it, and may have removed the parts since: they are removed once the table is there.
  const made = await warehouse.describe(table.destination);
  if (made) return made;
  if (!ready) throw failure('InvalidInput', `${parts}: expected scores with READY, found none: the Job that wrote them is to be run again`);
  const statement = { sql: 'SELECT * FROM {scores}', sqlFile: 'scores', parameters: {}, tables: {}, sources: { scores: parts } };
  const loaded = await warehouse.query({ ...statement, ...table, jobId: predictJobId(name), clustering: [] }, context);
  // Some parts may have been gone already.
  if ((await store.stat(`${parts}/READY`))?.generation === ready.generation) return loaded;
  await warehouse.drop(table.destination);
  throw failure('InvalidInput', `${parts}: the scores were removed while they were read: the Job that wrote them is to be run again`);
}

/** `READY` first: what is removed in part is no table of scores. */
export async function removeScores(store: ObjectStore, { output }: ScoredByJob): Promise<void> {
  await store.remove(`${output}/READY`);
  for await (const { uri } of store.list(`${output}/`)) await store.remove(uri);
  await store.remove(`${output}.json`);
}

export interface MeasureInput {
  readonly spec: Omit<EvaluationSpec, 'features' | 'data'>;
  /** Exports that Jobs have scored; the warehouse scores the others. */
  readonly scored?: readonly ScoredByJob[] | undefined;
  readonly candidates: readonly Candidate[];
  /** Deterministic; makes names of jobs and tables. Equal names and exports have equal scores. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export async function measure(
  warehouse: Warehouse,
  store: ObjectStore,
  input: MeasureInput & { readonly spec: EvaluationSpec },
  context: JobContext,
): Promise<Measured> {
  const { spec } = input;
  const testSet = await openTestSet(spec, warehouse, store);
  const scored: Scored[] = [];
  for (const candidate of input.candidates) {
    const known = scored.find((other) => other.candidate.export === candidate.export);
    const table = known?.table ?? (await scoresOf(warehouse, store, input, candidate, testSet, context));
    if (!known) await check(warehouse, input, { candidate, table }, context);
    scored.push({ candidate, table });
  }
  const measured = await measureRanking(warehouse, input, scored, testSet.dataset, context);
  return { ...measured, tables: [...new Set(scored.map(({ table }) => table.table)), ...measured.tables] };
}

/** @param scored checked; in the order of the candidates @param dataset of the tables that are made */
export async function measureRanking(
  warehouse: Warehouse,
  input: MeasureInput,
  scored: readonly Scored[],
  dataset: string,
  context: JobContext,
): Promise<Measured> {
  const { spec } = input;
  const ranks = await rank(warehouse, input, scored, dataset, context);
  context.progress({ stage: 'metrics' });
  const sql = metricsSql(spec.segments, spec.k, spec.metrics);
  const statement = { sql, sqlFile: 'metrics', parameters: {}, tables: { ranks }, sources: {}, labels: input.labels };
  const cells = (await warehouse.rows(statement, context)).map((row) => cellOf(row, spec));
  const draws = await bootstrap(
    cells.map(({ series }) => series),
    spec.bootstrap,
    context.signal,
  );
  const measurements = measurementsOf(cells, draws, {
    metrics: metricNames(spec.k, spec.metrics),
    other: input.candidates[1]?.scorer ?? spec.baseline?.name,
    exportOf: (scorer) => input.candidates.find((candidate) => candidate.scorer === scorer)?.export ?? null,
    goalOf: (metric) => spec.goals[metric] ?? goalOf(metric),
    margins: spec.margins,
    confidence: spec.bootstrap.confidence,
  });
  const own = await customMetrics(warehouse, spec, scored, context);
  return {
    scores: scored[0]?.table.table ?? '',
    tables: [ranks],
    measurements: measurements.map((one) => withCustom(one, own, spec.goals)),
  };
}

export async function scoresOf(
  warehouse: Warehouse,
  store: ObjectStore,
  input: MeasureInput & { readonly spec: EvaluationSpec },
  candidate: Candidate,
  testSet: { readonly carried: readonly string[]; readonly dataset: string },
  context: JobContext,
): Promise<TableInfo> {
  const { spec } = input;
  const job = input.scored?.find(({ model }) => model === candidate.export);
  context.progress({ stage: `scor${job ? 'es of' : 'ing with'} ${candidate.scorer}` });
  const name = `${input.name}_${digest(job ? `${candidate.export}\n${job.output}` : candidate.export)}`;
  const made = {
    destination: `${testSet.dataset}.scores_${name}`,
    labels: input.labels,
    // The model's own are an output of the step.
    ...(candidate.scorer === MODEL ? {} : { expirationDays: GRACES.tablesBetweenDays }),
  };
  if (job) return loadScores(warehouse, store, { ...made, name, parts: job.output }, context);
  return warehouse.predict(
    {
      jobId: predictJobId(name),
      model: candidate.export,
      table: spec.table,
      data: spec.data,
      features: spec.features,
      columns: testSet.carried,
      ...made,
    },
    context,
  );
}

const labelTypeOf = (table: TableInfo): string => table.columns.find(({ name }) => name === 'label')?.type ?? 'FLOAT64';

export async function check(
  warehouse: Warehouse,
  { spec, labels }: MeasureInput,
  { candidate, table, from, labelType = labelTypeOf(table) }: Scored,
  context: JobContext,
): Promise<void> {
  const sql = checkSql(spec.segments, labelType, { from: from?.('scores'), weight: spec.weight });
  const statement = { sql, sqlFile: 'check of scores', parameters: {}, tables: { scores: table.table }, sources: {}, labels };
  const found = (await warehouse.rows(statement, context))[0] ?? {};
  const number = (name: string): number => Number(found[name] ?? 0);
  if (number('not_finite') > 0)
    throw failure(
      'InvalidInput',
      `${candidate.export} gives no finite score for ${number('not_finite')} of ${number('candidates')} candidates of ${spec.table}`,
    );
  if (number('bad_weights') > 0)
    throw failure('InvalidInput', `weight: ${spec.weight} of ${number('bad_weights')} ordered items of ${spec.table} is no number above 0`);
  if (number('ordered') === 0)
    throw failure(
      'InvalidInput',
      `${spec.table}: no candidate of its ${number('sessions')} sessions has a label above 0: there is nothing to measure`,
    );
  for (const [index, segment] of spec.segments.entries()) {
    if (number(`values_${index}`) > MAX_VALUES)
      throw failure(
        'InvalidInput',
        `segments: ${segment} has ${number(`values_${index}`)} values; expected at most ${MAX_VALUES}: cut it into coarser ones in the data set`,
      );
  }
}

async function rank(
  warehouse: Warehouse,
  input: MeasureInput,
  scored: readonly Scored[],
  dataset: string,
  context: JobContext,
): Promise<string> {
  const { spec } = input;
  context.progress({ stage: 'ranking' });
  const alias = (index: number): string => `scores_${index}`;
  const scorers = scored.map(({ candidate, from }, index) => ({
    scorer: candidate.scorer,
    alias: alias(index),
    column: SCORE,
    from: from?.(alias(index)),
  }));
  const [first] = scored;
  if (spec.baseline)
    scorers.push({ scorer: spec.baseline.name, alias: alias(0), column: spec.baseline.column, from: first?.from?.(alias(0)) });
  const labelType = first?.labelType ?? (first ? labelTypeOf(first.table) : 'FLOAT64');
  const sql = ranksSql({ scorers, segments: spec.segments, labelType, cluster: spec.cluster, weight: spec.weight });
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
      expirationDays: GRACES.tablesBetweenDays,
      clustering: [],
      labels: input.labels,
    },
    context,
  );
  return made.table;
}

function cellOf(row: Readonly<Record<string, Json>>, spec: Pick<EvaluationSpec, 'k' | 'metrics' | 'weight'>): Cell {
  const numbers = (name: string): number[] => (Array.isArray(row[name]) ? row[name].map(Number) : []);
  const text = (name: string): string => (typeof row[name] === 'string' ? row[name] : '');
  const sessions = numbers('sessions');
  const units = Number(row['units'] ?? 0);
  const sums = Object.fromEntries(metricNames(spec.k, spec.metrics).map((name) => [name, numbers(name)]));
  return {
    scorer: text('scorer'),
    segment: text('segment'),
    value: text('value'),
    sessions: sessions.reduce((total, each) => total + each, 0),
    units,
    series: { bucket: numbers('bucket'), sessions, sums, units, ranges: rangesOf(Object.keys(sums), spec.weight !== undefined) },
  };
}

export function withCustom(
  one: Measurement,
  own: ReadonlyMap<string, Readonly<Record<string, number | null>>>,
  goals: EvaluationSpec['goals'],
): Measurement {
  const values = one.segment === '' ? own.get(one.scorer) : undefined;
  if (!values) return one;
  const known = Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null && Number.isFinite(entry[1]));
  return {
    ...one,
    metrics: {
      ...one.metrics,
      ...Object.fromEntries(known.map(([name, value]) => [name, { value, low: null, high: null, goal: goals[name] ?? null }])),
    },
  };
}
