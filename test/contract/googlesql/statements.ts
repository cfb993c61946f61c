/**
 * GoogleSQL of the kind that feature engineering needs, with the rows that BigQuery gives. They were worked out by hand from BigQuery's documentation,
 * never copied from an engine: so every engine can be held to them. Statements without ORDER BY give one row.
 */
import type { Json } from '../../../src/contract/values.ts';

interface KnownStatement {
  readonly name: string;
  readonly sql: string;
  readonly rows: readonly Readonly<Record<string, Json>>[];
}

interface RefusedStatement {
  readonly name: string;
  readonly sql: string;
  /** Part of the reason that the embedded warehouse gives when the pipeline is compiled. */
  readonly reason: string;
}

const SALES = `WITH sales AS (
  SELECT 'a' AS product, 1 AS week, 10.0 AS amount UNION ALL SELECT 'a', 2, 20.0 UNION ALL SELECT 'a', 4, 5.0 UNION ALL
  SELECT 'b', 1, 7.0 UNION ALL SELECT 'b', 2, NULL UNION ALL SELECT 'b', 3, 7.0 UNION ALL SELECT 'c', 3, 1.0
)`;

const one = (name: string, expression: string, x: Json): KnownStatement => ({ name, sql: `SELECT ${expression} AS x`, rows: [{ x }] });
const column = (values: readonly Json[]): KnownStatement['rows'] => values.map((x) => ({ x }));

export const KNOWN: readonly KnownStatement[] = [
  // Windows
  {
    name: 'ROW_NUMBER in a partition',
    sql: `${SALES} SELECT product, week, ROW_NUMBER() OVER (PARTITION BY product ORDER BY amount DESC, week) AS n FROM sales ORDER BY product, week`,
    rows: [
      { product: 'a', week: 1, n: 2 },
      { product: 'a', week: 2, n: 1 },
      { product: 'a', week: 4, n: 3 },
      { product: 'b', week: 1, n: 1 },
      { product: 'b', week: 2, n: 3 },
      { product: 'b', week: 3, n: 2 },
      { product: 'c', week: 3, n: 1 },
    ],
  },
  {
    name: 'RANK and DENSE_RANK with ties; NULL is the smallest',
    sql: `${SALES} SELECT week, RANK() OVER (ORDER BY amount) AS r, DENSE_RANK() OVER (ORDER BY amount) AS d FROM sales WHERE product = 'b' ORDER BY week`,
    rows: [
      { week: 1, r: 2, d: 2 },
      { week: 2, r: 1, d: 1 },
      { week: 3, r: 2, d: 2 },
    ],
  },
  {
    name: 'SUM over the rows before',
    sql: `${SALES} SELECT week, SUM(amount) OVER (ORDER BY week ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS x FROM sales WHERE product = 'a' ORDER BY week`,
    rows: [
      { week: 1, x: null },
      { week: 2, x: 10 },
      { week: 4, x: 30 },
    ],
  },
  {
    name: 'AVG over a range of weeks before',
    sql: `${SALES} SELECT week, AVG(amount) OVER (PARTITION BY product ORDER BY week RANGE BETWEEN 2 PRECEDING AND 1 PRECEDING) AS x FROM sales WHERE product = 'a' ORDER BY week`,
    rows: [
      { week: 1, x: null },
      { week: 2, x: 10 },
      { week: 4, x: 20 },
    ],
  },
  {
    name: 'LAG with a distance and a default, LEAD',
    sql: `${SALES} SELECT week, LAG(week, 1, 0) OVER (ORDER BY week) AS before, LEAD(week) OVER (ORDER BY week) AS after FROM sales WHERE product = 'a' ORDER BY week`,
    rows: [
      { week: 1, before: 0, after: 2 },
      { week: 2, before: 1, after: 4 },
      { week: 4, before: 2, after: null },
    ],
  },
  {
    name: 'LAST_VALUE IGNORE NULLS: the last known value',
    sql: `${SALES} SELECT week, LAST_VALUE(amount IGNORE NULLS) OVER (ORDER BY week ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS x FROM sales WHERE product = 'b' ORDER BY week`,
    rows: [
      { week: 1, x: 7 },
      { week: 2, x: 7 },
      { week: 3, x: 7 },
    ],
  },
  {
    name: 'FIRST_VALUE and NTH_VALUE',
    sql: `${SALES} SELECT week, FIRST_VALUE(week) OVER w AS first, NTH_VALUE(week, 2) OVER w AS second FROM sales WHERE product = 'a' WINDOW w AS (ORDER BY week ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) ORDER BY week`,
    rows: [
      { week: 1, first: 1, second: 2 },
      { week: 2, first: 1, second: 2 },
      { week: 4, first: 1, second: 2 },
    ],
  },
  {
    name: 'NTILE, PERCENT_RANK and CUME_DIST',
    sql: `SELECT n, NTILE(2) OVER (ORDER BY n) AS t, PERCENT_RANK() OVER (ORDER BY n) AS p, CUME_DIST() OVER (ORDER BY n) AS c FROM UNNEST([1, 2, 3, 4, 5]) AS n ORDER BY n`,
    rows: [
      { n: 1, t: 1, p: 0, c: 0.2 },
      { n: 2, t: 1, p: 0.25, c: 0.4 },
      { n: 3, t: 1, p: 0.5, c: 0.6 },
      { n: 4, t: 2, p: 0.75, c: 0.8 },
      { n: 5, t: 2, p: 1, c: 1 },
    ],
  },
  {
    name: 'COUNT of peers: RANGE of the current row',
    sql: `SELECT n, COUNT(*) OVER (ORDER BY n RANGE BETWEEN CURRENT ROW AND CURRENT ROW) AS x FROM UNNEST([1, 2, 2, 3]) AS n ORDER BY n`,
    rows: [
      { n: 1, x: 1 },
      { n: 2, x: 2 },
      { n: 2, x: 2 },
      { n: 3, x: 1 },
    ],
  },
  {
    name: 'share of a total by a window over an aggregate',
    sql: `${SALES} SELECT product, SUM(amount) / SUM(SUM(amount)) OVER () AS x FROM sales GROUP BY product ORDER BY product`,
    rows: [
      { product: 'a', x: 0.7 },
      { product: 'b', x: 0.28 },
      { product: 'c', x: 0.02 },
    ],
  },
  {
    name: 'QUALIFY keeps the first of each partition',
    sql: `${SALES} SELECT product, week FROM sales WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY product ORDER BY week DESC) = 1 ORDER BY product`,
    rows: [
      { product: 'a', week: 4 },
      { product: 'b', week: 3 },
      { product: 'c', week: 3 },
    ],
  },
  {
    name: 'QUALIFY by an alias',
    sql: `${SALES} SELECT product, SUM(amount) AS total, RANK() OVER (ORDER BY SUM(amount) DESC) AS place FROM sales GROUP BY product QUALIFY place <= 2 ORDER BY place`,
    rows: [
      { product: 'a', total: 35, place: 1 },
      { product: 'b', total: 14, place: 2 },
    ],
  },
  // Aggregates
  {
    name: 'COUNTIF, COUNT DISTINCT, and aggregates that skip NULL',
    sql: `${SALES} SELECT COUNTIF(amount > 5) AS big, COUNT(DISTINCT product) AS products, COUNT(amount) AS known, COUNT(*) AS n, AVG(amount) AS mean FROM sales`,
    rows: [{ big: 4, products: 3, known: 6, n: 7, mean: 50 / 6 }],
  },
  {
    name: 'SUM of no rows is NULL, COUNT is 0',
    sql: `${SALES} SELECT SUM(amount) AS s, COUNT(*) AS n, COUNTIF(amount > 0) AS c FROM sales WHERE product = 'z'`,
    rows: [{ s: null, n: 0, c: 0 }],
  },
  {
    name: 'ARRAY_AGG with ORDER BY and LIMIT',
    sql: `${SALES} SELECT product, ARRAY_AGG(week ORDER BY week DESC LIMIT 2) AS x FROM sales GROUP BY product ORDER BY product`,
    rows: [
      { product: 'a', x: [4, 2] },
      { product: 'b', x: [3, 2] },
      { product: 'c', x: [3] },
    ],
  },
  {
    name: 'ARRAY_AGG of structs',
    sql: `${SALES} SELECT ARRAY_AGG(STRUCT(week AS week, amount AS amount) ORDER BY week) AS x FROM sales WHERE product = 'a'`,
    rows: [
      {
        x: [
          { week: 1, amount: 10 },
          { week: 2, amount: 20 },
          { week: 4, amount: 5 },
        ],
      },
    ],
  },
  {
    name: 'ARRAY_AGG IGNORE NULLS',
    sql: `${SALES} SELECT ARRAY_AGG(amount IGNORE NULLS ORDER BY week) AS x FROM sales WHERE product = 'b'`,
    rows: [{ x: [7, 7] }],
  },
  {
    name: 'ARRAY_AGG DISTINCT',
    sql: `${SALES} SELECT ARRAY_AGG(DISTINCT product ORDER BY product DESC) AS x FROM sales`,
    rows: [{ x: ['c', 'b', 'a'] }],
  },
  {
    name: 'STRING_AGG with a separator, ORDER BY and LIMIT',
    sql: `${SALES} SELECT STRING_AGG(product, '|' ORDER BY week DESC, product LIMIT 3) AS x FROM sales`,
    rows: [{ x: 'a|b|c' }],
  },
  {
    name: 'ARRAY_CONCAT_AGG',
    sql: 'SELECT ARRAY_CONCAT_AGG(a.v ORDER BY a.k) AS x FROM (SELECT 2 AS k, [3] AS v UNION ALL SELECT 1, [1, 2]) AS a',
    rows: [{ x: [1, 2, 3] }],
  },
  {
    name: 'APPROX_QUANTILES of few values are values of the column',
    sql: 'SELECT APPROX_QUANTILES(n, 2) AS x FROM UNNEST([1, 2, 3, 4, 5]) AS n',
    rows: [{ x: [1, 3, 5] }],
  },
  {
    name: 'APPROX_COUNT_DISTINCT of few values is exact',
    sql: 'SELECT APPROX_COUNT_DISTINCT(n) AS x FROM UNNEST([1, 2, 2, 3]) AS n',
    rows: column([3]),
  },
  {
    name: 'STDDEV, VAR_POP and STDDEV_POP',
    sql: 'SELECT ROUND(STDDEV(n), 6) AS s, VAR_POP(n) AS v, ROUND(STDDEV_POP(n), 6) AS p FROM UNNEST([2, 4, 4, 4, 5, 5, 7, 9]) AS n',
    rows: [{ s: 2.13809, v: 4, p: 2 }],
  },
  { name: 'STDDEV of one value is NULL', sql: 'SELECT STDDEV(n) AS x FROM UNNEST([5]) AS n', rows: column([null]) },
  {
    name: 'MAX_BY and MIN_BY',
    sql: `${SALES} SELECT MAX_BY(week, amount) AS most, MIN_BY(week, amount) AS least FROM sales WHERE product = 'a'`,
    rows: [{ most: 2, least: 4 }],
  },
  {
    name: 'ANY_VALUE HAVING MAX',
    sql: `${SALES} SELECT ANY_VALUE(week HAVING MAX amount) AS x FROM sales WHERE product = 'a'`,
    rows: column([2]),
  },
  {
    name: 'LOGICAL_OR and LOGICAL_AND',
    sql: `${SALES} SELECT LOGICAL_OR(week = 4) AS o, LOGICAL_AND(week < 4) AS a FROM sales`,
    rows: [{ o: true, a: false }],
  },
  {
    name: 'GROUP BY ROLLUP',
    sql: `${SALES} SELECT product, SUM(amount) AS x FROM sales WHERE week = 1 GROUP BY ROLLUP (product) ORDER BY product`,
    rows: [
      { product: null, x: 17 },
      { product: 'a', x: 10 },
      { product: 'b', x: 7 },
    ],
  },
  {
    name: 'GROUP BY an expression by its alias, HAVING',
    sql: `${SALES} SELECT MOD(week, 2) AS odd, COUNT(*) AS n FROM sales GROUP BY odd HAVING n > 3 ORDER BY odd`,
    rows: [{ odd: 1, n: 4 }],
  },
  {
    name: 'PERCENTILE_CONT over a window',
    sql: 'SELECT DISTINCT PERCENTILE_CONT(n, 0.5) OVER () AS x FROM UNNEST([1, 2, 3, 4]) AS n',
    rows: column([2.5]),
  },
  // Arrays and structs
  {
    name: 'UNNEST WITH OFFSET counts from 0',
    sql: `SELECT e, o FROM UNNEST(['a', 'b']) AS e WITH OFFSET AS o ORDER BY o`,
    rows: [
      { e: 'a', o: 0 },
      { e: 'b', o: 1 },
    ],
  },
  {
    name: 'a correlated UNNEST of structs',
    sql: `WITH t AS (SELECT 1 AS id, [STRUCT('x' AS name, 2 AS n), STRUCT('y' AS name, 3 AS n)] AS items)
      SELECT t.id, i.name, i.n FROM t, UNNEST(t.items) AS i ORDER BY i.n DESC`,
    rows: [
      { id: 1, name: 'y', n: 3 },
      { id: 1, name: 'x', n: 2 },
    ],
  },
  {
    name: 'LEFT JOIN UNNEST keeps rows with empty arrays',
    sql: `WITH t AS (SELECT 1 AS id, [7, 8] AS v UNION ALL SELECT 2, [])
      SELECT t.id, e FROM t LEFT JOIN UNNEST(t.v) AS e ORDER BY t.id, e`,
    rows: [
      { id: 1, e: 7 },
      { id: 1, e: 8 },
      { id: 2, e: null },
    ],
  },
  {
    name: 'a subquery over an array',
    sql: 'WITH t AS (SELECT [3, 1, 2] AS v) SELECT (SELECT SUM(e) FROM UNNEST(t.v) AS e) AS total, ARRAY(SELECT e * 2 FROM UNNEST(t.v) AS e WHERE e > 1 ORDER BY e) AS x FROM t',
    rows: [{ total: 6, x: [4, 6] }],
  },
  one('ARRAY_LENGTH', 'ARRAY_LENGTH([1, 2, 3])', 3),
  one('OFFSET and ORDINAL', `CONCAT(['a', 'b'][OFFSET(0)], ['a', 'b'][ORDINAL(2)])`, 'ab'),
  one('SAFE_OFFSET beyond the end is NULL', `['a', 'b'][SAFE_OFFSET(5)]`, null),
  one('IN UNNEST', '2 IN UNNEST([1, 2])', true),
  one('ARRAY_CONCAT and ARRAY_REVERSE', 'ARRAY_REVERSE(ARRAY_CONCAT([1, 2], [3]))', [3, 2, 1]),
  one('ARRAY_TO_STRING', `ARRAY_TO_STRING(['a', 'b'], '-')`, 'a-b'),
  one('GENERATE_ARRAY with a step', 'GENERATE_ARRAY(1, 10, 4)', [1, 5, 9]),
  one('GENERATE_ARRAY backwards without a step is empty', 'GENERATE_ARRAY(3, 1)', []),
  one('GENERATE_DATE_ARRAY by weeks', `GENERATE_DATE_ARRAY(DATE '2026-01-01', DATE '2026-01-20', INTERVAL 1 WEEK)`, [
    '2026-01-01',
    '2026-01-08',
    '2026-01-15',
  ]),
  one('STRUCT fields', `STRUCT(1 AS a, 'x' AS b).b`, 'x'),
  // Selecting
  {
    name: 'SELECT * EXCEPT and REPLACE',
    sql: 'SELECT * EXCEPT (b) REPLACE (a + 1 AS a) FROM (SELECT 1 AS a, 2 AS b, 3 AS c)',
    rows: [{ a: 2, c: 3 }],
  },
  {
    name: 'PIVOT',
    sql: `SELECT * FROM (SELECT product, week, amount FROM (${SALES} SELECT * FROM sales)) PIVOT (SUM(amount) AS total FOR product IN ('a', 'b' AS bee)) ORDER BY week`,
    rows: [
      { week: 1, total_a: 10, total_bee: 7 },
      { week: 2, total_a: 20, total_bee: null },
      { week: 3, total_a: null, total_bee: 7 },
      { week: 4, total_a: 5, total_bee: null },
    ],
  },
  {
    name: 'UNPIVOT leaves NULLs out',
    sql: `SELECT id, name, value FROM (SELECT 1 AS id, 10 AS x, CAST(NULL AS INT64) AS y, 30 AS z) UNPIVOT (value FOR name IN (x, y, z)) ORDER BY name`,
    rows: [
      { id: 1, name: 'x', value: 10 },
      { id: 1, name: 'z', value: 30 },
    ],
  },
  {
    name: 'JOIN USING',
    sql: 'SELECT k, a.v AS x, b.v AS y FROM (SELECT 1 AS k, 2 AS v) AS a JOIN (SELECT 1 AS k, 3 AS v) AS b USING (k)',
    rows: [{ k: 1, x: 2, y: 3 }],
  },
  {
    name: 'FULL JOIN',
    sql: 'SELECT a.k AS x, b.k AS y FROM (SELECT 1 AS k) AS a FULL JOIN (SELECT 2 AS k) AS b ON a.k = b.k ORDER BY x',
    rows: [
      { x: null, y: 2 },
      { x: 1, y: null },
    ],
  },
  {
    name: 'UNION DISTINCT, EXCEPT DISTINCT and INTERSECT DISTINCT',
    sql: '(SELECT n AS x FROM UNNEST([1, 2, 2, 3]) AS n EXCEPT DISTINCT SELECT 3) UNION DISTINCT SELECT 2 ORDER BY x',
    rows: column([1, 2]),
  },
  {
    name: 'ORDER BY puts NULL first, DESC last, and NULLS LAST where it says so',
    sql: 'SELECT n AS x FROM (SELECT 2 AS n UNION ALL SELECT NULL UNION ALL SELECT 1) ORDER BY n NULLS LAST',
    rows: column([1, 2, null]),
  },
  {
    name: 'EXISTS and IN with subqueries',
    sql: `${SALES} SELECT DISTINCT product AS x FROM sales AS s WHERE EXISTS (SELECT 1 FROM sales AS o WHERE o.product = s.product AND o.week = 4) OR product IN (SELECT 'c') ORDER BY x`,
    rows: column(['a', 'c']),
  },
  {
    name: 'MERGE',
    sql: `CREATE TEMP TABLE stock AS SELECT 1 AS id, 5 AS n UNION ALL SELECT 2, 6;
      MERGE stock AS t USING (SELECT 2 AS id, 60 AS n UNION ALL SELECT 3, 70) AS s ON t.id = s.id
      WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n);
      SELECT id, n FROM stock ORDER BY id`,
    rows: [
      { id: 1, n: 5 },
      { id: 2, n: 60 },
      { id: 3, n: 70 },
    ],
  },
  {
    name: 'DECLARE and SET',
    sql: 'DECLARE low INT64 DEFAULT 2; SET low = low + 1; SELECT COUNT(*) AS x FROM UNNEST([1, 2, 3, 4]) AS n WHERE n >= low',
    rows: column([2]),
  },
  // Numbers
  one('a quotient of integers is FLOAT64', '7 / 2', 3.5),
  one('DIV and MOD truncate towards zero', '[DIV(-7, 2), MOD(-7, 2)]', [-3, -1]),
  one('SAFE_DIVIDE by 0 is NULL', 'SAFE_DIVIDE(1, 0)', null),
  one('SAFE_DIVIDE', 'SAFE_DIVIDE(1, 4)', 0.25),
  one('ROUND halves away from zero', '[ROUND(2.5), ROUND(-2.5), ROUND(1.25, 1)]', [3, -3, 1.3]),
  one('CAST to INT64 rounds halves away from zero', '[CAST(2.5 AS INT64), CAST(-1.5 AS INT64), CAST(1.4 AS INT64)]', [3, -2, 1]),
  one('SAFE_CAST of what is no number is NULL', `SAFE_CAST('x' AS INT64)`, null),
  one('CAST of FLOAT64 to STRING', 'CAST(1.5 AS STRING)', '1.5'),
  one('GREATEST with NULL is NULL', 'GREATEST(1, NULL, 3)', null),
  one('COALESCE and IFNULL', 'IFNULL(COALESCE(NULL, NULL), 4)', 4),
  one('NULLIF', 'NULLIF(3, 3)', null),
  one('IF of NULL takes the other branch', `IF(NULL, 'yes', 'no')`, 'no'),
  one('LN, EXP, POW and SQRT', '[LN(EXP(1.0)), POW(2, 10), SQRT(16)]', [1, 1024, 4]),
  one('TRUNC and CEIL', '[TRUNC(-1.7), CEIL(1.2), FLOOR(-1.2)]', [-1, 2, -2]),
  one('RANGE_BUCKET', 'RANGE_BUCKET(20, [0, 10, 20, 30])', 3),
  one('CASE', `CASE WHEN 1 > 2 THEN 'a' WHEN 2 > 1 THEN 'b' ELSE 'c' END`, 'b'),
  one('comparison with NULL is NULL', 'CAST(NULL AS INT64) = 1', null),
  one('IS NOT DISTINCT FROM compares NULLs', 'CAST(NULL AS INT64) IS NOT DISTINCT FROM CAST(NULL AS INT64)', true),
  // Texts
  one('FARM_FINGERPRINT', `FARM_FINGERPRINT('foo')`, '6150913649986995171'),
  one('a stable sample by fingerprint', `MOD(ABS(FARM_FINGERPRINT(CAST(42 AS STRING))), 100) < 100`, true),
  one('CONCAT with NULL is NULL', `CONCAT('a', NULL)`, null),
  one(
    'CONCAT writes what is no text as CAST does',
    `CONCAT('v', 1.0, ' ', 2.50, ' ', TRUE, ' ', DATE '2026-11-05', ' ', 7)`,
    'v1 2.5 true 2026-11-05 7',
  ),
  one('CONCAT of bytes stays bytes', `CONCAT(b'a', b'b') = b'ab'`, true),
  {
    name: 'CONCAT of columns, whatever their type',
    sql: `SELECT CONCAT(t, f, n) AS x FROM (SELECT 'v' AS t, 12345678.0 AS f, 3 AS n UNION ALL SELECT 'w', 0.5, 4 UNION ALL SELECT 'u', NULL, 5) ORDER BY t`,
    rows: [{ x: null }, { x: 'v123456783' }, { x: 'w0.54' }],
  },
  one('SUBSTR with a negative start', `SUBSTR('abcdef', -3, 2)`, 'de'),
  one('SPLIT', `SPLIT('a,b,,c')`, ['a', 'b', '', 'c']),
  one('REGEXP_EXTRACT with a group', `REGEXP_EXTRACT('user_42@x', r'_(\\d+)@')`, '42'),
  one('REGEXP_EXTRACT without a match is NULL', `REGEXP_EXTRACT('abc', r'\\d')`, null),
  one('REGEXP_REPLACE replaces all', `REGEXP_REPLACE('a1b22', r'\\d+', '#')`, 'a#b#'),
  one('REGEXP_CONTAINS', `REGEXP_CONTAINS('grocery', r'^gro')`, true),
  one('LOWER, TRIM and LPAD', `CONCAT(LOWER('AB'), TRIM('  c '), LPAD('7', 3, '0'))`, 'abc007'),
  one('LENGTH counts characters', `LENGTH('größe')`, 5),
  one('STARTS_WITH and STRPOS', `STARTS_WITH('abc', 'ab') AND STRPOS('abc', 'c') = 3`, true),
  one('TO_HEX of MD5', `TO_HEX(MD5('a'))`, '0cc175b9c0f1b6a831c399e269772661'),
  // Dates and times
  one('DATE_DIFF counts boundaries', `DATE_DIFF(DATE '2026-02-01', DATE '2026-01-31', MONTH)`, 1),
  one('DATE_DIFF by WEEK begins on Sunday', `DATE_DIFF(DATE '2026-01-04', DATE '2026-01-03', WEEK)`, 1),
  one('DATE_DIFF by WEEK(MONDAY)', `DATE_DIFF(DATE '2026-01-04', DATE '2026-01-03', WEEK(MONDAY))`, 0),
  one('DATE_ADD of a month at its end', `DATE_ADD(DATE '2026-01-31', INTERVAL 1 MONTH)`, '2026-02-28'),
  one('DATE_SUB', `DATE_SUB(DATE '2026-03-01', INTERVAL 1 DAY)`, '2026-02-28'),
  one('DATE_TRUNC by WEEK', `DATE_TRUNC(DATE '2026-11-24', WEEK)`, '2026-11-22'),
  one('DATE_TRUNC by ISOWEEK', `DATE_TRUNC(DATE '2026-11-24', ISOWEEK)`, '2026-11-23'),
  one('EXTRACT(DAYOFWEEK) is 1 on Sunday', `EXTRACT(DAYOFWEEK FROM DATE '2026-11-22')`, 1),
  one('EXTRACT(ISOWEEK) and EXTRACT(WEEK)', `[EXTRACT(ISOWEEK FROM DATE '2026-01-01'), EXTRACT(WEEK FROM DATE '2026-01-01')]`, [1, 0]),
  one('EXTRACT of a timestamp in a zone', `EXTRACT(HOUR FROM TIMESTAMP '2026-07-01 12:00:00+00' AT TIME ZONE 'Europe/Berlin')`, 14),
  one(
    'TIMESTAMP_DIFF counts elapsed units',
    `TIMESTAMP_DIFF(TIMESTAMP '2026-01-01 10:59:59+00', TIMESTAMP '2026-01-01 09:00:00+00', HOUR)`,
    1,
  ),
  one('TIMESTAMP_TRUNC by HOUR', `TIMESTAMP_TRUNC(TIMESTAMP '2026-01-01 10:59:59+00', HOUR)`, '2026-01-01T10:00:00.000Z'),
  one(
    'TIMESTAMP_TRUNC by DAY in a zone',
    `TIMESTAMP_TRUNC(TIMESTAMP '2026-01-01 03:00:00+00', DAY, 'America/New_York')`,
    '2025-12-31T05:00:00.000Z',
  ),
  one('TIMESTAMP_ADD', `TIMESTAMP_ADD(TIMESTAMP '2026-01-01 00:00:00+00', INTERVAL 90 MINUTE)`, '2026-01-01T01:30:00.000Z'),
  one('UNIX_SECONDS and TIMESTAMP_SECONDS', `UNIX_SECONDS(TIMESTAMP_SECONDS(1767225600))`, 1_767_225_600),
  one('DATE of a timestamp', `DATE(TIMESTAMP '2026-01-01 23:59:59+00')`, '2026-01-01'),
  one('FORMAT_DATE and PARSE_DATE', `FORMAT_DATE('%Y/%m/%d', PARSE_DATE('%d.%m.%Y', '24.11.2026'))`, '2026/11/24'),
  one('LAST_DAY', `LAST_DAY(DATE '2028-02-10')`, '2028-02-29'),
];

export const REFUSED: readonly RefusedStatement[] = [
  { name: 'RAND', sql: 'SELECT RAND() AS x', reason: 'RAND gives other rows every time' },
  { name: 'CURRENT_TIMESTAMP', sql: 'SELECT CURRENT_TIMESTAMP() AS x', reason: 'no result could be reused' },
  { name: 'NUMERIC', sql: `SELECT NUMERIC '1.1' + 2 AS x`, reason: 'NUMERIC' },
  {
    name: 'ML.PREDICT',
    sql: 'SELECT * FROM ML.PREDICT(MODEL d.m, TABLE d.t)',
    reason: 'ML.PREDICT is not translated: BigQuery ML runs on BigQuery only',
  },
  { name: 'EXPORT DATA', sql: `EXPORT DATA OPTIONS (uri = 'gs://b/*') AS SELECT 1 AS a`, reason: 'EXPORT DATA is not translated' },
  { name: 'EXECUTE IMMEDIATE', sql: `EXECUTE IMMEDIATE 'SELECT 1'`, reason: 'dynamic SQL is not translated' },
  { name: 'a loop', sql: 'WHILE TRUE DO SELECT 1; END WHILE', reason: 'loops are not translated' },
  { name: 'TABLESAMPLE', sql: 'SELECT * FROM {t} AS t TABLESAMPLE SYSTEM (10 PERCENT)', reason: 'TABLESAMPLE' },
  { name: 'a wildcard table', sql: 'SELECT * FROM `d.events_*`', reason: 'wildcard tables are not translated' },
  { name: 'geography', sql: 'SELECT ST_GEOGPOINT(1, 2) AS x', reason: 'the function ST_GEOGPOINT is not translated' },
  { name: 'HyperLogLog sketches', sql: 'SELECT HLL_COUNT.INIT(n) AS x FROM UNNEST([1]) AS n', reason: 'is not translated' },
  {
    name: 'a misspelt function',
    sql: 'SELECT COUNT_IF(n > 1) AS x FROM UNNEST([1]) AS n',
    reason: 'the function COUNT_IF is not translated',
  },
  { name: 'SELECT AS VALUE', sql: 'SELECT AS VALUE STRUCT(1 AS a)', reason: 'SELECT AS VALUE is not translated' },
  { name: 'protocol buffers', sql: `SELECT NEW music.Album('x' AS name) AS a`, reason: 'BigQuery has no protocol buffers' },
  {
    name: 'rows that a change must count',
    sql: 'DELETE {t} WHERE TRUE ASSERT_ROWS_MODIFIED 1',
    reason: 'BigQuery has no ASSERT_ROWS_MODIFIED',
  },
  { name: 'a function of other systems', sql: `SELECT LAX_UINT32(JSON '1') AS x`, reason: 'BigQuery has no function LAX_UINT32' },
  {
    name: 'a field of a struct in SET',
    sql: 'UPDATE {t} SET s.a = 1 WHERE TRUE',
    reason: 'assigning a field of a STRUCT is not translated',
  },
  { name: 'an INTERVAL as a column', sql: 'SELECT INTERVAL 1 DAY AS i', reason: 'the column i is an INTERVAL' },
  { name: 'a UDF', sql: 'CREATE TEMP FUNCTION f(x INT64) AS (x + 1); SELECT f(1) AS x', reason: 'CREATE FUNCTION is not translated' },
  {
    name: 'a STRUCT without names beside a column',
    sql: 'SELECT IF(i = 1, s, (1, 2)) AS x FROM {t}',
    reason: 'a STRUCT without names of fields meets a column',
  },
  {
    name: 'a table of a join that a step of a pipe left behind',
    sql: 'FROM UNNEST([1]) AS a |> JOIN (SELECT 1 AS i) AS b ON a = b.i |> LIMIT 1 |> WHERE b.i = 1',
    reason: 'the table b of a join is not translated after this step of the pipe',
  },
  { name: 'a day that is not there', sql: "SELECT DATE '2021-02-29' AS d", reason: 'there is no such DATE' },
  { name: 'fields of an array', sql: 'SELECT [STRUCT(1 AS a)].a', reason: 'an array has no fields' },
  { name: 'no GoogleSQL', sql: 'SELECT FROM WHERE', reason: 'this is not understood' },
];
