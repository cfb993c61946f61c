/** One rule and one table: what was found, and whether it may be so. */
import type { CheckRule } from '../../src/contract/checks.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { JobContext, TableInfo, Warehouse } from '../../src/ports/warehouse.ts';
import { shapeFrom, shapeOf, sharesIn, stabilityIndex } from './drift.ts';
import type { Shape } from './drift.ts';
import { columnsOf, questionOf } from './questions.ts';

interface Question {
  readonly warehouse: Warehouse;
  readonly table: TableInfo;
  readonly rule: CheckRule;
  /** What the rule found in the last run. */
  readonly earlier: LedgerRow<'checks'> | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** ms since 1970 */
  readonly now: number;
}

export interface Judged {
  readonly rule: CheckRule;
  readonly table: string;
  /** null: there was nothing to look at. */
  readonly value: number | null;
  /** In words: `at most 0.01`. */
  readonly limit: string;
  readonly outcome: 'pass' | 'warn' | 'fail';
  readonly detail: string;
  readonly shape: Shape | null;
}

interface Found {
  readonly value: number | null;
  readonly limit: string;
  readonly holds: boolean;
  readonly detail: string;
  readonly shape?: Shape;
}

/** A result has no more. */
const MOST_ROWS = 10_000;
const HOUR_MS = 3_600_000;

export async function judge(question: Question, context: JobContext): Promise<Judged> {
  const { rule, table } = question;
  const { value, limit, holds, detail, shape = null } = await find(question, context);
  return { rule, table: table.table, value, limit, outcome: holds ? 'pass' : rule.onFail, detail, shape };
}

async function find(question: Question, context: JobContext): Promise<Found> {
  const { rule, table, earlier, now } = question;
  if (rule.check === 'drift') return drift(question, rule, context);
  const rows = await ask(question, rule, context);
  const row = rows[0] ?? {};
  const value = typeof row['value'] === 'number' ? row['value'] : null;
  switch (rule.check) {
    case 'rows':
      return rowCount(rule, value ?? 0, earlier);
    case 'nulls':
      return atMost(value, rule.max, `${percent(value)} are NULL or NaN`);
    case 'defaults':
      return atMost(value, rule.max, `${percent(value)} are ${JSON.stringify(rule.value)}`);
    case 'range': {
      const [low, high] = [row['low'], row['high']];
      const limit = limitOf(rule);
      if (Number(row['broken'] ?? 0) > 0)
        return { value: null, limit, holds: false, detail: `${Number(row['broken'])} values are NaN or infinite` };
      if (typeof low !== 'number' || typeof high !== 'number') return { value: null, limit, holds: true, detail: 'no value is there' };
      const below = rule.min !== undefined && low < rule.min;
      const above = rule.max !== undefined && high > rule.max;
      return { value: below ? low : high, limit, holds: !below && !above, detail: `values from ${low} to ${high}, expected ${limit}` };
    }
    case 'cardinality':
      return within(value, rule, 'distinct values');
    case 'unique':
      return atMost(value, 0, `${value ?? 0} rows repeat others`);
    case 'freshness': {
      const hours = value === null ? null : (now - value) / HOUR_MS;
      const limit = `at most ${rule.maxHours} h old`;
      if (hours === null) return { value: null, limit, holds: false, detail: 'there is no row' };
      return {
        value: hours,
        limit,
        holds: hours <= rule.maxHours,
        detail: `the newest row is ${hours.toFixed(1)} h old, expected ${limit}`,
      };
    }
    case 'overlap':
      return atMost(value, rule.max, `${percent(value)} of the values of ${rule.column} are in ${rule.with} as well`);
    case 'labels':
      return within(value, rule, 'of the labels are above 0');
    case 'sql': {
      const example = rows.length === 0 ? '' : `; the first: ${JSON.stringify(rows[0])}`;
      const count = rows.length < MOST_ROWS ? `${rows.length}` : `${rows.length} or more`;
      return { ...atMost(rows.length, rule.max, `${count} bad rows of ${table.table}${example}`), value: rows.length };
    }
  }
}

function ask(
  { warehouse, table, labels }: Question,
  rule: Exclude<CheckRule, { check: 'drift' }>,
  context: JobContext,
): ReturnType<Warehouse['rows']> {
  const [column] = columnsOf(rule);
  const type = table.columns.find(({ name }) => name === column)?.type ?? 'STRING';
  const tables: Record<string, string> = rule.check === 'sql' ? { table: table.table } : { t: table.table };
  if (rule.check === 'overlap') tables['other'] = rule.with;
  const sqlFile = rule.check === 'sql' ? rule.file : `check ${rule.check}`;
  return warehouse.rows({ sql: questionOf(rule, type), sqlFile, parameters: {}, tables, sources: {}, labels, firstRows: true }, context);
}

function rowCount(rule: Extract<CheckRule, { check: 'rows' }>, rows: number, earlier: LedgerRow<'checks'> | undefined): Found {
  const limits = rule.min === undefined && rule.max === undefined ? [] : [limitOf(rule)];
  const before = typeof earlier?.value === 'number' ? earlier.value : null;
  const change = before === null ? null : rows === before ? 0 : (rows - before) / before;
  if (rule.change !== undefined) limits.push(`within ${percent(rule.change)} of the last run's`);
  const limit = limits.join(', ');
  const inside = (rule.min === undefined || rows >= rule.min) && (rule.max === undefined || rows <= rule.max);
  const steady = rule.change === undefined || change === null || Math.abs(change) <= rule.change;
  const since =
    change === null
      ? ''
      : change === Infinity
        ? ', none in the last run'
        : `, ${change >= 0 ? '+' : ''}${percent(change)} since the last run`;
  return { value: rows, limit, holds: inside && steady, detail: `${rows} rows${since}, expected ${limit}` };
}

async function drift(question: Question, rule: Extract<CheckRule, { check: 'drift' }>, context: JobContext): Promise<Found> {
  const { warehouse, table, earlier, labels } = question;
  const type = table.columns.find(({ name }) => name === rule.column)?.type ?? 'STRING';
  const column = { warehouse, table: table.table, column: rule.column, type, labels };
  const shape = await shapeOf(column, context);
  const before = shapeFrom(earlier?.shape);
  const limit = `at most ${rule.max}`;
  if (before?.kind !== shape.kind) return { value: null, limit, holds: true, detail: 'no earlier run to compare with', shape };
  const value = stabilityIndex(await sharesIn(column, before, context), before.shares);
  return { value, limit, holds: value <= rule.max, detail: `population stability index ${value.toFixed(3)}, expected ${limit}`, shape };
}

const percent = (share: number | null): string => `${Number(((share ?? 0) * 100).toPrecision(3))} %`;

function atMost(value: number | null, max: number, found: string): Found {
  const limit = max === 0 ? 'none' : `at most ${max}`;
  return { value, limit, holds: (value ?? 0) <= max, detail: `${found}, expected ${limit}` };
}

function limitOf({ min, max }: { readonly min?: number | undefined; readonly max?: number | undefined }): string {
  return [...(min === undefined ? [] : [`at least ${min}`]), ...(max === undefined ? [] : [`at most ${max}`])].join(' and ');
}

function within(value: number | null, rule: { readonly min?: number | undefined; readonly max?: number | undefined }, what: string): Found {
  const limit = limitOf(rule);
  const holds = value !== null && (rule.min === undefined || value >= rule.min) && (rule.max === undefined || value <= rule.max);
  return { value, limit, holds, detail: `${value ?? 'no'} ${what}, expected ${limit}` };
}
