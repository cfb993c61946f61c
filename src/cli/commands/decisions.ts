import type { Command } from 'commander';
import type { LedgerRow } from '../../contract/ledger.ts';
import { cliOf, examples } from '../context.ts';
import { readRun } from '../read-runs.ts';
import { table } from '../table.ts';

export function registerDecisions(program: Command): void {
  program
    .command('decisions')
    .description('who decided what about a run, when, why, and what proves it')
    .argument('[run]', 'name of the run; the newest one when left out')
    .addHelpText('after', examples('longhaul decisions', 'longhaul decisions grocery-ranking-20261124-101500-k3f9 --output json'))
    .action(async (id: string | undefined, _options: object, command: Command) => {
      const cli = cliOf(command);
      await using reading = await readRun(cli, id);
      const [run] = reading.runs;
      const { profile } = await run.document();
      const warehouse = await reading.ports.warehouse(profile);
      const rows = [...(await warehouse.ledger('decisions', { run: run.id }))].sort((a, b) => a.time.localeCompare(b.time));
      cli.print(rows, () => (rows.length === 0 ? 'nobody has decided anything' : decisionTable(rows)));
    });
}

/** Text of a column; nothing where there is none. */
const shown = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');

/** @example decisionTable(await warehouse.ledger('decisions', { run })) */
export function decisionTable(rows: readonly LedgerRow<'decisions'>[]): string {
  const columns = ['time', 'decision', 'of', 'by', 'proved by', 'why', 'outcome', 'details'].map((title) => ({ title }));
  return table(
    columns,
    rows.map((row) => [
      new Date(row.time).toISOString().slice(0, 19).replace('T', ' '),
      shown(row.decision),
      [shown(row.step), row.trial === null || row.trial === undefined ? '' : `trial ${row.trial}`].filter(Boolean).join(' '),
      shown(row.by),
      row.how === null || row.how === undefined ? 'nothing' : shown(row.how),
      shown(row.why),
      [shown(row.outcome), shown(row.reason)].filter(Boolean).join(': '),
      row.details === '{}' ? '' : shown(row.details),
    ]),
  );
}
