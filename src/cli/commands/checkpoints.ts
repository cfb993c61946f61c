import { join } from 'node:path';
import type { Command } from 'commander';
import type { LedgerRow } from '../../contract/ledger.ts';
import { Latest } from '../../contract/trial.ts';
import type { ObjectStore } from '../../ports/index.ts';
import { cliOf, examples, integer, type Cli } from '../context.ts';
import { download } from '../downloads.ts';
import { UsageError } from '../exit.ts';
import { readRun } from '../read-runs.ts';
import { collect, withLiveTrials } from '../run-data.ts';
import { searchesOf } from '../searches-of.ts';
import { table } from '../table.ts';

interface Options {
  readonly step?: string;
  readonly trial?: number;
  readonly checkpoint?: string;
  readonly to?: string;
}

interface Kept {
  readonly step: string;
  readonly trial: number;
  readonly checkpoint: string;
  /** Training steps and samples that are in it. */
  readonly trained: number;
  readonly samples: number;
  readonly reason: string;
  readonly bytes: number;
  readonly uri: string;
}

/** Checkpoints that a trainer has committed: what LATEST names, newest first. */
export function registerCheckpoints(program: Command): void {
  const checkpoints = program.command('checkpoints').description('what trials have committed, from which they go on');
  checkpoints
    .command('list', { isDefault: true })
    .description('checkpoints of a run, the newest of each trial first')
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('--step <id>', 'of this search')
    .option('-t, --trial <number>', 'of this trial', integer)
    .addHelpText('after', examples('longhaul checkpoints list', 'longhaul checkpoints list --trial 4 --output json'))
    .action((id: string | undefined, options: Options, command: Command) =>
      withCheckpoints(command, id, options, (cli, kept) => {
        cli.print(kept, () => (kept.length === 0 ? 'nothing is committed' : listing(kept, cli)));
        return Promise.resolve();
      }),
    );
  checkpoints
    .command('download')
    .description('the files of a checkpoint')
    .argument('[run]', 'name of the run; the newest one when left out')
    .requiredOption('-t, --trial <number>', 'of this trial', integer)
    .option('--step <id>', 'of this search')
    .option('--checkpoint <name>', 'otherwise the newest one')
    .option('--to <folder>', 'where to; otherwise a folder of its name here')
    .addHelpText('after', examples('longhaul checkpoints download --trial 4 --to ./checkpoint'))
    .action((id: string | undefined, options: Options, command: Command) =>
      withCheckpoints(command, id, options, async (cli, kept, store) => {
        const wanted = chosen(kept, options);
        const folder = options.to ?? join('.', wanted.checkpoint);
        const got = await download(store, wanted.uri, folder);
        cli.print({ ...wanted, folder, ...got }, () => `${folder}: ${got.files} files, ${got.bytes} bytes`);
      }),
    );
}

/** @throws {UsageError} where there is none, or another search has a trial of that number */
export function chosen(kept: readonly Kept[], { trial, checkpoint }: Options): Kept {
  const steps = [...new Set(kept.map(({ step }) => step))];
  if (steps.length > 1) throw new UsageError(`several searches have a trial ${trial ?? ''}; say --step ${steps.join(' or --step ')}`);
  const wanted = checkpoint === undefined ? kept[0] : kept.find((one) => one.checkpoint === checkpoint);
  if (wanted) return wanted;
  throw new UsageError(`trial ${trial ?? ''} has no such checkpoint; there are: ${kept.map((one) => one.checkpoint).join(', ') || 'none'}`);
}

async function withCheckpoints(
  command: Command,
  id: string | undefined,
  { step, trial }: Options,
  work: (cli: Cli, kept: readonly Kept[], store: ObjectStore) => Promise<void>,
): Promise<void> {
  const cli = cliOf(command);
  await using reading = await readRun(cli, id);
  const data = await collect(reading.runs[0], reading.ports);
  const store = await reading.ports.store(data.document.profile);
  const steps = searchesOf(data, step).map(({ id: of }) => of);
  const trials = withLiveTrials(data).filter((row) => steps.includes(String(row.step)) && (trial === undefined || row.trial === trial));
  if (trials.length === 0) throw new UsageError(`${data.run.run} has no such trial${trial === undefined ? '' : `: ${trial}`}`);
  await work(cli, (await Promise.all(trials.map((row) => keptOf(store, row)))).flat(), store);
}

async function keptOf(store: ObjectStore, { step, trial, output }: LedgerRow<'trials'>): Promise<Kept[]> {
  const prefix = `${String(output)}/checkpoints`;
  const object = await store.read(`${prefix}/LATEST`);
  const latest = object && Latest.safeParse(JSON.parse(new TextDecoder().decode(object.data)));
  if (!latest?.success) return [];
  return [latest.data, ...latest.data.previous].flatMap((entry): Kept[] => {
    // SIGTERM before anything was committed is noted without one.
    if (entry.checkpoint === '') return [];
    const { step: trained = 0, samples = 0, reason = '', files = {} } = entry as Partial<Latest>;
    const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
    const uri = `${prefix}/${entry.checkpoint}`;
    return [{ step: String(step), trial: Number(trial), checkpoint: entry.checkpoint, trained, samples, reason, bytes, uri }];
  });
}

const listing = (kept: readonly Kept[], cli: Cli): string =>
  table(
    [
      { title: 'step' },
      { title: 'trial', align: 'right' },
      { title: 'checkpoint' },
      { title: 'training step', align: 'right' },
      { title: 'samples', align: 'right' },
      { title: 'bytes', align: 'right' },
      { title: 'reason' },
    ],
    kept.map((one) => [one.step, `${one.trial}`, one.checkpoint, `${one.trained}`, `${one.samples}`, `${one.bytes}`, one.reason]),
    cli.terminal.colors.dim,
  );
