/** Types that a function, an operator or CAST does not take are refused when a statement is compiled, of literals and of columns of known types. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSqlChecker, type SqlChecker } from '../../../src/adapters/duckdb/index.ts';
import type { Problem } from '../../../src/contract/errors.ts';

/** A value of each type: [literal, column of a table, DuckDB's type of the column]. */
const VALUES: Readonly<Record<string, readonly [literal: string, column: string, type: string]>> = {
  INT64: ['7', 'n', 'BIGINT'],
  FLOAT64: ['2.5', 'f', 'DOUBLE'],
  BOOL: ['TRUE', 'b', 'BOOLEAN'],
  STRING: ["'pear'", 's', 'VARCHAR'],
  BYTES: ["b'pear'", 'y', 'BLOB'],
  DATE: ["DATE '2026-05-04'", 'd', 'DATE'],
  DATETIME: ["DATETIME '2026-05-04 03:02:01'", 'dt', 'TIMESTAMP'],
  TIMESTAMP: ["TIMESTAMP '2026-05-04 03:02:01+00'", 'ts', 'TIMESTAMPTZ'],
  TIME: ["TIME '03:02:01'", 't', 'TIME'],
};
const TYPES = Object.keys(VALUES);
const NUMBERS = ['INT64', 'FLOAT64'];
const TEXTS = ['STRING', 'BYTES'];
const MOMENTS = ['DATE', 'DATETIME', 'TIMESTAMP'];
/** What BigQuery's documentation lists as CAST(… AS type). */
const CASTS: Readonly<Record<string, readonly string[]>> = {
  INT64: ['BOOL', 'FLOAT64', 'STRING'],
  FLOAT64: ['INT64', 'STRING'],
  BOOL: ['INT64', 'STRING'],
  STRING: ['INT64', 'FLOAT64', 'BOOL', 'BYTES', 'DATE', 'DATETIME', 'TIMESTAMP', 'TIME'],
  BYTES: ['STRING'],
  DATE: ['STRING', 'DATETIME', 'TIMESTAMP'],
  DATETIME: ['STRING', 'DATE', 'TIME', 'TIMESTAMP'],
  TIMESTAMP: ['STRING', 'DATE', 'DATETIME', 'TIME'],
  TIME: ['STRING'],
};
/** `x` is the value; which types it may have. */
const TAKEN: readonly (readonly [expression: string, types: readonly string[]])[] = [
  ['ROUND(x)', NUMBERS],
  ['SQRT(x)', NUMBERS],
  ['POW(2, x)', NUMBERS],
  ['ABS(x)', NUMBERS],
  ['MOD(x, 3)', ['INT64']],
  ['IS_NAN(x)', NUMBERS],
  ['SAFE_DIVIDE(x, 2)', NUMBERS],
  ['SUM(x)', NUMBERS],
  ['AVG(x)', NUMBERS],
  ['STDDEV(x)', NUMBERS],
  ['COUNTIF(x)', ['BOOL']],
  ['LOGICAL_AND(x)', ['BOOL']],
  ['STRING_AGG(x)', TEXTS],
  ['x + 1', [...NUMBERS, 'DATE']],
  ['x * 2', NUMBERS],
  ['x / 2', NUMBERS],
  ['-x', NUMBERS],
  ['NOT x', ['BOOL']],
  ['x AND TRUE', ['BOOL']],
  ['FALSE OR x', ['BOOL']],
  ['x IS TRUE', ['BOOL']],
  ['IF(x, 1, 2)', ['BOOL']],
  ['CASE WHEN x THEN 1 END', ['BOOL']],
  ["x LIKE 'p%'", ['STRING']],
  ["x || 'p'", ['STRING']],
  ['x & 1', ['INT64']],
  ['UPPER(x)', TEXTS],
  ['LENGTH(x)', TEXTS],
  ['SUBSTR(x, 2)', TEXTS],
  ["SUBSTR('pear', x)", ['INT64']],
  ["STARTS_WITH(x, 'p')", ['STRING']],
  ["SPLIT(x, ',')", ['STRING']],
  ["REGEXP_CONTAINS(x, 'p')", ['STRING']],
  ['TO_HEX(x)', ['BYTES']],
  ['SHA256(x)', TEXTS],
  ['ARRAY_LENGTH(x)', []],
  ['EXTRACT(YEAR FROM x)', MOMENTS],
  ['DATE_TRUNC(x, MONTH)', MOMENTS],
  ["FORMAT_DATE('%Y', x)", MOMENTS],
  ['UNIX_SECONDS(x)', ['TIMESTAMP']],
  ['TIMESTAMP_SECONDS(x)', ['INT64']],
  ["PARSE_DATE('%F', x)", ['STRING']],
  ['TIME_TRUNC(x, HOUR)', ['TIME']],
  ['x IN UNNEST([1, 2])', NUMBERS],
  ['x BETWEEN 1 AND 2', NUMBERS],
  ['NULLIF(x, 1)', NUMBERS],
  ['GREATEST(1, x)', NUMBERS],
  ['COALESCE(x, 1)', NUMBERS],
  ['IF(TRUE, 1, x)', NUMBERS],
  ['CASE x WHEN 1 THEN 2 END', NUMBERS],
  ['[x, 1]', NUMBERS],
  ...TYPES.map((to) => [`CAST(x AS ${to})`, TYPES.filter((from) => from === to || CASTS[from]?.includes(to))] as const),
];
/** Where a literal of a text stands for a date or a time, or is refused for what is in it. */
const OF_TEXTS = /^(?:DATE_TRUNC|FORMAT_DATE|UNIX_SECONDS|TIME_TRUNC|PARSE_DATE|CAST)/;

const columns = Object.values(VALUES).map(([, name, read], i) => ({ name, type: TYPES[i] ?? '', read }));
const SHARED = { sqlFile: 'sql/next.sql', parameters: {}, sources: {} };
let checker: SqlChecker;
beforeAll(() => (checker = createSqlChecker()));
afterAll(() => checker.close());

const of = (expression: string, value: string): string => expression.replaceAll(/\bx\b/g, value);
const ofColumns = async (sql: string): Promise<readonly Problem[]> =>
  (await checker.bind({ ...SHARED, sql, tables: { fruit: 'main.fruit' } }, { fruit: columns })).problems;

function expectTold(problem: Problem | undefined, line: number): void {
  expect(problem).toMatchObject({ file: 'sql/next.sql', line });
  expect(problem?.message).not.toMatch(/analysed|not translated|No function matches|Binder/);
}

describe.each(TAKEN)('%s', (expression, types) => {
  it.each(TYPES)('of %s', async (type) => {
    const [literal, column] = VALUES[type] ?? ['', ''];
    const takes = types.includes(type);
    const problems = await ofColumns(`SELECT\n  ${of(expression, column)} AS r\nFROM {fruit}`);
    if (takes) expect(problems).toEqual([]);
    else expectTold(problems[0], 2);
    if (type === 'STRING' && OF_TEXTS.test(expression)) return;
    const alone = await checker.check(`SELECT\n\n  ${of(expression, literal)} AS r`, 'sql/next.sql');
    if (takes) expect(alone).toEqual([]);
    else expectTold(alone[0], 3);
    const within = await checker.check(`WITH w AS (SELECT ${literal} AS v)\nSELECT ${of(expression, 'v')} AS r FROM w`, 'sql/next.sql');
    if (takes) expect(within).toEqual([]);
    else expectTold(within[0], 2);
  });
});

it('says which arguments there are, and what to write instead', async () => {
  const [problem] = await ofColumns('SELECT ROUND(s, 1) AS r FROM {fruit}');
  expect(problem).toMatchObject({
    message: 'ROUND takes no STRING here',
    found: 'ROUND(s, 1)',
    expected: 'ROUND(number, [INT64])',
    hint: 'CAST(… AS FLOAT64)',
  });
});

it.each([
  "SELECT d FROM {fruit} UNION ALL SELECT '2026-05-04'",
  "SELECT '2026-05-04' AS d UNION ALL SELECT d FROM {fruit}",
  'SELECT d FROM {fruit} UNION ALL SELECT dt FROM {fruit}',
  'SELECT n FROM {fruit} UNION ALL SELECT f FROM {fruit} UNION ALL SELECT NULL',
  "SELECT COALESCE('2026-05-04', d) AS a, IF(b, ts, '2026-05-04 00:00:00+00') AS b, CASE t WHEN '01:02:03' THEN 1 END AS c FROM {fruit}",
  "SELECT NULLIF(d, '2026-05-04') AS a, GREATEST(f, n, 2) AS b, [n, f, 1] AS c, [d, '2026-05-04'] AS e FROM {fruit}",
  "SELECT * FROM {fruit} WHERE d BETWEEN '2026-05-01' AND '2026-05-31' AND ts >= '2026-05-04 00:00:00+00' AND n IN (1, 2.5)",
  'SELECT d + 1 AS a, d + INTERVAL 1 DAY AS b, ts - INTERVAL 1 HOUR AS c, n / 2 + f AS e FROM {fruit}',
  'SELECT a.n FROM {fruit} AS a JOIN {fruit} AS b USING (n) WHERE a.n IN (SELECT n FROM {fruit}) AND a.b IS NOT TRUE',
  'WITH w AS (SELECT MAX(s) AS s, SUM(n) AS n, ANY_VALUE(b) AS b FROM {fruit}) SELECT UPPER(s) AS s, n + 1 AS n, NOT b AS b FROM w',
  "SELECT CONCAT(s, '-', n) AS a, FORMAT('%d %s', n, s) AS b, LAG(f, 1, 0) OVER (ORDER BY n) AS c, MAX_BY(s, f) OVER () AS e FROM {fruit}",
])('goes with columns: %s', async (sql) => {
  expect(await ofColumns(sql)).toEqual([]);
});

it.each([
  'SELECT DISTINCT j FROM w',
  'SELECT COUNT(*) AS n FROM w GROUP BY j',
  'SELECT COUNT(DISTINCT j) AS n FROM w',
  'SELECT ROW_NUMBER() OVER (PARTITION BY j) AS n FROM w',
  'SELECT j FROM w ORDER BY j',
])('tells no two values of JSON apart: %s', async (sql) => {
  const [problem] = await checker.check(`WITH w AS (SELECT PARSE_JSON('{"a": 1}') AS j)\n${sql}`, 'sql/next.sql');
  expectTold(problem, 2);
  expect(problem?.hint).toMatch(/JSON_VALUE/);
});

it('leaves alone what only the tables know', async () => {
  expect(await checker.check('SELECT ROUND(a), NOT b, c + 1, NULLIF(d, 1), SUM(e) FROM {t} GROUP BY ALL', 'sql/next.sql')).toEqual([]);
});
