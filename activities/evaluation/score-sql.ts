/**
 * Metrics of tables of scores with one row an example, as GoogleSQL: one text for BigQuery and, through the translator, for DuckDB.
 *
 * Every metric is a quotient of two sums over rows, so that the sums by bucket are all that the bootstrap needs. Where the metric is no quotient by
 * itself (AUC, average precision, balanced accuracy), a row's summand is the metric plus the row's influence on it, which sums to the metric
 * exactly and varies with the rows as the metric does to first order (Hampel 1974; for the AUC these are DeLong's placements, 1988).
 */
import type { Task } from '../../src/contract/metrics.ts';
import type { Shape } from './bootstrap.ts';
import { NOT_NEGATIVE, SHARE } from './ranges.ts';
import type { Range } from './ranges.ts';
import { HALF_OF_BUCKETS, NO_VALUE, numericLabel, quoted, text } from './metric-sql.ts';

export type RowTask = Exclude<Task, 'ranking'>;

/** One scorer: a table, and the columns of its predictions by class (`''` where there is but one). */
export interface RowScorer {
  readonly scorer: string;
  readonly alias: string;
  /** SQL over the table: constant baselines have none of their own. */
  readonly scores: Readonly<Record<string, string>>;
}

export interface RowsInput {
  readonly task: RowTask;
  readonly scorers: readonly RowScorer[];
  readonly label: string;
  /** GoogleSQL type of the label. */
  readonly labelType: string;
  readonly unit: string;
  readonly weight?: string | undefined;
  readonly scale?: string | undefined;
  readonly segments: readonly string[];
  readonly quantile: number;
}

/** A metric as sums over rows. */
interface Quotient {
  readonly numerator: string;
  /** Absent: the sum of the weights. */
  readonly divisor?: string;
  readonly shape?: Shape;
  readonly range: Range;
  /** Of a metric that compares each of one class with each of another: the weight of a row in either. */
  readonly pairs?: readonly [string, string];
}

const PARTITION = 'PARTITION BY scorer, segment, value';
/** As scikit-learn clips probabilities. */
const EPSILON = '2.220446049250313e-16';
const BINS = 10;
const TOP_SHARE = 0.1;
const log = (probability: string): string => `LN(GREATEST(LEAST(${probability}, 1.0 - ${EPSILON}), ${EPSILON}))`;

const ERROR = '(y - p)';
const ABSOLUTE: Quotient = { numerator: `w * ABS${ERROR}`, range: NOT_NEGATIVE };
const SQUARED: Quotient = { numerator: `w * POW(y - p, 2)`, shape: 'root', range: NOT_NEGATIVE };

/** By task; rows have y (the label), p (the prediction; p_0, p_1, … of classes), w and what the task's common tables add. */
export function quotientsOf({ task, quantile, scale, scorers }: RowsInput): Readonly<Record<string, Quotient>> {
  switch (task) {
    case 'regression':
      return {
        mae: ABSOLUTE,
        rmse: SQUARED,
        mape: { numerator: `w * ABS${ERROR} / GREATEST(ABS(y), ${EPSILON})`, range: NOT_NEGATIVE },
        r2: { numerator: `w * POW(y - p, 2)`, divisor: 'w * POW(y - y_mean, 2)', shape: 'complement', range: [-Infinity, 1] },
        pinball: { numerator: `w * GREATEST(${quantile} * ${ERROR}, ${quantile - 1} * ${ERROR})`, range: NOT_NEGATIVE },
      };
    case 'forecast':
      return {
        wape: { numerator: `w * ABS${ERROR}`, divisor: 'w * ABS(y)', range: NOT_NEGATIVE },
        ...(scale === undefined ? {} : { mase: { numerator: `w * ABS${ERROR}`, divisor: 'w * scale', range: NOT_NEGATIVE } }),
        mae: ABSOLUTE,
        rmse: SQUARED,
      };
    case 'multiclass': {
      const classes = Object.keys(scorers[0]?.scores ?? {});
      const of = classes.map((_, index) => `y = ${index}`);
      const truth = `CASE ${of.map((test, index) => `WHEN ${test} THEN p_${index}`).join(' ')} ELSE 0.0 END`;
      // Of equal probabilities the first class.
      const best = `GREATEST(${classes.map((_, index) => `p_${index}`).join(', ')})`;
      const chosen = `CASE ${classes.map((_, index) => `WHEN p_${index} = ${best} THEN ${index}`).join(' ')} END`;
      const hit = `IF(y = ${chosen}, 1.0, 0.0)`;
      return {
        accuracy: { numerator: `w * ${hit}`, range: SHARE },
        balanced_accuracy: {
          numerator: `w * (balanced + SAFE_DIVIDE(w_all, classes * w_class) * (${hit} - recall))`,
          shape: 'first order',
          range: SHARE,
        },
        log_loss: { numerator: `w * -${log(truth)}`, range: NOT_NEGATIVE },
        brier: { numerator: `w * (${of.map((test, index) => `POW(IF(${test}, 1.0, 0.0) - p_${index}, 2)`).join(' + ')})`, range: [0, 2] },
      };
    }
    case 'binary':
      return {
        auc: {
          numerator: 'w * (auc + w_all * IF(y > 0, SAFE_DIVIDE(below - auc, w_pos), SAFE_DIVIDE(above - auc, w_neg)))',
          shape: 'first order',
          range: SHARE,
          pairs: ['w * y', 'w * (1.0 - y)'],
        },
        pr_auc: {
          numerator: 'w * (ap + SAFE_DIVIDE(w_all, w_pos) * (IF(y > 0, exactness - ap + gained, 0.0) - lost))',
          shape: 'first order',
          range: SHARE,
        },
        log_loss: { numerator: `w * -IF(y > 0, ${log('p')}, ${log('(1.0 - p)')})`, range: NOT_NEGATIVE },
        brier: { numerator: 'w * POW(y - p, 2)', range: SHARE },
        calibration_error: { numerator: 'w * SIGN(bin_p - bin_y) * (p - y)', shape: 'distance', range: SHARE },
        accuracy: { numerator: `w * IF((p >= 0.5) = (y > 0), 1.0, 0.0)`, range: SHARE },
        lift_at_10: { numerator: `w * y * in_top / ${TOP_SHARE}`, divisor: 'w * y', range: [0, 1 / TOP_SHARE] },
      };
  }
}

/** A row for each scorer and segment's value: `units`, `bucket`, `sessions` (rows), `weights`, and of each metric `n_…` and, where it has them, `d_…`, or `a_…` and `b_…` of pairs. */
export function rowMetricsSql(input: RowsInput): string {
  const sums = Object.entries(quotientsOf(input)).flatMap(([name, { numerator, divisor, pairs }]) => [
    [`n_${name}`, numerator],
    ...(divisor === undefined ? [] : [[`d_${name}`, divisor]]),
    ...(pairs === undefined
      ? []
      : [
          [`a_${name}`, pairs[0]],
          [`b_${name}`, pairs[1]],
        ]),
  ]);
  const summands = sums.map(([name, sql]) => `${sql} AS ${name}`);
  const names = sums.map(([name]) => name);
  return `
WITH
  ${[givenSql(input), ...TABLES[input.task](input)].join(',\n  ')},
  -- Each under a name of its own: what DuckDB is given of a sum names its summand ten times.
  summands AS (
    SELECT
      scorer, segment, value, bucket, unit, w,
      ${summands.join(',\n      ')}
    FROM rated
  ),
  buckets AS (
    SELECT scorer, segment, value, bucket, COUNT(*) AS sessions, COUNT(DISTINCT unit) AS units, SUM(w) AS weights,
      ${names.map((name) => `SUM(${name}) AS ${name}`).join(', ')}
    FROM summands GROUP BY scorer, segment, value, bucket
  )
SELECT
  scorer, segment, value, SUM(units) AS units,
  ${['bucket', 'sessions', 'weights', ...names].map((name) => `ARRAY_AGG(${name} ORDER BY bucket) AS ${name}`).join(',\n  ')}
FROM buckets GROUP BY scorer, segment, value ORDER BY scorer, segment, value`.trim();
}

/** All scorers' rows, once for each segment. */
function givenSql({ task, scorers, label, labelType, unit, weight, scale, segments }: RowsInput): string {
  const classes = Object.keys(scorers[0]?.scores ?? {});
  const y =
    task === 'multiclass'
      ? `CASE CAST(${quoted(label)} AS STRING) ${classes.map((name, index) => `WHEN ${text(name)} THEN ${index}`).join(' ')} END`
      : task === 'binary'
        ? `IF(${numericLabel(labelType, label)} > 0, 1.0, 0.0)`
        : numericLabel(labelType, label);
  const table = ({ scorer, alias, scores }: RowScorer): string => {
    const predictions = Object.values(scores).map((sql, index) => `${sql} AS ${task === 'multiclass' ? `p_${index}` : 'p'}`);
    const more = [
      ...(scale === undefined ? [] : [`CAST(${quoted(scale)} AS FLOAT64) AS scale`]),
      ...segments.map((name, index) => `IFNULL(CAST(${quoted(name)} AS STRING), '${NO_VALUE}') AS s_${index}`),
    ];
    return `SELECT ${text(scorer)} AS scorer, IFNULL(CAST(${quoted(unit)} AS STRING), '') AS unit, ${y} AS y, ${predictions.join(', ')}, ${weight === undefined ? '1.0' : `CAST(${quoted(weight)} AS FLOAT64)`} AS w${more.map((each) => `, ${each}`).join('')} FROM {${alias}}`;
  };
  const columns = `scorer, unit, MOD(FARM_FINGERPRINT(unit), ${HALF_OF_BUCKETS}) AS bucket, y, ${task === 'multiclass' ? classes.map((_, index) => `p_${index}`).join(', ') : 'p'}, w${scale === undefined ? '' : ', scale'}`;
  const cuts = [
    `SELECT ${columns}, '' AS segment, '' AS value FROM scored`,
    ...segments.map((name, index) => `SELECT ${columns}, ${text(name)} AS segment, s_${index} AS value FROM scored`),
  ];
  return `scored AS (
    ${scorers.map(table).join('\n    UNION ALL\n    ')}
  ),
  given AS (
    ${cuts.join('\n    UNION ALL\n    ')}
  )`;
}

const weighted = (values: string): string => `SAFE_DIVIDE(SUM(w * ${values}) OVER (${PARTITION}), SUM(w) OVER (${PARTITION}))`;

const TABLES: Readonly<Record<RowTask, (input: RowsInput) => readonly string[]>> = {
  regression: () => [`rated AS (SELECT *, ${weighted('y')} AS y_mean FROM given)`],
  forecast: () => ['rated AS (SELECT * FROM given)'],
  multiclass: ({ scorers }) => {
    const classes = Object.keys(scorers[0]?.scores ?? {});
    const best = `GREATEST(${classes.map((_, index) => `p_${index}`).join(', ')})`;
    const chosen = `CASE ${classes.map((_, index) => `WHEN p_${index} = ${best} THEN ${index}`).join(' ')} END`;
    return [
      `recalls AS (
    SELECT scorer, segment, value, y, SUM(w) AS w_class, SAFE_DIVIDE(SUM(w * IF(y = ${chosen}, 1.0, 0.0)), SUM(w)) AS recall
    FROM given GROUP BY scorer, segment, value, y
  )`,
      `wholes AS (
    SELECT scorer, segment, value, AVG(recall) AS balanced, COUNT(*) AS classes, SUM(w_class) AS w_all FROM recalls GROUP BY scorer, segment, value
  )`,
      `rated AS (
    SELECT g.*, r.w_class, r.recall, a.balanced, a.classes, a.w_all
    FROM given AS g
    JOIN recalls AS r ON r.scorer = g.scorer AND r.segment = g.segment AND r.value = g.value AND r.y = g.y
    JOIN wholes AS a ON a.scorer = g.scorer AND a.segment = g.segment AND a.value = g.value
  )`,
    ];
  },
  binary: () => {
    const upwards = `${PARTITION} ORDER BY p ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING`;
    const downwards = `${PARTITION} ORDER BY p DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING`;
    return [
      // Rows of one prediction stand and fall together.
      `levels AS (
    SELECT scorer, segment, value, p, SUM(w * y) AS pos, SUM(w * (1.0 - y)) AS neg FROM given GROUP BY scorer, segment, value, p
  )`,
      `placed AS (
    SELECT
      *, SUM(pos) OVER (${PARTITION}) AS w_pos, SUM(neg) OVER (${PARTITION}) AS w_neg,
      IFNULL(SUM(neg) OVER (${upwards}), 0.0) AS neg_below,
      IFNULL(SUM(pos) OVER (${downwards}), 0.0) AS pos_above,
      IFNULL(SUM(neg) OVER (${downwards}), 0.0) AS neg_above
    FROM levels
  )`,
      `amounts AS (
    SELECT
      *, w_pos + w_neg AS w_all, neg_below + neg / 2 AS half_below, pos_above + pos / 2 AS half_above,
      pos_above + pos AS pos_down_to, pos_above + pos + neg_above + neg AS down_to,
      ${TOP_SHARE} * (w_pos + w_neg) - pos_above - neg_above AS room, pos + neg AS here
    FROM placed
  )`,
      `thresholds AS (
    SELECT
      *, SAFE_DIVIDE(half_below, w_neg) AS below, SAFE_DIVIDE(half_above, w_pos) AS above,
      SAFE_DIVIDE(pos_down_to, down_to) AS exactness, SAFE_DIVIDE(pos, down_to) AS gain,
      GREATEST(0.0, LEAST(1.0, SAFE_DIVIDE(room, here))) AS in_top
    FROM amounts
  )`,
      `products AS (SELECT *, pos * below AS pos_below, pos * exactness AS pos_exact, gain * exactness AS gain_exact FROM thresholds)`,
      `curves AS (
    SELECT
      *, SAFE_DIVIDE(SUM(pos_below) OVER (${PARTITION}), w_pos) AS auc,
      SAFE_DIVIDE(SUM(pos_exact) OVER (${PARTITION}), w_pos) AS ap,
      SUM(gain) OVER (${PARTITION} ORDER BY p ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS gained,
      SUM(gain_exact) OVER (${PARTITION} ORDER BY p ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS lost
    FROM products
  )`,
      `binned AS (SELECT *, LEAST(FLOOR(p * ${BINS}), ${BINS - 1}) AS bin FROM given)`,
      `bins AS (
    SELECT scorer, segment, value, bin, SAFE_DIVIDE(SUM(w * p), SUM(w)) AS bin_p, SAFE_DIVIDE(SUM(w * y), SUM(w)) AS bin_y
    FROM binned GROUP BY scorer, segment, value, bin
  )`,
      `rated AS (
    SELECT g.*, c.w_all, c.w_pos, c.w_neg, c.below, c.above, c.exactness, c.in_top, c.auc, c.ap, c.gained, c.lost, b.bin_p, b.bin_y
    FROM binned AS g
    JOIN curves AS c ON c.scorer = g.scorer AND c.segment = g.segment AND c.value = g.value AND c.p = g.p
    JOIN bins AS b ON b.scorer = g.scorer AND b.segment = g.segment AND b.value = g.value AND b.bin = g.bin
  )`,
    ];
  },
};

/** What must be known of a table of scores before it is measured. */
export function rowCheckSql(
  input: Pick<RowsInput, 'task' | 'label' | 'labelType' | 'weight' | 'segments' | 'scale'>,
  scorer: RowScorer,
  id: string,
): string {
  const label = input.task === 'multiclass' ? `CAST(${quoted(input.label)} AS STRING)` : numericLabel(input.labelType, input.label);
  const numbers = Object.values(scorer.scores);
  const broken = numbers.map((sql) => `(${sql}) IS NULL OR IS_NAN(${sql}) OR IS_INF(${sql})`);
  const outside = input.task === 'binary' || input.task === 'multiclass' ? numbers.map((sql) => `(${sql}) < 0 OR (${sql}) > 1`) : [];
  const weight = input.weight === undefined ? '1.0' : `CAST(${quoted(input.weight)} AS FLOAT64)`;
  const unknown =
    input.task === 'multiclass'
      ? `COUNTIF(${label} NOT IN (${Object.keys(scorer.scores).map(text).join(', ')}))`
      : input.task === 'binary'
        ? `COUNTIF(${label} NOT IN (0, 1))`
        : `COUNTIF(IS_NAN(${label}) OR IS_INF(${label}))`;
  const values = input.segments.map((name, index) => `, COUNT(DISTINCT CAST(${quoted(name)} AS STRING)) AS values_${index}`);
  return `
SELECT
  COUNT(*) AS n, COUNT(DISTINCT CAST(${quoted(id)} AS STRING)) AS ids, COUNTIF(${quoted(input.label)} IS NULL) AS unlabelled,
  ${unknown} AS unknown_labels, COUNTIF(${broken.join(' OR ')}) AS not_finite,
  COUNTIF(${outside.length === 0 ? 'FALSE' : outside.join(' OR ')}) AS outside,
  COUNTIF(${weight} IS NULL OR IS_NAN(${weight}) OR ${weight} < 0) AS bad_weights${values.join('')}
FROM {scores}`.trim();
}
