/** Columns of tables that steps will make, when a pipeline is compiled for the embedded warehouse. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSqlChecker, type SqlChecker } from '../../src/adapters/duckdb/index.ts';
import { compile } from '../../src/compile/index.ts';
import { InvalidInputError, type Problem } from '../../src/contract/errors.ts';

const PROFILE = `warehouse: { kind: duckdb, path: .longhaul/warehouse }
storage: { kind: directory, path: .longhaul/store }
compute: { kind: process, path: .longhaul/jobs }
`;
/** Of every type, some of them in structs. */
const SALES = `
CREATE TEMP TABLE shops AS SELECT shop, CONCAT('shop ', CAST(shop AS STRING)) AS name FROM UNNEST(GENERATE_ARRAY(1, @shops)) AS shop;
SELECT
  shop, name, day, CAST(shop AS FLOAT64) / 3 AS price, shop > 2 AS is_new, TIMESTAMP(day) AS at, PARSE_JSON('{"a": 1}') AS more,
  [STRUCT('a' AS item, 1.5 AS paid), STRUCT('b', 2.5)] AS bought, b'x' AS mark
FROM shops CROSS JOIN UNNEST(GENERATE_DATE_ARRAY('2026-01-01', '2026-01-03')) AS day
`;

let folder: string;
let checker: SqlChecker;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-made-columns-'));
  await mkdir(join(folder, 'profiles'));
  await writeFile(join(folder, 'profiles', 'local.yaml'), PROFILE);
  await writeFile(join(folder, 'sales.sql'), SALES);
  checker = createSqlChecker();
});
afterAll(async () => {
  await checker.close();
  await rm(folder, { recursive: true, force: true });
});

/** @param sql of a step that reads {sales} @param more steps, or fields of this one */
async function problemsOf(
  sql: string,
  { steps = '', table = '{steps.sales.outputs.table}', sources = '' } = {},
): Promise<readonly Problem[]> {
  await writeFile(join(folder, 'next.sql'), sql);
  await writeFile(
    join(folder, 'pipeline.yaml'),
    `version: 1
name: made
steps:
  sales: { kind: query, sql: sales.sql, with: { shops: 5 } }
  shown: { kind: check, table: '{steps.sales.outputs.table}', rules: [{ check: rows, min: 1 }] }
${steps}
  next: { kind: query, sql: next.sql, tables: { sales: '${table}' } ${sources} }
`,
  );
  const checkSql = (text: string, name: string): Promise<Problem[]> => checker.check(text, name);
  try {
    await compile(join(folder, 'pipeline.yaml'), { cwd: folder, checkSql, bindSql: (statement, known) => checker.bind(statement, known) });
    return [];
  } catch (error) {
    if (error instanceof InvalidInputError) return error.problems;
    throw error;
  }
}

it.each([
  'SELECT shop, SUM(price) AS paid, COUNTIF(is_new) AS n, MAX(at) AS last FROM {sales} GROUP BY shop',
  'SELECT * EXCEPT (more), JSON_VALUE(more, "$.a") AS a, LENGTH(mark) AS l FROM {sales} WHERE day > DATE "2026-01-01"',
  'SELECT s.name, b.item, b.paid + s.price AS p FROM {sales} AS s, UNNEST(s.bought) AS b WHERE b.item = s.name',
  'SELECT TO_JSON_STRING(s) AS t, ARRAY_LENGTH(bought) AS n FROM {sales} AS s',
])('a statement that goes with them passes: %s', async (sql) => {
  expect(await problemsOf(sql)).toEqual([]);
});

it.each([
  ['of a column that there is not', 'SELECT shop,\n  prise\nFROM {sales}', { line: 2, column: 3 }, /prise[\s\S]*price/],
  ['through a star', 'WITH s AS (SELECT * EXCEPT (price) FROM {sales})\nSELECT s.price FROM s', { line: 2 }, /price/],
  ['of a field that a struct has not', 'SELECT b.cost FROM {sales} AS s,\nUNNEST(s.bought) AS b', { line: 1, column: 10 }, /cost/],
  ['of a type with which that is not done', 'SELECT\n  bought + 1 AS x\nFROM {sales}', {}, /\+|type/i],
  ['of a sum of texts', 'SELECT\n SUM(name) AS x\nFROM {sales}', {}, /sum/i],
  ['EXCEPT of what is not there', 'SELECT * EXCEPT (nothing) FROM {sales}', { line: 1 }, /nothing/],
])('a mistake is told with its line %s', async (_what, sql, place, message) => {
  const [problem, ...others] = await problemsOf(sql);
  expect(others).toEqual([]);
  expect(problem).toMatchObject({ file: 'next.sql', path: 'steps.next.sql', ...place });
  expect(`${problem?.message} ${problem?.hint}`).toMatch(message);
});

it('columns are known through a check and through steps that follow each other', async () => {
  const steps = `  grouped: { kind: query, sql: { inline: 'SELECT name, SUM(price) AS paid FROM {t} GROUP BY name' }, tables: { t: '{steps.shown.outputs.table}' } }`;
  const table = '{steps.grouped.outputs.table}';
  expect(await problemsOf('SELECT name, paid FROM {sales}', { steps, table })).toEqual([]);
  const [problem] = await problemsOf('SELECT name, price FROM {sales}', { steps, table });
  expect(problem).toMatchObject({ file: 'next.sql', line: 1, column: 14 });
});

it.each([
  ['a table that no step makes', {}, 'made.elsewhere'],
  [
    'a source that a script writes',
    {
      steps: `  write: { kind: script, file: write.py, outputs: { rows: uri } }
  first: { kind: query, sql: { inline: 'SELECT * FROM {rows}' }, sources: { rows: '{steps.write.outputs.rows}' } }`,
    },
    '{steps.first.outputs.table}',
  ],
  [
    'a number that is known later',
    {
      steps: `  count: { kind: script, file: write.py, outputs: { n: int } }
  first: { kind: query, sql: { inline: 'SELECT @n AS n' }, with: { n: '{steps.count.outputs.n}' } }`,
    },
    '{steps.first.outputs.table}',
  ],
])('nothing is refused of %s', async (_what, more, table) => {
  await writeFile(join(folder, 'write.py'), 'pass\n');
  expect(await problemsOf('SELECT nobody_knows FROM {sales}', { ...more, table })).toEqual([]);
});
