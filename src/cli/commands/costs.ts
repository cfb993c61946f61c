import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Longhaul } from '../../client/index.ts';
import { money } from '../../present/format.ts';
import { MOST_OPEN_RUNS } from '../../present/pools-now.ts';
import { monthsUntil, spendings, summed, type OpenSpending, type SpendingPart, type SpendingSum } from '../../rules/monthly-costs.ts';
import { cliOf, examples } from '../context.ts';
import { readLedger } from '../read-runs.ts';
import { table } from '../table.ts';

const PARTS: readonly SpendingPart[] = ['month', 'team', 'pipeline'];
const MONTHS = 12;
const MOST_MONTHS = 240;

interface Options {
  readonly months: number;
  readonly by: readonly SpendingPart[];
  readonly pipeline?: string;
  readonly run?: string;
}

export function registerCosts(program: Command): void {
  program
    .command('costs')
    .description('money by month, team and pipeline, from the ledger of all runs and from what open runs have spent since')
    .option('--months <count>', 'so many months, the current one included', monthsArgument, MONTHS)
    .addOption(
      new Option('--by <parts>', `what to tell apart: ${PARTS.join(',')} or some of them`).argParser(partsOf).default(PARTS, 'all'),
    )
    .option('-p, --pipeline <name>', 'of this pipeline only')
    .option('--run <run>', 'a run whose profile says where the ledger is; the newest one when left out')
    .addHelpText('after', examples('longhaul costs', 'longhaul costs --by month,team --months 3 --output json'))
    .action(async ({ months, by, pipeline, run }: Options, command: Command) => {
      const cli = cliOf(command);
      await using reading = await readLedger(cli, run, { withOpenRuns: true });
      const { profile } = await reading.runs[0].document();
      const now = Date.now();
      const { first, since } = monthsUntil(now, months);
      const warehouse = await reading.ports.warehouse(profile);
      const where = pipeline === undefined ? {} : { pipeline };
      const [runs, steps, attempts, open] = await Promise.all([
        warehouse.ledger('runs', where, since),
        warehouse.ledger('steps', where, since),
        warehouse.ledger('attempts', where, since),
        reading.longhaul === null ? [] : openSpendings(reading.longhaul),
      ]);
      const all = spendings({ runs, steps, attempts, currency: profile.currency }, open, now).filter(({ month }) => month >= first);
      const sums = summed(all, by);
      cli.print(sums, () => (sums.length === 0 ? `nothing was spent since ${first}` : costTable(sums, by)));
    });
}

async function openSpendings(longhaul: Longhaul): Promise<OpenSpending[]> {
  const open = (await longhaul.list({ limit: MOST_OPEN_RUNS })).filter(({ endedAt }) => endedAt === null);
  const asked = open.map(({ run }) =>
    longhaul
      .run(run)
      .state()
      // One that does not answer says nothing; the ledger knows what has ended of it.
      .then(({ cost }) => [{ run, cost }])
      .catch(() => []),
  );
  return (await Promise.all(asked)).flat();
}

const costTable = (sums: readonly SpendingSum[], by: readonly SpendingPart[]): string =>
  table(
    [...by.map((title) => ({ title })), ...['cost', 'on demand', 'saved', 'runs'].map((title) => ({ title, align: 'right' as const }))],
    sums.map((sum) => [
      ...by.map((part) => sum[part] ?? ''),
      ...[sum.cost, sum.onDemandCost, sum.saved].map((amount) => money(amount, sum.currency)),
      String(sum.runs),
    ]),
  );

function partsOf(text: string): readonly SpendingPart[] {
  const names = text.split(',').map((name) => name.trim());
  const parts = PARTS.filter((part) => names.includes(part));
  if (parts.length !== names.length) throw new InvalidArgumentError(`some of ${PARTS.join(', ')} are expected, each once`);
  return parts;
}

function monthsArgument(text: string): number {
  const months = Number(text);
  if (!Number.isInteger(months) || months < 1 || months > MOST_MONTHS)
    throw new InvalidArgumentError(`a whole number from 1 to ${MOST_MONTHS} is expected`);
  return months;
}
