/** Evaluation over tables of scores that another step made, of any task. */
import { goalOf, metricsOfTask, TASK_METRICS } from '../../src/contract/metrics.ts';
import { scoreTables } from '../../src/contract/steps.ts';
import type { EvaluateSpec } from '../../src/contract/steps.ts';
import type { Json } from '../../src/contract/values.ts';
import type { JobContext, TableInfo, Warehouse } from '../../src/ports/warehouse.ts';
import { failure } from '../failures.ts';
import { bootstrap } from './bootstrap.ts';
import { customMetrics } from './custom-metrics.ts';
import { check, measureRanking, withCustom } from './measure.ts';
import type { Measured, Scored } from './measure.ts';
import { measurementsOf } from './measurements.ts';
import type { Cell } from './measurements.ts';
import { quoted } from './metric-sql.ts';
import { quotientsOf, rowCheckSql, rowMetricsSql } from './score-sql.ts';
import type { RowScorer, RowsInput, RowTask } from './score-sql.ts';

interface ScoresInput {
  readonly spec: EvaluateSpec;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** By the name of a table: the export whose scores it has. */
  readonly exports?: Readonly<Record<string, string>>;
}

/** What a model must beat that has learned nothing. */
const CONSTANT = { ranking: 'random', binary: 'share', multiclass: 'share', regression: 'mean', forecast: 'mean' } as const;
/** Column of a ranking that puts all candidates into one tie. */
const TIED = 'longhaul_tied';
const MAX_VALUES = 100;

export const baselineOf = ({ baseline, task }: EvaluateSpec): string => baseline?.name ?? CONSTANT[task];

export async function measureScores(warehouse: Warehouse, input: ScoresInput, context: JobContext): Promise<Measured> {
  const { spec } = input;
  const tables = await Promise.all(
    scoreTables(spec).map(async ({ name, table }) => {
      const found = await warehouse.describe(table);
      if (!found) throw failure('InvalidInput', `scores: there is no table ${table}`);
      requireColumns(spec, found);
      return { name, table: found };
    }),
  );
  return spec.task === 'ranking' ? ranking(warehouse, input, tables, context) : rows(warehouse, input, spec.task, tables, context);
}

interface Named {
  readonly name: string;
  readonly table: TableInfo;
}

function requireColumns(spec: EvaluateSpec, table: TableInfo): void {
  const columns = table.columns.map(({ name }) => name);
  const wanted: readonly (readonly [string, string | undefined])[] = [
    ['id', spec.id],
    ['label', spec.label],
    ...(spec.task === 'multiclass'
      ? Object.entries(spec.classes ?? {}).map(([name, column]) => [`classes.${name}`, column] as const)
      : ([['score', spec.score]] as const)),
    ...(['group', 'weight', 'time', 'cluster', 'horizon', 'scale'] as const).map((field) => [field, spec[field]] as const),
    ['baseline.column', spec.baseline?.column],
    ...spec.segments.map((segment) => ['segments', segment] as const),
  ];
  for (const [path, column] of wanted)
    if (column !== undefined && !columns.includes(column))
      throw failure('InvalidInput', `${path}: ${table.table} has no column ${column}; expected one of ${columns.join(', ')}`);
}

const segmentsOf = (spec: EvaluateSpec): string[] => [
  ...new Set([...spec.segments, ...(spec.horizon === undefined ? [] : [spec.horizon])]),
];
const typeOf = (table: TableInfo, column: string): string => table.columns.find(({ name }) => name === column)?.type ?? 'FLOAT64';

async function ranking(
  warehouse: Warehouse,
  { spec, name, labels }: ScoresInput,
  tables: readonly Named[],
  context: JobContext,
): Promise<Measured> {
  if (spec.group === undefined) throw failure('InvalidInput', 'group: expected the column of the session, as `task: ranking` needs it');
  const segments = segmentsOf(spec);
  const baseline = { name: baselineOf(spec), column: spec.baseline?.column ?? TIED };
  const carried = [...new Set([...segments, ...[spec.cluster, spec.weight, spec.baseline?.column].flatMap((column) => column ?? [])])];
  const select = [
    `CAST(${quoted(spec.group)} AS STRING) AS session`,
    `CAST(${quoted(spec.id)} AS STRING) AS item`,
    `${quoted(spec.label)} AS label`,
    `CAST(${quoted(spec.score)} AS FLOAT64) AS score`,
    `0.0 AS ${TIED}`,
    ...carried.map(quoted),
  ];
  const taken = carried.find((column) => ['session', 'item', 'label', 'score', TIED].includes(column.toLowerCase()));
  if (taken !== undefined) throw failure('InvalidInput', `segments: the name ${taken} is taken in rankings; give the column another name`);
  const scored = tables.map((each): Scored => ({
    candidate: { scorer: each.name, export: each.table.table },
    table: each.table,
    from: (alias) => `(SELECT ${select.join(', ')} FROM {${alias}})`,
    labelType: typeOf(each.table, spec.label),
  }));
  const input = {
    spec: { ...spec, table: tables[0]?.table.table ?? '', segments, baseline },
    candidates: scored.map(({ candidate }) => candidate),
    name,
    labels,
  };
  for (const each of scored) await check(warehouse, input, each, context);
  const dataset = input.spec.table.split('.').slice(0, -1).join('.');
  const measured = await measureRanking(warehouse, input, scored, dataset, context);
  return measured;
}

async function rows(
  warehouse: Warehouse,
  { spec, labels, exports }: ScoresInput,
  task: RowTask,
  tables: readonly Named[],
  context: JobContext,
): Promise<Measured> {
  const [first] = tables;
  if (!first) throw failure('InvalidInput', 'scores: expected one table at least');
  if (task === 'multiclass' && Object.keys(spec.classes ?? {}).length < 2)
    throw failure('InvalidInput', 'classes: expected the column of each class, as `task: multiclass` needs them; found fewer than two');
  const numeric = (column: string): string => `CAST(${quoted(column)} AS FLOAT64)`;
  const own = (): Record<string, string> =>
    task === 'multiclass'
      ? Object.fromEntries(Object.entries(spec.classes ?? {}).map(([name, column]) => [name, numeric(column)]))
      : { '': numeric(spec.score) };
  const alias = (index: number): string => `scores_${index}`;
  const scorers = tables.map(({ name }, index): RowScorer => ({ scorer: name, alias: alias(index), scores: own() }));
  const input: RowsInput = {
    task,
    scorers,
    label: spec.label,
    labelType: typeOf(first.table, spec.label),
    unit: spec.cluster ?? spec.group ?? spec.id,
    weight: spec.weight,
    scale: spec.scale,
    segments: segmentsOf(spec),
    quantile: spec.quantile,
  };
  for (const [index, { table }] of tables.entries())
    await checkRows(warehouse, { ...input, labelType: typeOf(table, spec.label) }, scorers[index], table, spec, labels, context);
  const baseline = {
    scorer: baselineOf(spec),
    alias: alias(0),
    scores: await baselineScores(warehouse, input, first.table, spec, labels, context),
  };
  const all: RowsInput = { ...input, scorers: [...scorers, baseline] };
  context.progress({ stage: 'metrics' });
  const statement = {
    ...{ sql: rowMetricsSql(all), sqlFile: `metrics of ${task}`, parameters: {}, sources: {}, labels },
    tables: Object.fromEntries(tables.map(({ table }, index) => [alias(index), table.table])),
  };
  const cells = (await warehouse.rows(statement, context)).map((row) => cellOf(row, all));
  const draws = await bootstrap(
    cells.map(({ series }) => series),
    spec.bootstrap,
    context.signal,
  );
  const measurements = measurementsOf(cells, draws, {
    metrics: metricsOfTask(task, { k: [], scaled: spec.scale !== undefined }),
    other: tables[1]?.name ?? baselineOf(spec),
    exportOf: (scorer) => exports?.[scorer] ?? tables.find(({ name }) => name === scorer)?.table.table ?? null,
    goalOf: (metric) =>
      spec.goals[metric] ?? (TASK_METRICS[task] as Readonly<Record<string, 'maximize' | 'minimize'>>)[metric] ?? goalOf(metric),
    margins: spec.margins,
    confidence: spec.bootstrap.confidence,
  });
  const scored = tables.map(({ name, table }) => ({ candidate: { scorer: name, export: table.table }, table }));
  const custom = await customMetrics(warehouse, spec, scored, context);
  return { scores: first.table.table, tables: [], measurements: measurements.map((one) => withCustom(one, custom, spec.goals)) };
}

async function checkRows(
  warehouse: Warehouse,
  input: RowsInput,
  scorer: RowScorer | undefined,
  table: TableInfo,
  spec: EvaluateSpec,
  labels: Readonly<Record<string, string>>,
  context: JobContext,
): Promise<void> {
  if (!scorer) return;
  const sql = rowCheckSql(input, scorer, spec.id);
  const [found = {}] = await warehouse.rows(
    { sql, sqlFile: 'check of scores', parameters: {}, tables: { scores: table.table }, sources: {}, labels },
    context,
  );
  const number = (name: string): number => Number(found[name] ?? 0);
  const n = number('n');
  const refuse = (path: string, problem: string): never => {
    throw failure('InvalidInput', `${path}: ${table.table}: ${problem}`);
  };
  if (n === 0) refuse('scores', 'there are no rows to measure');
  if (number('not_finite') > 0) refuse('score', `${number('not_finite')} of ${n} rows have no finite score`);
  if (number('outside') > 0) refuse('score', `${number('outside')} of ${n} scores lie outside of 0 to 1; expected probabilities`);
  if (number('unlabelled') > 0) refuse('label', `${number('unlabelled')} of ${n} rows have no label`);
  if (number('unknown_labels') > 0)
    refuse(
      'label',
      `${number('unknown_labels')} of ${n} labels are not ${input.task === 'binary' ? '0 or 1' : input.task === 'multiclass' ? 'among `classes`' : 'finite'}`,
    );
  if (number('bad_weights') > 0) refuse('weight', `${number('bad_weights')} of ${n} weights are missing or below 0`);
  if (spec.horizon === undefined && number('ids') < n)
    refuse('id', `${n - number('ids')} of ${n} rows repeat an id; each example counts once`);
  for (const [index, segment] of input.segments.entries())
    if (number(`values_${index}`) > MAX_VALUES)
      refuse('segments', `${segment} has ${number(`values_${index}`)} values; expected at most ${MAX_VALUES}: cut it into coarser ones`);
}

/** One's own column, or what is best without any feature: the share of each class, the mean. */
async function baselineScores(
  warehouse: Warehouse,
  { task, label, labelType, weight }: RowsInput,
  table: TableInfo,
  spec: EvaluateSpec,
  labels: Readonly<Record<string, string>>,
  context: JobContext,
): Promise<Record<string, string>> {
  if (spec.baseline && task !== 'multiclass') return { '': `CAST(${quoted(spec.baseline.column)} AS FLOAT64)` };
  const w = weight === undefined ? '1.0' : `CAST(${quoted(weight)} AS FLOAT64)`;
  const y = labelType === 'BOOL' ? `IF(${quoted(label)}, 1.0, 0.0)` : `CAST(${quoted(label)} AS FLOAT64)`;
  const classes = Object.keys(spec.classes ?? {});
  const shares =
    task === 'multiclass'
      ? classes.map(
          (name, index) =>
            `SAFE_DIVIDE(SUM(${w} * IF(CAST(${quoted(label)} AS STRING) = '${name.replaceAll("'", "\\'")}', 1.0, 0.0)), SUM(${w})) AS share_${index}`,
        )
      : [`SAFE_DIVIDE(SUM(${w} * ${y}), SUM(${w})) AS share_0`];
  const sql = `SELECT ${shares.join(', ')} FROM {scores}`;
  const [found = {}] = await warehouse.rows(
    { sql, sqlFile: 'baseline', parameters: {}, tables: { scores: table.table }, sources: {}, labels },
    context,
  );
  const share = (index: number): string => `CAST(${Number(found[`share_${index}`] ?? 0)} AS FLOAT64)`;
  return task === 'multiclass' ? Object.fromEntries(classes.map((name, index) => [name, share(index)])) : { '': share(0) };
}

function cellOf(row: Readonly<Record<string, Json>>, input: RowsInput): Cell {
  const numbers = (name: string): number[] =>
    Array.isArray(row[name]) ? row[name].map((each) => (each === null ? Number.NaN : Number(each))) : [];
  const word = (name: string): string => (typeof row[name] === 'string' ? row[name] : '');
  const quotients = Object.entries(quotientsOf(input));
  const sessions = numbers('sessions');
  const units = Number(row['units'] ?? 0);
  const weights = numbers('weights');
  return {
    scorer: word('scorer'),
    segment: word('segment'),
    value: word('value'),
    sessions: sessions.reduce((sum, each) => sum + each, 0),
    units,
    series: {
      bucket: numbers('bucket'),
      sessions,
      units,
      sums: Object.fromEntries(quotients.map(([name]) => [name, numbers(`n_${name}`)])),
      divisors: Object.fromEntries(quotients.map(([name, { divisor }]) => [name, divisor === undefined ? weights : numbers(`d_${name}`)])),
      ranges: Object.fromEntries(quotients.map(([name, { range }]) => [name, range])),
      shapes: Object.fromEntries(quotients.flatMap(([name, { shape }]) => (shape === undefined ? [] : [[name, shape] as const]))),
      pairs: Object.fromEntries(
        quotients.flatMap(([name, { pairs }]) =>
          pairs === undefined ? [] : [[name, [numbers(`a_${name}`), numbers(`b_${name}`)] as const] as const],
        ),
      ),
    },
  };
}
