/** GoogleSQL matches the fields of structs by place, also where one of them is a column of a table: DuckDB alone would match them by name. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { openDuckdbWarehouse } from '../../../src/adapters/duckdb/index.ts';
import type { Json } from '../../../src/contract/values.ts';
import type { JobContext, Warehouse } from '../../../src/ports/warehouse.ts';

const OTHER = "STRUCT('x' AS height, 7 AS width)";
const SHARED = { sqlFile: 'sql/structs.sql', parameters: {}, sources: {}, clustering: [], labels: {} };
const context = (): JobContext => ({ signal: new AbortController().signal, progress: () => undefined });

describe('Structs in columns of tables', () => {
  let root: string;
  let warehouse: Warehouse;
  let made = 0;

  const make = (destination: string, sql: string, tables: Record<string, string> = {}): Promise<unknown> =>
    warehouse.query({ ...SHARED, sql, tables, destination, jobId: `structs-${++made}` }, context());
  const rowsOf = (sql: string, table = 'shop.boxes'): Promise<readonly Readonly<Record<string, Json>>[]> =>
    warehouse.rows({ ...SHARED, sql, tables: { boxes: table } }, context());

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'longhaul-structs-'));
    const store = await openDirectoryStore({ kind: 'directory', path: join(root, 'store') });
    warehouse = await openDuckdbWarehouse({ kind: 'duckdb', path: join(root, 'warehouse'), threads: 2 }, { store });
    await make('shop.boxes', "SELECT 1 AS id, STRUCT('a' AS width, 2 AS height) AS size, [STRUCT('p' AS width, 3 AS height)] AS parts");
  });
  afterAll(async () => {
    await warehouse.close();
    await rm(root, { recursive: true, force: true });
  });

  const swapped = { width: 'x', height: 7 };
  it.each([
    [
      'UNION ALL',
      `SELECT size AS s FROM {boxes} UNION ALL SELECT ${OTHER} ORDER BY s.height`,
      [{ s: { width: 'a', height: 2 } }, { s: swapped }],
    ],
    [
      'UNION ALL of a star',
      `SELECT * EXCEPT (id, parts) FROM {boxes} UNION ALL SELECT ${OTHER}`,
      [{ size: { width: 'a', height: 2 } }, { size: swapped }],
    ],
    [
      'UNION ALL of no names',
      `SELECT size AS s FROM {boxes} UNION ALL SELECT ('x', 7)`,
      [{ s: { width: 'a', height: 2 } }, { s: swapped }],
    ],
    [
      'UNION ALL with the table behind',
      `SELECT ${OTHER} AS s UNION ALL SELECT b.size FROM {boxes} AS b`,
      [{ s: { height: 'x', width: 7 } }, { s: { height: 'a', width: 2 } }],
    ],
    ['IF', `SELECT IF(id = 2, size, ${OTHER}) AS s FROM {boxes}`, [{ s: swapped }]],
    ['CASE', `SELECT CASE id WHEN 2 THEN size ELSE ${OTHER} END AS s FROM {boxes}`, [{ s: swapped }]],
    ['COALESCE', `SELECT COALESCE(IF(id = 2, size, NULL), ${OTHER}) AS s FROM {boxes}`, [{ s: swapped }]],
    ['IFNULL', `SELECT IFNULL(IF(id = 2, size, NULL), ${OTHER}) AS s FROM {boxes}`, [{ s: swapped }]],
    ['an array', `SELECT [size, ${OTHER}] AS s FROM {boxes}`, [{ s: [{ width: 'a', height: 2 }, swapped] }]],
    ['ARRAY_CONCAT', `SELECT ARRAY_CONCAT(parts, [${OTHER}]) AS s FROM {boxes}`, [{ s: [{ width: 'p', height: 3 }, swapped] }]],
    ['||', `SELECT parts || [${OTHER}] AS s FROM {boxes}`, [{ s: [{ width: 'p', height: 3 }, swapped] }]],
    ['=', `SELECT size = STRUCT('a' AS height, 2 AS width) AS s FROM {boxes}`, [{ s: true }]],
    ['IN', `SELECT size IN (STRUCT('a' AS height, 2 AS width)) AS s FROM {boxes}`, [{ s: true }]],
    ['elements', `SELECT p FROM {boxes}, UNNEST(parts) AS p UNION ALL SELECT ${OTHER}`, [{ p: { width: 'p', height: 3 } }, { p: swapped }]],
    [
      'elements and their place',
      `SELECT p, n FROM {boxes}, UNNEST(parts) AS p WITH OFFSET AS n UNION ALL SELECT ${OTHER}, 1`,
      [
        { p: { width: 'p', height: 3 }, n: 0 },
        { p: swapped, n: 1 },
      ],
    ],
    ['fields of elements', 'SELECT p.width AS w, n FROM {boxes}, UNNEST(parts) AS p WITH OFFSET AS n', [{ w: 'p', n: 0 }]],
  ])('%s', async (_name, sql, rows) => {
    expect(await rowsOf(sql)).toEqual(rows);
  });

  it.each([
    ['INSERT … SELECT', `INSERT INTO {boxes} (size, id) SELECT ${OTHER}, 2`],
    ['INSERT … VALUES', `INSERT INTO {boxes} (id, size) VALUES (2, ${OTHER})`],
    ['INSERT … VALUES without names', `INSERT INTO {boxes} (id, size) VALUES (2, ('x', 7))`],
    ['UPDATE', `UPDATE {boxes} SET id = 2, size = ${OTHER} WHERE TRUE`],
    [
      'MERGE',
      `MERGE INTO {boxes} AS b USING (SELECT 2 AS id, ${OTHER} AS size) AS n ON b.id = n.id WHEN NOT MATCHED THEN INSERT (id, size) VALUES (id, size)`,
    ],
    [
      'MERGE that updates',
      `MERGE INTO {boxes} AS b USING (SELECT 1 AS id, ${OTHER} AS size) AS n ON b.id = n.id WHEN MATCHED THEN UPDATE SET id = 2, size = n.size`,
    ],
  ])('%s', async (_name, sql) => {
    const table = `shop.changed_${++made}`;
    await make(table, 'SELECT * FROM {boxes}', { boxes: 'shop.boxes' });
    await make(table, sql, { boxes: table });
    expect(await rowsOf('SELECT size FROM {boxes} WHERE id = 2', table)).toEqual([{ size: swapped }]);
  });

  it('also of tables that the script makes', async () => {
    const script = `CREATE TEMP TABLE one AS SELECT size FROM {boxes}; CREATE TEMP TABLE two (size STRUCT<width STRING, height INT64>);
      INSERT INTO two VALUES (${OTHER}); SELECT size FROM one UNION ALL SELECT ${OTHER} UNION ALL SELECT size FROM two`;
    expect(await rowsOf(script)).toEqual([{ size: { width: 'a', height: 2 } }, { size: swapped }, { size: swapped }]);
  });
});
