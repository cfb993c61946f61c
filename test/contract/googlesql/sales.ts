/** Statements over a small table of sales, for comparing engines; rows where GoogleSQL's documentation fixes them. */
import type { Json } from '../../../src/contract/values.ts';

type Rows = readonly Readonly<Record<string, Json>>[];

export const SALES = `SELECT 1 AS id, 'north' AS store, 'apple' AS product, 3 AS amount, 1.5 AS price, TIMESTAMP '2026-01-01 08:30:00+00' AS at, DATE '2026-01-01' AS day
UNION ALL SELECT 2, 'north', 'bread', 1, 2.25, TIMESTAMP '2026-01-01 23:59:59+00', DATE '2026-01-01'
UNION ALL SELECT 3, 'south', 'apple', 5, 1.4, TIMESTAMP '2026-01-02 00:00:01+00', DATE '2026-01-02'
UNION ALL SELECT 4, 'south', 'milk', 2, 0.95, TIMESTAMP '2026-01-05 12:00:00+00', DATE '2026-01-05'
UNION ALL SELECT 5, 'north', 'apple', NULL, 1.6, TIMESTAMP '2026-01-31 18:45:00+00', DATE '2026-01-31'
UNION ALL SELECT 6, 'east', 'bread', 4, NULL, TIMESTAMP '2026-02-01 06:00:00+00', DATE '2026-02-01'
UNION ALL SELECT 7, 'east', 'milk', 2, 1.05, TIMESTAMP '2026-02-28 10:10:10+00', DATE '2026-02-28'`;

/** Each of {s}, the sales; `rows` where the documentation fixes them. */
export const STATEMENTS: readonly (readonly [what: string, sql: string, rows?: Rows])[] = [
  // Windows
  ['ROW_NUMBER', 'SELECT id, ROW_NUMBER() OVER (PARTITION BY store ORDER BY at) AS n FROM {s} ORDER BY id'],
  ['RANK and DENSE_RANK', 'SELECT id, RANK() OVER (ORDER BY product) AS r, DENSE_RANK() OVER (ORDER BY product) AS d FROM {s} ORDER BY id'],
  ['LAG with a default', 'SELECT id, LAG(id, 1, 0) OVER (PARTITION BY store ORDER BY at) AS before FROM {s} ORDER BY id'],
  ['LEAD', 'SELECT id, LEAD(product) OVER (ORDER BY at) AS next FROM {s} ORDER BY id'],
  ['FIRST_VALUE', 'SELECT id, FIRST_VALUE(product) OVER (PARTITION BY store ORDER BY at) AS first FROM {s} ORDER BY id'],
  [
    'LAST_VALUE over all',
    'SELECT id, LAST_VALUE(product) OVER (PARTITION BY store ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last FROM {s} ORDER BY id',
  ],
  ['running sum', 'SELECT id, SUM(amount) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS total FROM {s} ORDER BY id'],
  ['moving average', 'SELECT id, AVG(price) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS mean FROM {s} ORDER BY id'],
  [
    'RANGE over days',
    'SELECT id, COUNT(*) OVER (ORDER BY UNIX_DATE(day) RANGE BETWEEN 6 PRECEDING AND CURRENT ROW) AS week FROM {s} ORDER BY id',
  ],
  ['NTILE', 'SELECT id, NTILE(3) OVER (ORDER BY id) AS third FROM {s} ORDER BY id'],
  ['PERCENT_RANK', 'SELECT id, PERCENT_RANK() OVER (ORDER BY id) AS share FROM {s} ORDER BY id'],
  ['share of a total', 'SELECT id, amount / SUM(amount) OVER (PARTITION BY store) AS share FROM {s} ORDER BY id'],
  ['QUALIFY', 'SELECT id, store FROM {s} WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY store ORDER BY at DESC) = 1 ORDER BY id'],
  ['named window', 'SELECT id, SUM(amount) OVER w AS total FROM {s} WINDOW w AS (PARTITION BY product ORDER BY id) ORDER BY id'],
  // Aggregates
  ['COUNTIF', 'SELECT store, COUNTIF(amount > 2) AS n FROM {s} GROUP BY store ORDER BY store'],
  ['COUNT DISTINCT', 'SELECT COUNT(DISTINCT product) AS n FROM {s}', [{ n: 3 }]],
  ['SUM of nulls alone', 'SELECT SUM(amount) AS total, COUNT(amount) AS n FROM {s} WHERE id = 5', [{ total: null, n: 0 }]],
  ['AVG', 'SELECT store, AVG(amount) AS mean FROM {s} GROUP BY store ORDER BY store'],
  ['STDDEV and VARIANCE', 'SELECT ROUND(STDDEV(price), 9) AS s, ROUND(VAR_POP(price), 9) AS v FROM {s}'],
  ['ANY_VALUE', 'SELECT product, ANY_VALUE(product) AS same FROM {s} GROUP BY product ORDER BY product'],
  ['LOGICAL_OR', 'SELECT store, LOGICAL_OR(amount > 4) AS big FROM {s} GROUP BY store ORDER BY store'],
  ['MIN and MAX of times', 'SELECT MIN(at) AS first, MAX(day) AS last FROM {s}'],
  ['HAVING', 'SELECT store, COUNT(*) AS n FROM {s} GROUP BY store HAVING COUNT(*) > 2 ORDER BY store'],
  ['STRING_AGG with an order', "SELECT store, STRING_AGG(product, '+' ORDER BY id) AS list FROM {s} GROUP BY store ORDER BY store"],
  ['CORR', 'SELECT ROUND(CORR(amount, price), 9) AS c FROM {s}'],
  // Arrays and structs
  ['ARRAY_AGG with ORDER BY', 'SELECT store, ARRAY_AGG(id ORDER BY at DESC) AS ids FROM {s} GROUP BY store ORDER BY store'],
  ['ARRAY_AGG with LIMIT', 'SELECT store, ARRAY_AGG(id ORDER BY at DESC LIMIT 1) AS ids FROM {s} GROUP BY store ORDER BY store'],
  ['ARRAY_AGG IGNORE NULLS', 'SELECT ARRAY_AGG(amount IGNORE NULLS ORDER BY id) AS list FROM {s}', [{ list: [3, 1, 5, 2, 4, 2] }]],
  [
    'ARRAY_AGG of structs',
    'SELECT store, ARRAY_AGG(STRUCT(id AS id, product AS product) ORDER BY id) AS list FROM {s} GROUP BY store ORDER BY store',
  ],
  [
    'UNNEST WITH OFFSET',
    "SELECT x, o FROM UNNEST(['a', 'b', 'c']) AS x WITH OFFSET AS o ORDER BY o",
    [
      { x: 'a', o: 0 },
      { x: 'b', o: 1 },
      { x: 'c', o: 2 },
    ],
  ],
  [
    'array by OFFSET and ORDINAL',
    'SELECT [10, 20, 30][OFFSET(0)] AS a, [10, 20, 30][ORDINAL(1)] AS b, [10, 20][SAFE_OFFSET(5)] AS c',
    [{ a: 10, b: 10, c: null }],
  ],
  ['ARRAY_LENGTH', 'SELECT ARRAY_LENGTH([1, 2, 3]) AS n, ARRAY_LENGTH(ARRAY<INT64>[]) AS none', [{ n: 3, none: 0 }]],
  ['ARRAY_CONCAT', 'SELECT ARRAY_CONCAT([1], [2, 3]) AS list', [{ list: [1, 2, 3] }]],
  ['ARRAY_TO_STRING', "SELECT ARRAY_TO_STRING(['a', 'b'], '-') AS text", [{ text: 'a-b' }]],
  ['ARRAY of a subquery', 'SELECT ARRAY(SELECT x * 2 FROM UNNEST([3, 1, 2]) AS x ORDER BY x) AS list', [{ list: [2, 4, 6] }]],
  ['GENERATE_ARRAY with a step', 'SELECT GENERATE_ARRAY(1, 10, 4) AS list', [{ list: [1, 5, 9] }]],
  [
    'GENERATE_DATE_ARRAY',
    "SELECT GENERATE_DATE_ARRAY(DATE '2026-01-30', DATE '2026-02-01') AS days",
    [{ days: ['2026-01-30', '2026-01-31', '2026-02-01'] }],
  ],
  ['IN UNNEST', "SELECT id FROM {s} WHERE store IN UNNEST(['east', 'south']) ORDER BY id"],
  ['fields of a struct', "SELECT STRUCT(1 AS a, 'x' AS b).b AS b", [{ b: 'x' }]],
  ['join with UNNEST', 'SELECT s.id, x FROM {s} AS s CROSS JOIN UNNEST(GENERATE_ARRAY(1, s.amount)) AS x ORDER BY 1, 2'],
  // Nulls and conditions
  ['SAFE_DIVIDE', 'SELECT SAFE_DIVIDE(1, 0) AS a, SAFE_DIVIDE(1, 4) AS b, SAFE_DIVIDE(NULL, 2) AS c', [{ a: null, b: 0.25, c: null }]],
  ['IFNULL, COALESCE, NULLIF', 'SELECT IFNULL(NULL, 1) AS a, COALESCE(NULL, NULL, 3) AS b, NULLIF(2, 2) AS c', [{ a: 1, b: 3, c: null }]],
  [
    'IF and CASE',
    "SELECT id, IF(amount > 2, 'many', 'few') AS a, CASE WHEN price IS NULL THEN 0 WHEN price > 1.5 THEN 2 ELSE 1 END AS b FROM {s} ORDER BY id",
  ],
  ['SAFE_CAST', "SELECT SAFE_CAST('x' AS INT64) AS a, SAFE_CAST('7' AS INT64) AS b", [{ a: null, b: 7 }]],
  [
    'division of integers',
    'SELECT 7 / 2 AS a, DIV(7, 2) AS b, MOD(7, 2) AS c, DIV(-7, 2) AS d, MOD(-7, 2) AS e',
    [{ a: 3.5, b: 3, c: 1, d: -3, e: -1 }],
  ],
  ['nulls in the order', 'SELECT amount FROM {s} ORDER BY amount, id'],
  ['nulls in the order, descending', 'SELECT amount FROM {s} ORDER BY amount DESC, id'],
  ['GREATEST and LEAST', 'SELECT GREATEST(1, 3, 2) AS a, LEAST(1.5, 0.5) AS b, GREATEST(1, NULL) AS c', [{ a: 3, b: 0.5, c: null }]],
  // Times
  [
    'TIMESTAMP_TRUNC',
    'SELECT id, TIMESTAMP_TRUNC(at, DAY) AS d, TIMESTAMP_TRUNC(at, HOUR) AS h, TIMESTAMP_TRUNC(at, MONTH) AS m FROM {s} ORDER BY id',
  ],
  [
    'DATE_TRUNC to weeks',
    "SELECT DATE_TRUNC(DATE '2026-01-07', WEEK) AS sunday, DATE_TRUNC(DATE '2026-01-07', ISOWEEK) AS monday",
    [{ sunday: '2026-01-04', monday: '2026-01-05' }],
  ],
  [
    'DATE_DIFF',
    "SELECT DATE_DIFF(DATE '2026-03-01', DATE '2026-01-31', DAY) AS d, DATE_DIFF(DATE '2026-03-01', DATE '2026-01-31', MONTH) AS m",
    [{ d: 29, m: 2 }],
  ],
  [
    'TIMESTAMP_DIFF is of elapsed time',
    "SELECT TIMESTAMP_DIFF(TIMESTAMP '2026-01-02 00:00:01+00', TIMESTAMP '2026-01-01 23:59:59+00', DAY) AS d, TIMESTAMP_DIFF(TIMESTAMP '2026-01-02 00:00:01+00', TIMESTAMP '2026-01-01 23:59:59+00', SECOND) AS s",
    [{ d: 0, s: 2 }],
  ],
  [
    'DATE_ADD and DATE_SUB',
    "SELECT DATE_ADD(DATE '2026-01-31', INTERVAL 1 MONTH) AS a, DATE_SUB(DATE '2026-03-01', INTERVAL 1 DAY) AS b",
    [{ a: '2026-02-28', b: '2026-02-28' }],
  ],
  [
    'EXTRACT',
    "SELECT EXTRACT(YEAR FROM DATE '2026-02-01') AS y, EXTRACT(DAYOFWEEK FROM DATE '2026-02-01') AS sunday, EXTRACT(DAYOFYEAR FROM DATE '2026-02-01') AS n",
    [{ y: 2026, sunday: 1, n: 32 }],
  ],
  ['EXTRACT of a timestamp', 'SELECT id, EXTRACT(HOUR FROM at) AS h, EXTRACT(MINUTE FROM at) AS m FROM {s} ORDER BY id'],
  ['DATE of a timestamp', 'SELECT id, DATE(at) AS d FROM {s} ORDER BY id'],
  ['UNIX_SECONDS', "SELECT UNIX_SECONDS(TIMESTAMP '1970-01-02 00:00:00+00') AS s", [{ s: 86_400 }]],
  ['FORMAT_DATE', "SELECT FORMAT_DATE('%Y-%m', DATE '2026-02-01') AS m", [{ m: '2026-02' }]],
  ['PARSE_DATE', "SELECT PARSE_DATE('%d/%m/%Y', '31/01/2026') AS d", [{ d: '2026-01-31' }]],
  ['LAST_DAY', "SELECT LAST_DAY(DATE '2026-02-10') AS d", [{ d: '2026-02-28' }]],
  // Texts and numbers
  [
    'texts',
    "SELECT UPPER('ab') AS u, LENGTH('grüße') AS n, SUBSTR('abcdef', 2, 3) AS s, TRIM('  x ') AS t, REPLACE('a-b', '-', '+') AS r",
    [{ u: 'AB', n: 5, s: 'bcd', t: 'x', r: 'a+b' }],
  ],
  ['CONCAT and ||', "SELECT CONCAT('a', 'b') AS a, 'a' || 'b' AS b", [{ a: 'ab', b: 'ab' }]],
  ['SPLIT', "SELECT SPLIT('a,b,c', ',') AS parts, SPLIT('a,b', ',')[OFFSET(1)] AS second", [{ parts: ['a', 'b', 'c'], second: 'b' }]],
  [
    'REGEXP',
    "SELECT REGEXP_CONTAINS('item-12', r'\\d+') AS c, REGEXP_EXTRACT('item-12', r'(\\d+)') AS e, REGEXP_REPLACE('a1b2', r'\\d', '#') AS r",
    [{ c: true, e: '12', r: 'a#b#' }],
  ],
  ['STARTS_WITH and LIKE', "SELECT STARTS_WITH('north', 'no') AS a, 'north' LIKE '%th' AS b", [{ a: true, b: true }]],
  [
    'ROUND away from zero',
    'SELECT ROUND(2.5) AS a, ROUND(-2.5) AS b, ROUND(1.235, 2) AS c, TRUNC(-1.7) AS d, CEIL(1.2) AS e, FLOOR(-1.2) AS f',
  ],
  [
    'logarithms and powers',
    'SELECT ROUND(LN(10), 9) AS a, LOG10(1000) AS b, POW(2, 10) AS c, SQRT(9) AS d, ROUND(EXP(1), 9) AS e, ABS(-3) AS f',
  ],
  ['FARM_FINGERPRINT', "SELECT FARM_FINGERPRINT('foo') AS f, MOD(ABS(FARM_FINGERPRINT('foo')), 10) AS bucket"],
  [
    'CAST',
    "SELECT CAST(1.5 AS INT64) AS a, CAST(2.5 AS INT64) AS b, CAST('12' AS INT64) AS c, CAST(TRUE AS INT64) AS d, CAST(3 AS STRING) AS e",
    [{ a: 2, b: 3, c: 12, d: 1, e: '3' }],
  ],
  ['TO_HEX of SHA256', "SELECT TO_HEX(SHA256('a')) AS h", [{ h: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb' }]],
  // Shapes
  ['EXCEPT', 'SELECT * EXCEPT (at, day, price) FROM {s} ORDER BY id'],
  ['REPLACE', 'SELECT * EXCEPT (at, day) REPLACE (IFNULL(amount, 0) AS amount) FROM {s} ORDER BY id'],
  ['PIVOT', "SELECT * FROM (SELECT store, product, amount FROM {s}) PIVOT (SUM(amount) FOR product IN ('apple', 'bread')) ORDER BY store"],
  [
    'UNION ALL',
    'SELECT id FROM {s} WHERE id < 3 UNION ALL SELECT id + 10 FROM {s} WHERE id < 3 ORDER BY 1',
    [{ id: 1 }, { id: 2 }, { id: 11 }, { id: 12 }],
  ],
  [
    'EXCEPT DISTINCT and INTERSECT DISTINCT',
    "(SELECT product FROM {s} WHERE store = 'north' EXCEPT DISTINCT SELECT product FROM {s} WHERE store = 'south') ORDER BY 1",
  ],
  [
    'WITH, and names again',
    'WITH a AS (SELECT store, SUM(amount) AS n FROM {s} GROUP BY store), b AS (SELECT MAX(n) AS most FROM a) SELECT store FROM a JOIN b ON a.n = b.most ORDER BY store',
  ],
  [
    'self join on a period',
    'SELECT a.id, COUNT(b.id) AS earlier FROM {s} AS a LEFT JOIN {s} AS b ON b.store = a.store AND b.at < a.at GROUP BY a.id ORDER BY a.id',
  ],
  ['correlated subquery', 'SELECT id, (SELECT COUNT(*) FROM {s} AS b WHERE b.product = a.product) AS n FROM {s} AS a ORDER BY id'],
  [
    'EXISTS',
    'SELECT id FROM {s} AS a WHERE EXISTS (SELECT 1 FROM {s} AS b WHERE b.product = a.product AND b.store != a.store) ORDER BY id',
  ],
  ['USING', 'SELECT id, a.product AS product FROM {s} AS a JOIN (SELECT id FROM {s} WHERE amount > 2) AS b USING (id) ORDER BY id'],
  ['GROUP BY ROLLUP', 'SELECT store, SUM(amount) AS n FROM {s} GROUP BY ROLLUP (store) ORDER BY store, n'],
  ['APPROX_COUNT_DISTINCT', 'SELECT APPROX_COUNT_DISTINCT(product) AS n FROM {s}', [{ n: 3 }]],
  ['APPROX_QUANTILES', 'SELECT APPROX_QUANTILES(id, 2) AS q FROM {s}', [{ q: [1, 4, 7] }]],
  ['LIMIT and OFFSET', 'SELECT id FROM {s} ORDER BY id LIMIT 2 OFFSET 1', [{ id: 2 }, { id: 3 }]],
];
