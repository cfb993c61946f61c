/** Check steps: what is expected of a table, before money is spent on it. */
import type { CheckSpec } from '../src/contract/checks.ts';
import { ruleName } from '../src/contract/checks.ts';
import type { LedgerRow } from '../src/contract/ledger.ts';
import type { Ports } from '../src/ports/index.ts';
import type { JobContext, TableInfo, Warehouse } from '../src/ports/warehouse.ts';
import { judge } from './checks/judge.ts';
import type { Judged } from './checks/judge.ts';
import { columnsOf, typesFor } from './checks/questions.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { labelsOf } from './queries.ts';
import type { WorkInput, WorkResult } from './queries.ts';
import { rowKey } from './step-rows.ts';

const MAX_IN_MESSAGE = 5;

export const createCheckActivities = (ports: Ports) =>
  translated({
    /** Every rule is judged and written down, then the step fails if one that must hold does not. */
    async runCheck(input: WorkInput<CheckSpec>): Promise<WorkResult> {
      return withHeartbeat(async (context) => {
        const warehouse = await ports.warehouse(input.profile);
        const table = await warehouse.describe(input.spec.table);
        if (!table) throw failure('InvalidInput', `table: there is no table ${input.spec.table}`);
        requireColumns(input.spec, table);
        await requireOthers(warehouse, input.spec);
        const before = await lastRun(warehouse, input);
        const judged = await judgeAll(warehouse, input, table, before, context);
        await warehouse.append(
          'checks',
          judged.map((one) => rowOf(input, one)),
          rowKey('checks', input.run, input.step),
        );
        const broken = judged.filter(({ outcome }) => outcome === 'fail');
        if (broken.length > 0) throw failure('CheckFailed', messageOf(table, broken));
        const warned = judged.filter(({ outcome }) => outcome === 'warn').length;
        const results = Object.fromEntries(judged.map(({ rule, value, outcome }) => [ruleName(rule), { value, outcome }]));
        return { outputs: { table: table.table, passed: judged.length - warned, warned, results } };
      });
    },
  });
export type CheckActivities = ReturnType<typeof createCheckActivities>;

function requireColumns({ rules }: CheckSpec, table: TableInfo): void {
  const names = table.columns.map(({ name }) => name);
  for (const [index, rule] of rules.entries())
    for (const column of columnsOf(rule))
      if (!names.includes(column))
        throw failure('InvalidInput', `rules[${index}]: ${table.table} has no column ${column}; expected one of ${names.join(', ')}`);
  for (const [index, rule] of rules.entries()) {
    const [column] = columnsOf(rule);
    const type = table.columns.find(({ name }) => name === column)?.type;
    const types = typesFor(rule);
    if (type !== undefined && types && !types.includes(type))
      throw failure(
        'InvalidInput',
        `rules[${index}]: ${rule.check} of ${column}: the column of ${table.table} is ${type}; expected ${types.join(', ')}`,
      );
  }
}

/** The tables that rules compare with have the column as well. */
async function requireOthers(warehouse: Warehouse, { rules }: CheckSpec): Promise<void> {
  for (const [index, rule] of rules.entries()) {
    if (rule.check !== 'overlap') continue;
    const other = await warehouse.describe(rule.with);
    if (!other) throw failure('InvalidInput', `rules[${index}].with: there is no table ${rule.with}`);
    const names = other.columns.map(({ name }) => name);
    if (!names.includes(rule.column))
      throw failure('InvalidInput', `rules[${index}]: ${rule.with} has no column ${rule.column}; expected one of ${names.join(', ')}`);
  }
}

/** One after the other: on a laptop they share its cores, and what fails is told with all that was found. */
async function judgeAll(
  warehouse: Warehouse,
  input: WorkInput<CheckSpec>,
  table: TableInfo,
  before: readonly LedgerRow<'checks'>[],
  context: JobContext,
): Promise<Judged[]> {
  const judged: Judged[] = [];
  for (const [index, rule] of input.spec.rules.entries()) {
    context.progress({ stage: ruleName(rule), done: index / input.spec.rules.length });
    const earlier = before.find((row) => row.rule === ruleName(rule));
    judged.push(await judge({ warehouse, table, rule, earlier, labels: labelsOf(input), now: Date.now() }, context));
  }
  return judged;
}

/** Rows of the step's last run that held: data that failed are nothing to compare with. */
async function lastRun(warehouse: Warehouse, { pipeline, run, step }: WorkInput<CheckSpec>): Promise<LedgerRow<'checks'>[]> {
  const rows = (await warehouse.ledger('checks', { pipeline, step })).filter((row) => row.run !== run);
  const failed = new Set(rows.filter((row) => row.outcome === 'fail').map((row) => row.run));
  const last = rows.filter((row) => !failed.has(row.run)).at(-1)?.run;
  return rows.filter((row) => row.run === last);
}

function rowOf({ pipeline, run, step }: WorkInput<CheckSpec>, judged: Judged): LedgerRow<'checks'> {
  const { rule, table, value, limit, outcome, detail, shape } = judged;
  return {
    pipeline,
    run,
    time: new Date().toISOString(),
    step,
    rule: ruleName(rule),
    check: rule.check,
    column: columnsOf(rule).join(', ') || null,
    table,
    value,
    limit,
    outcome,
    detail,
    shape: shape === null ? null : JSON.stringify(shape),
  };
}

const messageOf = (table: TableInfo, broken: readonly Judged[]): string =>
  `${table.table}: ${broken
    .slice(0, MAX_IN_MESSAGE)
    .map(({ rule, detail }) => `${ruleName(rule)}: ${detail}`)
    .join('; ')}${broken.length > MAX_IN_MESSAGE ? `; and ${broken.length - MAX_IN_MESSAGE} more` : ''}`;
