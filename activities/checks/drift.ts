/**
 * How far a column's distribution is from that of the last run: the population stability index, Σ (p − q) ln(p / q) over tenths of the earlier data, or over its
 * most frequent values. Below 0.1 is taken for none, above 0.2 for a shift (Siddiqi, "Credit Risk Scorecards", 2006).
 */
import type { Json } from '../../src/contract/values.ts';
import type { JobContext, Statement, Warehouse } from '../../src/ports/warehouse.ts';
import { quoted, text } from '../evaluation/metric-sql.ts';

/** What is kept of a column for the next run: shares beside bounds of numbers, or beside values. NULL has a place of its own. */
export type Shape =
  | { readonly kind: 'numbers'; readonly bounds: readonly number[]; readonly shares: readonly number[] }
  | { readonly kind: 'values'; readonly values: readonly string[]; readonly shares: readonly number[] };

const TENTHS = 10;
const MAX_VALUES = 20;
/** Stands for a share of nothing: an index must be finite. */
const LEAST_SHARE = 1e-4;

const NUMBERS = ['INT64', 'FLOAT64'];

interface Column {
  readonly warehouse: Warehouse;
  readonly table: string;
  readonly column: string;
  /** GoogleSQL */
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The column as it is now: in its own tenths or values, and in those of the earlier shape. */
export async function shapeOf(of: Column, context: JobContext): Promise<Shape> {
  if (!NUMBERS.includes(of.type)) {
    const rows = await ask(
      of,
      `SELECT CAST(${quoted(of.column)} AS STRING) AS v, COUNT(*) AS n FROM {t} WHERE ${quoted(of.column)} IS NOT NULL GROUP BY v ORDER BY n DESC, v LIMIT ${MAX_VALUES}`,
      context,
    );
    const values = rows.flatMap((row) => (typeof row['v'] === 'string' ? [row['v']] : []));
    return { kind: 'values', values, shares: await sharesIn(of, { kind: 'values', values, shares: [] }, context) };
  }
  const number = `CAST(${quoted(of.column)} AS FLOAT64)`;
  const tenths = `SELECT v, NTILE(${TENTHS}) OVER (ORDER BY v) AS tenth FROM (SELECT ${number} AS v FROM {t} WHERE ${quoted(of.column)} IS NOT NULL${of.type === 'FLOAT64' ? ` AND NOT IS_NAN(${number})` : ''})`;
  const rows = await ask(of, `SELECT MAX(v) AS bound FROM (${tenths}) WHERE tenth < ${TENTHS} GROUP BY tenth ORDER BY bound`, context);
  const bounds = [...new Set(rows.map((row) => Number(row['bound'])))];
  return { kind: 'numbers', bounds, shares: await sharesIn(of, { kind: 'numbers', bounds, shares: [] }, context) };
}

/** Shares of the rows in each place of a shape, what is in none, and NULL. */
export async function sharesIn(of: Column, shape: Shape, context: JobContext): Promise<number[]> {
  const value = quoted(of.column);
  const number = `CAST(${value} AS FLOAT64)`;
  const places =
    shape.kind === 'values'
      ? shape.values.map((each, index) => `WHEN CAST(${value} AS STRING) = ${text(each)} THEN ${index}`)
      : shape.bounds.map((bound, index) => `WHEN ${number} <= CAST(${JSON.stringify(String(bound))} AS FLOAT64) THEN ${index}`);
  const count = places.length;
  const missing = of.type === 'FLOAT64' ? `${value} IS NULL OR IS_NAN(${value})` : `${value} IS NULL`;
  const place = `CASE WHEN ${missing} THEN ${count + 1} ${places.join(' ')} ELSE ${count} END`;
  const rows = await ask(of, `SELECT ${place} AS place, COUNT(*) AS n FROM {t} GROUP BY place`, context);
  const total = rows.reduce((sum, row) => sum + Number(row['n']), 0);
  const shares = Array.from({ length: count + 2 }, () => 0);
  for (const row of rows) shares[Number(row['place'])] = total === 0 ? 0 : Number(row['n']) / total;
  return shares;
}

export function stabilityIndex(now: readonly number[], before: readonly number[]): number {
  return before.reduce((sum, share, index) => {
    const [p, q] = [Math.max(now[index] ?? 0, LEAST_SHARE), Math.max(share, LEAST_SHARE)];
    return sum + (p - q) * Math.log(p / q);
  }, 0);
}

/** A shape of the ledger; null where there is none, or one of another kind of column. */
export function shapeFrom(kept: unknown): Shape | null {
  if (typeof kept !== 'string') return null;
  const shape = JSON.parse(kept) as Partial<Record<string, unknown>>;
  return (shape['kind'] === 'numbers' || shape['kind'] === 'values') && Array.isArray(shape['shares']) ? (shape as unknown as Shape) : null;
}

function ask({ warehouse, table, labels }: Column, sql: string, context: JobContext): Promise<readonly Readonly<Record<string, Json>>[]> {
  const statement: Statement = { sql, sqlFile: 'drift', parameters: {}, tables: { t: table }, sources: {}, labels };
  return warehouse.rows(statement, context);
}
