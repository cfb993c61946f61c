/** One's own metrics: GoogleSQL over `{scores}`, one row, each column a metric. */
import { metricNames } from '../../src/contract/outputs.ts';
import type { EvaluationSpec } from '../../src/contract/steps.ts';
import type { Warehouse } from '../../src/ports/index.ts';
import type { JobContext, TableInfo } from '../../src/ports/warehouse.ts';
import { failure } from '../failures.ts';
import type { Candidate } from './scorers.ts';

/** Values by scorer and metric. A baseline has no table of scores of its own, hence none of these. */
export async function customMetrics(
  warehouse: Warehouse,
  spec: Pick<EvaluationSpec, 'customMetrics' | 'k' | 'metrics'>,
  scored: readonly { readonly candidate: Candidate; readonly table: TableInfo }[],
  context: JobContext,
): Promise<ReadonlyMap<string, Readonly<Record<string, number | null>>>> {
  const found = new Map<string, Record<string, number | null>>();
  for (const { candidate, table } of scored) {
    const values: Record<string, number | null> = {};
    for (const { file, sql } of spec.customMetrics) {
      const statement = { sql, sqlFile: file, parameters: {}, tables: { scores: table.table }, sources: {} };
      const [row, ...more] = await warehouse.rows(statement, context);
      if (!row || more.length > 0)
        throw failure('InvalidQuery', `${file}: expected one row with a metric in each column, found ${row ? more.length + 1 : 0} rows`);
      for (const [name, value] of Object.entries(row)) {
        if (value !== null && typeof value !== 'number')
          throw failure('InvalidQuery', `${file}: the metric ${name} is no number; found ${JSON.stringify(value)}`);
        if (name in values || metricNames(spec.k, spec.metrics).includes(name))
          throw failure('InvalidQuery', `${file}: there are two metrics named ${name}`);
        values[name] = value;
      }
    }
    found.set(candidate.scorer, values);
  }
  return found;
}
