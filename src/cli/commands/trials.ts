import { Option, type Command } from 'commander';
import type { LedgerRow } from '../../contract/ledger.ts';
import { cliOf, examples } from '../context.ts';
import { UsageError } from '../exit.ts';
import { searchesOf } from '../searches-of.ts';
import { readRun } from '../read-runs.ts';
import { collect, withLiveTrials } from '../run-data.ts';
import { json, trialTable } from '../summary.ts';

interface Options {
  readonly sort?: string;
  readonly order?: 'ascending' | 'descending';
  readonly step?: string;
}

export function registerTrials(program: Command): void {
  program
    .command('trials')
    .description('the trials of a run, ended and running')
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('--sort <name>', 'a column, a metric or a parameter; otherwise by number')
    .addOption(
      new Option('--order <order>', 'otherwise the best objective first, and all else ascending').choices(['ascending', 'descending']),
    )
    .option('--step <id>', 'of this search only')
    .addHelpText(
      'after',
      examples(
        'longhaul trials --sort objective',
        'longhaul trials grocery-ranking-20261124-101500-k3f9 --sort learning_rate --output json',
      ),
    )
    .action(async (id: string | undefined, options: Options, command: Command) => {
      const cli = cliOf(command);
      await using reading = await readRun(cli, id);
      const data = await collect(reading.runs[0], reading.ports);
      const { step } = options;
      const all = withLiveTrials(data);
      const searches = searchesOf(data, step).map(({ id, spec }) => ({ spec, id, rows: all.filter((row) => row.step === id) }));
      checkSort(
        searches.flatMap(({ rows }) => rows),
        options,
      );
      const shown = searches
        .map(({ rows, ...search }) => ({ ...search, rows: sorted(rows, options, search.spec.objective.goal) }))
        .filter(({ rows }) => rows.length > 0);
      const { colors } = cli.terminal;
      cli.print(
        shown.flatMap(({ rows }) => rows),
        () =>
          shown
            .map(({ id, rows, spec }) => `${shown.length > 1 ? `${colors.bold(id)}\n` : ''}${trialTable(rows, colors, spec)}`)
            .join('\n\n') || 'no trials yet',
      );
    });
}

const columnOf = (trial: LedgerRow<'trials'>, name: string): unknown =>
  (trial as Record<string, unknown>)[name] ?? json(trial.metrics)[name] ?? json(trial.parameters)[name] ?? null;

function checkSort(trials: readonly LedgerRow<'trials'>[], { sort }: Options): void {
  if (sort !== undefined && trials.length > 0 && trials.every((trial) => columnOf(trial, sort) === null))
    throw new UsageError(`no trial has "${sort}"; columns, metrics and parameters can be sorted by`);
}

/** The objective, by this word or by its metric's name, sorts the best first; everything else ascending. */
function sorted(trials: readonly LedgerRow<'trials'>[], { sort, order }: Options, goal: 'maximize' | 'minimize'): LedgerRow<'trials'>[] {
  if (sort === undefined) return [...trials];
  const valueOf = (trial: LedgerRow<'trials'>): unknown => columnOf(trial, sort);
  const byObjective = sort === 'objective' || trials.some((trial) => trial.objective_metric === sort);
  const descending = order === undefined ? byObjective && goal === 'maximize' : order === 'descending';
  return [...trials].sort((a, b) => compare(valueOf(a), valueOf(b), descending));
}

/** What has no value comes last in either order. */
function compare(a: unknown, b: unknown, descending: boolean): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  const by = typeof a === 'number' && typeof b === 'number' ? a - b : JSON.stringify(a).localeCompare(JSON.stringify(b));
  return descending ? -by : by;
}
