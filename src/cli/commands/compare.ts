import type { Command } from 'commander';
import { cliOf, examples } from '../context.ts';
import { duration, metric, money } from '../../present/format.ts';
import { readRuns } from '../read-runs.ts';
import type { Snapshot } from '../run-tree.ts';
import { table, type Column } from '../table.ts';

export function registerCompare(program: Command): void {
  program
    .command('compare')
    .description('runs side by side: metrics, best trials, cost, time')
    .argument('<runs...>', 'names of two runs or more')
    .addHelpText('after', examples('longhaul compare grocery-ranking-20261124-101500-k3f9 grocery-ranking-20261124-113000-x2p1'))
    .action(async (ids: readonly string[], _options: object, command: Command) => {
      const cli = cliOf(command);
      await using reading = await readRuns(cli, { ids });
      const facts = (await Promise.all(reading.runs.map((run) => run.snapshot()))).map(factsOf);
      cli.print(facts, () => sideBySide(facts, cli.terminal.colors.dim));
    });
}

interface Facts {
  readonly run: string;
  readonly status: string;
  readonly seconds: number;
  readonly cost: number;
  /** `step.output` → value, of everything that is a number. */
  readonly values: Readonly<Record<string, number>>;
}

export function factsOf({ run }: Snapshot): Facts {
  const measured = run.steps.filter((step) => step.kind === 'search' || step.kind === 'evaluate');
  const values = measured.flatMap((step) =>
    Object.entries(step.outputs).flatMap(([name, value]) => (typeof value === 'number' ? [[`${step.id}.${name}`, value] as const] : [])),
  );
  return {
    run: run.run,
    status: run.status,
    seconds: ((run.endedAt ?? Date.now()) - run.startedAt) / 1000,
    cost: run.cost,
    values: Object.fromEntries(values),
  };
}

/** Facts as rows, runs as columns, and for two runs what changed. */
function sideBySide(facts: readonly Facts[], dim: (text: string) => string): string {
  const names = [...new Set(facts.flatMap(({ values }) => Object.keys(values)))];
  const [first, second] = facts;
  const pair = facts.length === 2 && first && second ? ([first, second] as const) : null;
  const columns: Column[] = [
    { title: '' },
    ...facts.map(({ run }): Column => ({ title: run, align: 'right' })),
    ...(pair ? [{ title: 'change', align: 'right' } as const] : []),
  ];
  const rows = [
    ['status', ...facts.map(({ status }) => status)],
    ['time', ...facts.map(({ seconds }) => duration(seconds * 1000))],
    ['cost', ...facts.map(({ cost }) => money(cost))],
    ...names.map((name) => [
      name,
      ...facts.map(({ values }) => metric(values[name])),
      ...(pair ? [change(pair[0].values[name], pair[1].values[name])] : []),
    ]),
  ];
  return table(columns, rows, dim);
}

function change(before: number | undefined, after: number | undefined): string {
  if (before === undefined || after === undefined || before === after) return '';
  const difference = after - before;
  return `${difference > 0 ? '+' : '−'}${metric(Math.abs(difference))}`;
}
