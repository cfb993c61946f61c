/** A column that looks like the independent unit, where none was named: intervals of sessions of one household are too narrow. */
import type { EvaluateSpec } from '../../src/contract/steps.ts';
import type { JobContext, Warehouse } from '../../src/ports/warehouse.ts';
import { quoted } from './metric-sql.ts';

const LOOKS_LIKE_ONE =
  /(^|_)(household|user|customer|client|account|member|visitor|patient|person|device|player|subscriber|store|shop)s?(_?(id|key|number|no|uuid))?$/i;

/** In words; '' where there is none. */
export async function clusterHint(warehouse: Warehouse, spec: EvaluateSpec, scores: string, context: JobContext): Promise<string> {
  if (spec.cluster !== undefined) return '';
  const unit = spec.scores === undefined ? 'session' : (spec.group ?? spec.id);
  const found = await Promise.all(
    [...new Set([scores, spec.table])].map(async (table) => (table === undefined ? null : warehouse.describe(table))),
  );
  for (const table of found) {
    const columns = table?.columns.map(({ name }) => name) ?? [];
    const column = columns.find((name) => name !== unit && LOOKS_LIKE_ONE.test(name));
    if (!table || column === undefined) continue;
    if (!columns.includes(unit)) return hint(column, table.table);
    const sql = `SELECT COUNT(DISTINCT CAST(${quoted(column)} AS STRING)) AS clusters, COUNT(DISTINCT CAST(${quoted(unit)} AS STRING)) AS units FROM {t}`;
    const [row = {}] = await warehouse.rows({ sql, sqlFile: 'clusters', parameters: {}, tables: { t: table.table }, sources: {} }, context);
    if (Number(row['clusters']) > 1 && Number(row['clusters']) < Number(row['units'])) return hint(column, table.table);
  }
  return '';
}

const hint = (column: string, table: string): string =>
  `${table} has a column ${column}: if its values have several sessions each, say cluster: ${column}; without it the intervals are too narrow`;
