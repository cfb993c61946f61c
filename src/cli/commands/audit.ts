import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { RunFailedError } from '../../client/errors.ts';
import type { Audit } from '../../client/audit.ts';
import type { AuditState, PairResult } from '../../contract/audit.ts';
import { count } from '../../present/format.ts';
import { GRACES } from '../../rules/durations.ts';
import { cliOf, decimal, examples, runOf, type Cli } from '../context.ts';
import { withEmulators } from '../emulators.ts';
import { EXIT, UsageError } from '../exit.ts';
import { onInterrupt } from '../follow.ts';
import { table } from '../table.ts';

interface Options {
  readonly share: number;
  readonly detach?: boolean;
  readonly cancel?: boolean;
}

/** Exit code 5: something comes out different. */
export function registerAudit(program: Command): void {
  program
    .command('audit')
    .description(
      'train parts of a run again from checkpoints that were kept for it, on another pool where there is one, and compare all bits',
    )
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('--share <number>', 'train at most this share of its samples again', shareOf, 0.02)
    .option('-d, --detach', 'do not wait for the end')
    .option('--cancel', 'end the audit of the run that is going on')
    .addHelpText('after', examples('longhaul audit', 'longhaul audit grocery-ranking-20261124-101500-k3f9 --share 0.01 --output json'))
    .action(async (id: string | undefined, options: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      const run = await runOf(longhaul, cli, id);
      if (options.cancel) {
        const { Audit: AuditOf } = await import('../../client/audit.ts');
        await new AuditOf(longhaul.client, longhaul.target.address, run.id).cancel();
        cli.print({ run: run.id, cancelled: true }, () => `the audit of ${run.id} ends`);
        return;
      }
      const { profile } = await run.document();
      await withEmulators(profile, cli.terminal, async () => {
        const audit = await longhaul.audit(run.id, { share: options.share });
        if (options.detach) cli.print({ run: run.id, share: options.share }, () => `ask again with: longhaul audit ${run.id}`);
        else await toItsEnd(audit, cli);
      });
    });
}

function shareOf(text: string): number {
  const share = decimal(text);
  if (share <= 0 || share > 1) throw new InvalidArgumentError('a share above 0 and at most 1 is expected, such as 0.02');
  return share;
}

async function toItsEnd(audit: Audit, cli: Cli): Promise<void> {
  const interrupt = onInterrupt();
  const over = new AbortController();
  const showing = show(audit, cli, AbortSignal.any([interrupt.signal, over.signal]));
  try {
    const state = await audit.result({ signal: interrupt.signal });
    over.abort();
    await showing;
    cli.print(state, () => summary(state, cli));
    if (state.results.some(({ verdict }) => verdict !== 'equal' && verdict !== 'unknown')) process.exitCode = EXIT.different;
    else if (state.results.some(({ verdict }) => verdict === 'unknown')) process.exitCode = EXIT.failed;
  } catch (error) {
    // Nothing was kept, or nothing is left: the question makes no sense, and nothing failed.
    if (error instanceof RunFailedError && error.type === 'InvalidInput') throw new UsageError(error.message);
    if (!interrupt.signal.aborted || error instanceof RunFailedError) throw error;
    cli.terminal.say(
      `\nthe audit goes on; come back with\n  longhaul audit ${audit.run}     # longhaul report has the certificates once it has ended`,
    );
    process.exitCode = EXIT.interrupted;
  } finally {
    over.abort();
    interrupt.dispose();
  }
}

/** A line for each window that was compared. */
async function show(audit: Audit, cli: Cli, until: AbortSignal): Promise<void> {
  if (cli.json) return;
  let told = 0;
  let isBegun = false;
  while (!until.aborted) {
    const state = await audit.state().catch(() => null);
    if (state?.plan && !isBegun) {
      const { pairs, trained } = state.plan;
      const samples = pairs.reduce((sum, pair) => sum + pair.samples, 0);
      cli.terminal.say(
        `${plural(pairs.length, 'window')} of ${count(samples)} samples ${pairs.length === 1 ? 'is' : 'are'} trained again, ${percent(samples / trained)} of ${count(trained)}`,
      );
      isBegun = true;
    }
    for (const result of state?.results.slice(told) ?? []) cli.terminal.say(`${placeOf(result)}: ${result.verdict}`);
    told = state?.results.length ?? told;
    await sleep(GRACES.linesLookMs, undefined, { signal: until }).catch(() => undefined);
  }
}

const plural = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
const percent = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;
const placeOf = ({ step, trial, from, to }: PairResult): string => `${step} trial ${trial}, steps ${from} to ${to}`;

function summary({ results, plan }: AuditState, cli: Cli): string {
  const rows = results.map((one) => [
    one.step,
    `${one.trial}`,
    `${one.from} – ${one.to}`,
    count(one.samples),
    one.pool ?? '?',
    one.repeatedPool ?? '?',
    one.verdict,
    one.first === null
      ? ''
      : `${one.first.exact ? `step ${one.first.step}` : `between ${one.first.after} and ${one.first.step}`}, ${one.first.tensors[0] ?? ''}`,
  ]);
  const listed = table(
    [
      { title: 'step' },
      { title: 'trial', align: 'right' },
      { title: 'training steps', align: 'right' },
      { title: 'samples', align: 'right' },
      { title: 'first in' },
      { title: 'again in' },
      { title: 'result' },
      { title: 'first difference' },
    ],
    rows,
    cli.terminal.colors.dim,
  );
  const reasons = results.filter(({ verdict }) => verdict !== 'equal').map((one) => `${placeOf(one)}: ${one.why}\n  ${one.uri}`);
  const left = plan === null || plan.left === 0 ? [] : [`${plural(plan.left, 'pair')} more would have been beyond the share`];
  return [listed, ...reasons, ...left].join('\n');
}
