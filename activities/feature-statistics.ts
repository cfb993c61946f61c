/** Mean and standard deviation of numeric features, computed where the data is. Missing values count as the feature's default, as in training. */
import type { Feature, FeatureTable } from '../src/contract/features.ts';
import type { Json } from '../src/contract/values.ts';
import type { JobContext, TableInfo, Warehouse } from '../src/ports/warehouse.ts';

export async function withStatistics(
  warehouse: Warehouse,
  table: TableInfo,
  features: FeatureTable,
  context: JobContext,
): Promise<FeatureTable> {
  const wanted = features.features.filter(
    (feature) => feature.type === 'numeric' && (feature.mean === undefined || feature.stddev === undefined),
  );
  if (wanted.length === 0) return features;
  const rows = await warehouse.rows(
    {
      sql: statisticsSql(table, features, wanted),
      sqlFile: 'feature statistics',
      parameters: {},
      tables: { data: table.table },
      sources: {},
    },
    context,
  );
  const values = rows[0] ?? {};
  const filled = features.features.map((feature): Feature => {
    const index = wanted.indexOf(feature);
    if (index < 0) return feature;
    return {
      ...feature,
      mean: feature.mean ?? numberOf(values[`mean_${index}`]),
      stddev: feature.stddev ?? numberOf(values[`stddev_${index}`]),
    };
  });
  return { ...features, features: filled };
}

/** GoogleSQL; exported for its test. */
export function statisticsSql(table: Pick<TableInfo, 'columns'>, features: FeatureTable, wanted: readonly Feature[]): string {
  const ofRow = new Set(table.columns.map((column) => column.name));
  const nested = features.layout.kind === 'nested';
  const columns = wanted.map((feature, index) => {
    const column = nested && !ofRow.has(feature.name) ? `candidate.\`${feature.name}\`` : `data.\`${feature.name}\``;
    const value = `CAST(IFNULL(CAST(${column} AS FLOAT64), ${literal(feature.default)}) AS FLOAT64)`;
    return `AVG(${value}) AS mean_${index}, STDDEV_POP(${value}) AS stddev_${index}`;
  });
  const from =
    features.layout.kind === 'nested' ? `{data} AS data, UNNEST(data.\`${features.layout.candidates}\`) AS candidate` : '{data} AS data';
  return `SELECT ${columns.join(', ')} FROM ${from}`;
}

const literal = (value: Json): string => (Number.isFinite(Number(value)) ? Number(value).toString() : '0');

/** Parallel sums differ in their last digits from run to run; equal data is to give equal models. */
const SIGNIFICANT_DIGITS = 9;

/** An empty data set has no statistics; the trainer refuses it in its own words. */
const numberOf = (value: Json | undefined): number =>
  typeof value === 'number' && Number.isFinite(value) ? Number(value.toPrecision(SIGNIFICANT_DIGITS)) : 0;
