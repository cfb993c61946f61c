/** Each rule as GoogleSQL over `{t}`: one row, whose `value` is what the rule is about. */
import type { CheckRule } from '../../src/contract/checks.ts';
import { numericLabel, quoted, text } from '../evaluation/metric-sql.ts';

export function columnsOf(rule: CheckRule): string[] {
  if (rule.check === 'rows' || rule.check === 'sql') return [];
  return rule.check === 'unique' ? [...rule.columns] : [rule.column];
}

const NUMBERS = ['INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC'];
const TYPES: Partial<Record<CheckRule['check'], readonly string[]>> = {
  range: NUMBERS,
  labels: [...NUMBERS, 'BOOL'],
  freshness: ['TIMESTAMP', 'DATETIME', 'DATE'],
};

/** Types of columns that the rule can look at; undefined: any. */
export const typesFor = (rule: CheckRule): readonly string[] | undefined => TYPES[rule.check];

const share = (condition: string): string => `SELECT SAFE_DIVIDE(COUNTIF(${condition}), COUNT(*)) AS value, COUNT(*) AS n FROM {t}`;

/** @param type GoogleSQL type of the rule's column */
export function questionOf(rule: Exclude<CheckRule, { check: 'drift' }>, type: string): string {
  switch (rule.check) {
    case 'rows':
      return 'SELECT COUNT(*) AS value FROM {t}';
    case 'nulls': {
      const broken = type === 'FLOAT64' ? ` OR IS_NAN(${quoted(rule.column)})` : '';
      return share(`${quoted(rule.column)} IS NULL${broken}`);
    }
    case 'defaults':
      return share(`CAST(${quoted(rule.column)} AS STRING) = ${text(defaultText(rule.value, type))}`);
    case 'range':
      return `SELECT CAST(MIN(${quoted(rule.column)}) AS FLOAT64) AS low, CAST(MAX(${quoted(rule.column)}) AS FLOAT64) AS high${type === 'FLOAT64' ? `, COUNTIF(IS_NAN(${quoted(rule.column)}) OR IS_INF(${quoted(rule.column)})) AS broken` : ''} FROM {t}`;
    case 'cardinality':
      return `SELECT COUNT(DISTINCT ${quoted(rule.column)}) AS value FROM {t}`;
    case 'unique': {
      const columns = rule.columns.map(quoted).join(', ');
      return `SELECT IFNULL(SUM(n - 1), 0) AS value FROM (SELECT ${columns}, COUNT(*) AS n FROM {t} GROUP BY ${columns})`;
    }
    case 'freshness':
      return `SELECT UNIX_MILLIS(MAX(${type === 'TIMESTAMP' ? quoted(rule.column) : `CAST(${quoted(rule.column)} AS TIMESTAMP)`})) AS value FROM {t}`;
    case 'overlap':
      return `SELECT SAFE_DIVIDE(COUNTIF(o.longhaul_value IS NOT NULL), COUNT(*)) AS value FROM (SELECT DISTINCT CAST(${quoted(rule.column)} AS STRING) AS longhaul_value FROM {t} WHERE ${quoted(rule.column)} IS NOT NULL) AS s LEFT JOIN (SELECT DISTINCT CAST(${quoted(rule.column)} AS STRING) AS longhaul_value FROM {other}) AS o ON o.longhaul_value = s.longhaul_value`;
    case 'labels':
      return `SELECT AVG(IF(${numericLabel(type, rule.column)} > 0, 1.0, 0.0)) AS value FROM {t}`;
    case 'sql':
      return rule.sql;
  }
}

/** As `CAST(x AS STRING)` writes it. */
function defaultText(value: string | number | boolean, type: string): string {
  if (type === 'FLOAT64' && typeof value === 'number' && Number.isInteger(value)) return `${value}`;
  return String(value);
}
