/** The registry of models: what was evaluated, and which one is the champion that others are compared with. */
import type { Command } from 'commander';
import type { LedgerRow } from '../../contract/ledger.ts';
import type { Profile } from '../../contract/profile.ts';
import type { ObjectStore, Warehouse } from '../../ports/index.ts';
import { addCertificates } from '../model-card.ts';
import { cliOf, examples, who, type Cli } from '../context.ts';
import { download } from '../downloads.ts';
import { UsageError } from '../exit.ts';
import { metric } from '../../present/format.ts';
import { readLedger } from '../read-runs.ts';
import { UnknownModelError } from '../../rules/promotions.ts';
import { table } from '../table.ts';

interface ListOptions {
  readonly pipeline?: string;
  readonly run?: string;
}

interface DownloadOptions {
  readonly run?: string;
  readonly to?: string;
}

interface PromoteOptions {
  readonly run?: string;
  readonly by?: string;
  readonly why?: string;
}

const RUN_OPTION = ['--run <run>', 'a run whose profile says where the ledger is; the newest one when left out'] as const;

export function registerModels(program: Command): void {
  const models = program.command('models').description('evaluated models and their stages: candidate, champion');
  models
    .command('list', { isDefault: true })
    .description('models, newest last')
    .option('-p, --pipeline <name>', 'of this pipeline only')
    .option(...RUN_OPTION)
    .addHelpText('after', examples('longhaul models list --pipeline grocery-ranking'))
    .action((options: ListOptions, command: Command) =>
      withLedger(command, options.run, async (cli, warehouse) => {
        const rows = await warehouse.ledger('models', options.pipeline === undefined ? {} : { pipeline: options.pipeline });
        cli.print(rows, () => (rows.length === 0 ? 'no models' : listing(rows, cli)));
      }),
    );
  models
    .command('download')
    .description('the files of a model')
    .argument('<model>', 'its name in `longhaul models list`')
    .option('--to <folder>', 'where to; otherwise a folder of its name here')
    .option(...RUN_OPTION)
    .addHelpText('after', examples('longhaul models download grocery-ranking-t3-9f2c1a7b --to ./model'))
    .action((model: string, options: DownloadOptions, command: Command) =>
      withLedger(command, options.run, async (cli, warehouse, store) => {
        const rows = await warehouse.ledger('models');
        const row = rows.find((one) => one.model === model);
        if (typeof row?.export !== 'string')
          throw new UsageError(`there is no model "${model}"; there are: ${rows.map((one) => String(one.model)).join(', ') || 'none'}`);
        const folder = options.to ?? model;
        const got = await download(store, row.export, folder);
        if (got.files === 0) throw new UsageError(`the files of ${model} are not there any more: ${row.export}`);
        const audits = await addCertificates(await warehouse.ledger('audits', { run: row.run }), row, folder);
        const audited = audits === 0 ? '' : `, and what ${audits === 1 ? 'an audit' : `${audits} audits`} found (AUDIT.json)`;
        cli.print(
          { model, export: row.export, folder, ...got, audits },
          () => `${folder}: ${got.files} files, ${got.bytes} bytes${audited}`,
        );
      }),
    );
  models
    .command('promote')
    .description('make a model the champion of its pipeline; evaluate steps compare with it')
    .argument('<model>', 'its name in `longhaul models list`')
    .option(...RUN_OPTION)
    .option('--by <person>', 'who decides, default: your user name')
    .option('--why <reason>', 'kept in the ledger')
    .addHelpText('after', examples('longhaul models promote grocery-ranking-t3-9f2c1a7b --why "better average rank, p < 0.05"'))
    .action(async (model: string, options: PromoteOptions, command: Command) => {
      const cli = cliOf(command);
      const { run, profile } = await evaluated(cli, model, options.run);
      await using longhaul = await cli.connectOrStart();
      const { replaced, wasChampion } = await longhaul.promote({ run, model, profile }, who(options));
      const instead = replaced.length > 0 ? ` in the place of ${replaced.join(', ')}` : '';
      cli.print({ model, stage: 'champion', replaced }, () =>
        wasChampion ? `${model} is the champion already` : `${model} is the champion${instead}`,
      );
    });
}

/**
 * Which run evaluated it, and where its ledger is: no server is started for a name with a slip.
 * @throws UsageError there is no such model
 */
async function evaluated(cli: Cli, model: string, run: string | undefined): Promise<{ readonly run: string; readonly profile: Profile }> {
  await using reading = await readLedger(cli, run);
  const { profile } = await reading.runs[0].document();
  const models = await (await reading.ports.warehouse(profile)).ledger('models');
  const chosen = models.find((row) => row.model === model);
  if (!chosen) throw new UsageError(new UnknownModelError(model, models).message);
  return { run: chosen.run, profile };
}

async function withLedger(
  command: Command,
  run: string | undefined,
  work: (cli: Cli, warehouse: Warehouse, store: ObjectStore) => Promise<void>,
): Promise<void> {
  const cli = cliOf(command);
  await using reading = await readLedger(cli, run);
  const { profile } = await reading.runs[0].document();
  await work(cli, await reading.ports.warehouse(profile), await reading.ports.store(profile));
}

function listing(rows: readonly LedgerRow<'models'>[], cli: Cli): string {
  const metrics = rows.map((row) => JSON.parse(String(row.metrics ?? '{}')) as Record<string, number>);
  const names = [...new Set(metrics.flatMap((each) => Object.keys(each)))];
  return table(
    [
      { title: 'model' },
      { title: 'stage' },
      ...names.map((title) => ({ title, align: 'right' }) as const),
      { title: 'run' },
      { title: 'why' },
    ],
    rows.map((row, index) => [
      String(row.model),
      String(row.stage),
      ...names.map((name) => (metrics[index]?.[name] === undefined ? '' : metric(metrics[index][name]))),
      row.run,
      String(row.why ?? ''),
    ]),
    cli.terminal.colors.dim,
  );
}
