import type { JobContext } from '../../ports/warehouse.ts';
import type { Connection } from './client.ts';
import { readRows } from './queries.ts';

interface Written {
  readonly prefix: string;
  readonly files: number;
  readonly rows: number;
}

/**
 * Rows of each file that `EXPORT DATA` wrote, by its name below the destination. A statement that wrote one file tells them; of several,
 * BigQuery counts by file name.
 */
export async function countsByFile(
  connection: Connection,
  destination: string,
  name: string,
  written: readonly Written[],
  context: JobContext,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const unknown: Written[] = [];
  for (const slice of written) {
    if (slice.files !== 1) unknown.push(slice);
    else
      for await (const info of connection.store.list(`${destination}/${slice.prefix}`))
        counts.set(info.uri.slice(destination.length + 1), slice.rows);
  }
  if (unknown.length === 0) return counts;
  const rows = await readRows(
    connection,
    {
      sql: 'SELECT s._FILE_NAME AS file, COUNT(*) AS n FROM {parts} AS s WHERE STARTS_WITH(s._FILE_NAME, @prefix) GROUP BY 1',
      sqlFile: `rows of ${destination}`,
      parameters: { prefix: { type: 'STRING', value: `${destination}/${name}` } },
      tables: {},
      sources: { parts: destination },
    },
    context,
  );
  for (const row of rows) if (typeof row['file'] === 'string') counts.set(row['file'].slice(destination.length + 1), Number(row['n']));
  // Files without rows have no row in the result.
  for (const slice of unknown)
    for await (const info of connection.store.list(`${destination}/${slice.prefix}`)) {
      const object = info.uri.slice(destination.length + 1);
      if (!counts.has(object)) counts.set(object, 0);
    }
  return counts;
}
