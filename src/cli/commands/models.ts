/** The registry of models: what was evaluated, and which one is the champion that others are compared with. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { signedPayload } from '../../client/signing.ts';
import type { HeardDecision } from '../../contract/decisions.ts';
import { decisionRow } from '../../signing/decision-row.ts';
import { signersOf } from '../../signing/signers.ts';
import type { LedgerRow } from '../../contract/ledger.ts';
import { ledgerKey } from '../../contract/ids.ts';
import type { ObjectStore, Warehouse } from '../../ports/index.ts';
import { addCertificates } from '../model-card.ts';
import { cliOf, examples, who, type Cli } from '../context.ts';
import { download } from '../downloads.ts';
import { UsageError } from '../exit.ts';
import { metric } from '../../present/format.ts';
import { readLedger } from '../read-runs.ts';
import { promotionRows, UnknownModelError } from '../promotion.ts';
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
    .action((model: string, options: PromoteOptions, command: Command) =>
      withLedger(command, options.run, async (cli, warehouse) => {
        const rows = promote(await warehouse.ledger('models'), model, options);
        // One append: there is never a moment with two champions, or none.
        const key = ledgerKey('models', 'promoted', model, rows[0]?.time ?? '');
        await warehouse.append('models', rows, key);
        const promoted = rows.at(-1);
        if (promoted) await warehouse.append('decisions', [await promotionRow(promoted, who(options))], key);
        cli.print({ model, stage: 'champion', replaced: rows.slice(0, -1).map((row) => row.model) }, () =>
          rows.length === 0
            ? `${model} is the champion already`
            : `${model} is the champion${
                rows.length > 1
                  ? ` in the place of ${rows
                      .slice(0, -1)
                      .map((row) => String(row.model))
                      .join(', ')}`
                  : ''
              }`,
        );
      }),
    );
}

/** Who may write to the ledger decides; a key of one's own proves who it was to whoever knows it here (LONGHAUL_SIGNERS). */
async function promotionRow(
  { pipeline, run, model, step, time }: LedgerRow<'models'>,
  by: ReturnType<typeof who>,
): Promise<LedgerRow<'decisions'>> {
  const decision = 'promote';
  const payload = (await signedPayload({ ...by, ...{ model } }, { run, search: null, decision })) as HeardDecision['payload'];
  const heard = {
    id: randomUUID(),
    search: null,
    step: typeof step === 'string' ? step : null,
    decision,
    payload,
    heardAt: Date.parse(time),
  };
  return decisionRow(pipeline, run, heard, signersOf);
}

function promote(models: readonly LedgerRow<'models'>[], model: string, options: PromoteOptions): LedgerRow<'models'>[] {
  try {
    return promotionRows(models, { model, time: new Date().toISOString(), ...who(options) });
  } catch (error) {
    if (error instanceof UnknownModelError) throw new UsageError(error.message);
    throw error;
  }
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
