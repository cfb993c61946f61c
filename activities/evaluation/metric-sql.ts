/**
 * The offline metrics as GoogleSQL: one text for BigQuery and, through the translator, for DuckDB. docs/evaluation.md has the formulas.
 *
 * Candidates of equal score share the places that they span, and every metric is the expected value over the orders of such a tie:
 * so no metric depends on where the ordered items stood in the data. NDCG is then scikit-learn's `ndcg_score` (McSherry & Najork,
 * "Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores", ECIR 2008).
 */
import { metricNames, USUAL_RANKING_METRICS } from '../../src/contract/metrics.ts';
import type { RankingMetric } from '../../src/contract/metrics.ts';
import { NOT_NEGATIVE, SHARE } from './ranges.ts';
import type { Range } from './ranges.ts';

/** Sessions are hashed into so many buckets on either side of 0; see bootstrap.ts. */
export const HALF_OF_BUCKETS = 1000;

export const SCORE = 'score';

/** Names of columns that the tables of an evaluation have themselves. */
export const OWN_COLUMNS = [
  'scorer',
  'bucket',
  'session',
  'item',
  'label',
  SCORE,
  'item_weight',
  'place',
  'tied',
  'candidates',
  'ordered',
  'unit',
];

/** One scorer: a table of scores, and the column in it to rank by. */
interface ScoresOf {
  readonly scorer: string;
  /** Alias of the table of scores. */
  readonly alias: string;
  readonly column: string;
  /** Instead of the table as it is: SQL with `session, item, label, score`, the segments and the cluster. */
  readonly from?: string | undefined;
}

/** What of the table's columns the SQL must know. */
interface RanksInput {
  readonly scorers: readonly ScoresOf[];
  readonly segments: readonly string[];
  /** GoogleSQL type of `label`. */
  readonly labelType: string;
  /** Column of the independent units; absent: sessions are. */
  readonly cluster?: string | undefined;
  /** Column of the weight of an ordered item; absent: 1. */
  readonly weight?: string | undefined;
}

/** Where every scorer puts the ordered items: `scorer, bucket, session, item, label, place, tied, candidates` and the segments. */
export function ranksSql({ scorers, segments, labelType, cluster, weight }: RanksInput): string {
  const label = numericLabel(labelType);
  const columns = segments.map((name) => `, CAST(${quoted(name)} AS STRING) AS ${quoted(name)}`).join('');
  // A session has one unit, also where the data contradict themselves.
  const unit =
    cluster === undefined
      ? 'CAST(session AS STRING)'
      : `IFNULL(MIN(CAST(${quoted(cluster)} AS STRING)) OVER (PARTITION BY session), CAST(session AS STRING))`;
  const branch = ({ scorer, alias, column, from = `{${alias}}` }: ScoresOf): string => `
SELECT
  ${text(scorer)} AS scorer, MOD(FARM_FINGERPRINT(unit), ${HALF_OF_BUCKETS}) AS bucket, unit,
  session, item, label, item_weight, place, tied, candidates${segments.map((name) => `, ${quoted(name)}`).join('')}
FROM (
  SELECT
    CAST(session AS STRING) AS session, ${unit} AS unit, CAST(item AS STRING) AS item, ${label} AS label,
    ${weight === undefined ? '1.0' : `CAST(${quoted(weight)} AS FLOAT64)`} AS item_weight${columns},
    -- 1 is the top; candidates of one score share the places from \`place\` to \`place + tied - 1\`.
    RANK() OVER (PARTITION BY session ORDER BY ${rankedBy(column)} DESC) AS place,
    COUNT(*) OVER (PARTITION BY session ORDER BY ${rankedBy(column)} DESC RANGE BETWEEN CURRENT ROW AND CURRENT ROW) AS tied,
    COUNT(*) OVER (PARTITION BY session) AS candidates
  FROM ${from}
)
WHERE label > 0`;
  return scorers.map(branch).join('\nUNION ALL').trim();
}

/** A baseline may know nothing of a candidate: that is below all others. Of a model's scores `checkSql` has told that they are finite. */
function rankedBy(column: string): string {
  if (column === SCORE) return SCORE;
  const value = `CAST(${quoted(column)} AS FLOAT64)`;
  return `IF(${value} IS NULL OR IS_NAN(${value}), CAST('-inf' AS FLOAT64), ${value})`;
}

export const numericLabel = (type: string, column = 'label'): string =>
  type === 'BOOL' ? `IF(${quoted(column)}, 1.0, 0.0)` : `CAST(${quoted(column)} AS FLOAT64)`;

/**
 * Sums of every metric over sessions, by scorer, segment and bucket: one row for each scorer and value of a segment (`''` is all sessions).
 * A segment restricts the ordered items that count; their places stay those among all candidates.
 */
export function metricsSql(
  segments: readonly string[],
  k: readonly number[],
  metrics: readonly RankingMetric[] = USUAL_RANKING_METRICS,
): string {
  const wanted = metricNames(k, metrics);
  const discount = (place: string): string => `LN(2) / LN(${place} + 1)`;
  const each = (of: (at: number) => string, separator = ',\n'): string => k.map(of).join(separator);
  const parts = [
    `SELECT scorer, bucket, unit, session, label, item_weight, place, tied, candidates, '' AS segment, '' AS value FROM {ranks}`,
    ...segments.map(
      (name) =>
        `SELECT scorer, bucket, unit, session, label, item_weight, place, tied, candidates, ${text(name)} AS segment, IFNULL(${quoted(name)}, '${NO_VALUE}') AS value FROM {ranks}`,
    ),
  ];
  return `
WITH
  ordered AS (
    ${parts.join('\n    UNION ALL\n    ')}
  ),
  ties AS (
    SELECT
      *, IFNULL(SUM(items) OVER (
        PARTITION BY scorer, session, segment, value ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ), 0) AS items_above,
      SUM(items) OVER (PARTITION BY scorer, session, segment, value) AS items_all
    FROM (
      SELECT
        scorer, bucket, unit, session, segment, value, place, tied, candidates, COUNT(*) AS items, SUM(item_weight) AS weight, SUM(label * item_weight) AS gain
      FROM ordered GROUP BY scorer, bucket, unit, session, segment, value, place, tied, candidates
    )
  ),
  shapes AS (SELECT DISTINCT place, tied, items FROM ties),
  -- Each place of a tie, and how probable it is that the first of its ordered items stands there: drawing without replacement.
  -- Step by step: DuckDB is given each operand several times, of a sum ten times.
  places AS (
    SELECT s.place, s.tied, s.items, i, s.place + i AS spot, s.tied - i AS remaining, GREATEST(s.tied - s.items - i, 1) AS unordered
    FROM shapes AS s, UNNEST(GENERATE_ARRAY(0, s.tied - 1)) AS i
  ),
  misses AS (SELECT *, LN(unordered / remaining) AS missed FROM places),
  drawn AS (
    SELECT
      *, IFNULL(SUM(missed) OVER (PARTITION BY place, tied, items ORDER BY i ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0.0) AS all_missed
    FROM misses
  ),
  chances AS (SELECT *, IF(i > tied - items, 0.0, items / remaining * EXP(all_missed)) AS first FROM drawn),
  parts AS (
    SELECT
      place, tied, items, spot, first / spot AS reciprocal,
      ${each(
        (at) =>
          `IF(spot <= ${at}, ${discount('spot')}, 0.0) AS discount_${at}, IF(spot <= ${at}, 1.0, 0.0) AS found_${at},
      IF(spot <= ${at}, items / tied / spot, 0.0) AS above_${at},
      IF(spot <= ${at}, items / tied / spot * (1 + i * (items - 1) / GREATEST(tied - 1, 1)), 0.0) AS precise_${at}`,
        ',\n      ',
      )}
    FROM chances
  ),
  -- What an item of the tie may expect; \`precise_k\` and \`above_k\`: the tie's part of the average precision, and what each item above it adds.
  expected AS (
    SELECT
      place, tied, items, AVG(spot) AS rank, SUM(reciprocal) AS reciprocal,
      ${each(
        (at) =>
          `AVG(discount_${at}) AS discount_${at}, AVG(found_${at}) AS found_${at}, SUM(above_${at}) AS above_${at}, SUM(precise_${at}) AS precise_${at}`,
        ',\n      ',
      )}
    FROM parts GROUP BY place, tied, items
  ),
  best AS (
    SELECT
      scorer, session, segment, value, label * item_weight AS gain,
      ROW_NUMBER() OVER (PARTITION BY scorer, session, segment, value ORDER BY label * item_weight DESC) AS spot
    FROM ordered
  ),
  worths AS (SELECT scorer, session, segment, value, ${each((at) => `IF(spot <= ${at}, gain * ${discount('spot')}, 0.0) AS worth_${at}`, ', ')} FROM best),
  ideals AS (
    SELECT scorer, session, segment, value, ${each((at) => `SUM(worth_${at}) AS ideal_${at}`, ', ')}
    FROM worths GROUP BY scorer, session, segment, value
  ),
  summands AS (
    SELECT
      t.scorer, t.bucket, t.unit, t.session, t.segment, t.value, t.weight, t.items, t.candidates, e.reciprocal,
      ${[each((at) => `d.ideal_${at}`, ', '), ...wanted.map((name) => `${summandOf(name)} AS s_${name}`)].join(',\n      ')}
    FROM ties AS t
    JOIN expected AS e ON e.place = t.place AND e.tied = t.tied AND e.items = t.items
    JOIN ideals AS d ON d.scorer = t.scorer AND d.session = t.session AND d.segment = t.segment AND d.value = t.value
  ),
  sums AS (
    SELECT
      scorer, bucket, unit, session, segment, value, SUM(weight) AS weight, SUM(items) AS items, MAX(candidates) AS candidates,
      MAX(reciprocal) AS reciprocal,
      ${[each((at) => `MAX(ideal_${at}) AS ideal_${at}`, ', '), ...wanted.map((name) => `SUM(s_${name}) AS s_${name}`)].join(',\n      ')}
    FROM summands GROUP BY scorer, bucket, unit, session, segment, value
  ),
  sessions AS (
    SELECT
      scorer, bucket, unit, session, segment, value,
      ${wanted.map((name) => `${metricOf(name)} AS ${name}`).join(',\n      ')}
    FROM sums
  ),
  buckets AS (
    SELECT
      scorer, segment, value, bucket, COUNT(*) AS sessions, COUNT(DISTINCT unit) AS units,
      ${wanted.map((name) => `SUM(${name}) AS ${name}`).join(', ')}
    FROM sessions GROUP BY scorer, segment, value, bucket
  )
SELECT
  scorer, segment, value,
  SUM(units) AS units,
  ARRAY_AGG(bucket ORDER BY bucket) AS bucket,
  ARRAY_AGG(sessions ORDER BY bucket) AS sessions,
  ${wanted.map((name) => `ARRAY_AGG(${name} ORDER BY bucket) AS ${name}`).join(',\n  ')}
FROM buckets GROUP BY scorer, segment, value ORDER BY scorer, segment, value`.trim();
}

/** A metric's name without its k, and the k. */
const splitName = (name: string): readonly [metric: string, k: string] => {
  const [, metric = name, at = ''] = /^(\w+)_at_(\d+)$/.exec(name) ?? [];
  return [metric, at];
};

/** What a tie `t` of a session, what its items may expect `e`, and the best order `d` add to the session's metric. */
function summandOf(name: string): string {
  const [metric, at] = splitName(name);
  switch (metric) {
    case 'average_rank':
      return 't.weight * e.rank';
    case 'mrr':
      // Of ties one after the other the first has the greatest: the sum is not asked for.
      return 'e.reciprocal';
    case 'ndcg':
      return `t.gain * e.discount_${at}`;
    case 'recall':
    case 'precision':
      return `t.weight * e.found_${at}`;
    case 'map':
      return `t.items_above * e.above_${at} + e.precise_${at}`;
    case 'auc':
      // Candidates below, of which those that are no ordered items count; of a tie half.
      return 't.weight * (t.candidates - e.rank - (t.items_all - t.items_above - t.items + (t.items - 1) / 2))';
    default:
      throw new Error(`there is no metric ${name}`);
  }
}

/** Of one session, of the sums over its ties. */
function metricOf(name: string): string {
  const [metric, at] = splitName(name);
  const sum = `s_${name}`;
  switch (metric) {
    case 'mrr':
      return 'reciprocal';
    case 'ndcg':
      return `${sum} / ideal_${at}`;
    case 'precision':
      return `${sum} / ${at}`;
    case 'map':
      return `${sum} / LEAST(items, ${at})`;
    case 'auc':
      return `IF(candidates > items, ${sum} / weight / GREATEST(candidates - items, 1), 0.5)`;
    default:
      return `${sum} / weight`;
  }
}

/** Which values the metrics can have. Precision adds weights up, which may be any above 0. */
export const rangesOf = (names: readonly string[], weighted: boolean): Readonly<Record<string, Range>> =>
  Object.fromEntries(
    names.map((name): [string, Range] => [
      name,
      name === 'average_rank' ? [1, Infinity] : weighted && name.startsWith('precision') ? NOT_NEGATIVE : SHARE,
    ]),
  );

/** Of segments: the value of rows that have none. */
export const NO_VALUE = '(none)';

interface CheckOptions {
  readonly from?: string | undefined;
  readonly weight?: string | undefined;
}

/** What must be known of scores before they are ranked. */
export function checkSql(segments: readonly string[], labelType: string, { from = '{scores}', weight }: CheckOptions = {}): string {
  const value = `CAST(${quoted(weight ?? 'weight')} AS FLOAT64)`;
  const bad = weight === undefined ? 'FALSE' : `ordered AND (${value} IS NULL OR IS_NAN(${value}) OR IS_INF(${value}) OR ${value} <= 0)`;
  const values = segments.map((name, index) => `, COUNT(DISTINCT IF(ordered, CAST(${quoted(name)} AS STRING), NULL)) AS values_${index}`);
  return `
SELECT
  COUNT(*) AS candidates, COUNT(DISTINCT session) AS sessions, COUNTIF(ordered) AS ordered,
  COUNTIF(score IS NULL OR IS_NAN(score) OR IS_INF(score)) AS not_finite, COUNTIF(${bad}) AS bad_weights${values.join('')}
FROM (SELECT *, IFNULL(${numericLabel(labelType)}, 0.0) > 0 AS ordered FROM ${from})`.trim();
}

/** Columns of one's own tables may be named anything. */
export const quoted = (name: string): string => `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
export const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
