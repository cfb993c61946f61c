/**
 * Which part a session belongs to: the first 60 bits of the MD5 of its text (`CAST(session AS STRING)`), modulo the number of buckets. The same on
 * every warehouse and in the trainer, which checks it.
 */
import { AdapterError } from '../../contract/errors.ts';
import type { ExportRequest, TableInfo } from '../../ports/warehouse.ts';

/** Their text is the same everywhere. */
const TYPES = ['STRING', 'INT64', 'DATE', 'BOOL'];

export function requireSession(request: ExportRequest, table: TableInfo): void {
  const { session } = request;
  if (session === undefined) return;
  const path = `export of ${table.table}: session`;
  const column = table.columns.find(({ name }) => name === session);
  if (!column)
    throw new AdapterError(
      'InvalidInput',
      `${path}: expected one of the columns ${table.columns.map(({ name }) => name).join(', ')}, found ${JSON.stringify(session)}`,
    );
  if (!TYPES.includes(column.type))
    throw new AdapterError(
      'InvalidInput',
      `${path}: expected a column of type ${TYPES.join(', ')}, found ${session}, which is ${column.type}; write CAST(${session} AS STRING) in the query that makes the table`,
    );
}

/** Parts of a wished size; a table of no rows has one. */
export function bucketsOf(request: ExportRequest, table: Pick<TableInfo, 'rows' | 'bytes'>, most: number): number {
  const wished = request.rowsPerPart
    ? Math.ceil(table.rows / request.rowsPerPart)
    : Math.ceil(table.bytes / Math.max(1, request.partSizeMb * MIB));
  return Math.max(1, Math.min(most, wished, table.rows));
}
const MIB = 1024 * 1024;

/**
 * Rows of a table, sessions whole: in the order of their first row where an order is wanted that does not begin with the session.
 *
 * @param order of the rows, `''` for any; must be total to be deterministic
 * @returns a FROM clause's subquery with two columns more, to be ordered by, or null where ordering by the session first is enough
 */
export function bySession(from: string, session: string, order: string, firstIsSession: boolean): string | null {
  if (order === '' || firstIsSession) return null;
  return `(SELECT *, MIN(longhaul_row) OVER (PARTITION BY ${session}) AS longhaul_first FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY ${order}) AS longhaul_row FROM ${from}))`;
}

export const startsWithSession = ({ orderBy, session }: ExportRequest): boolean =>
  orderBy[0] !== undefined && orderBy[0].trim().split(/\s+/)[0]?.toLowerCase() === session?.toLowerCase();
