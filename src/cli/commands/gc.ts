import type { Command } from 'commander';
import { cliOf, decimal, examples, runOf } from '../context.ts';
import { EXIT } from '../exit.ts';
import { collectGarbage } from '../gc/collect.ts';
import type { Found, GarbageResult } from '../gc/removal.ts';
import { openRunPorts } from '../own-places.ts';

interface Options {
  readonly olderThan: number;
  readonly dryRun?: boolean;
  readonly orphans?: boolean;
  readonly candidates?: boolean;
}

const DAY_MS = 86_400_000;

export function registerGc(program: Command): void {
  program
    .command('gc')
    .description(
      'remove what nobody needs any more: Jobs of runs that have ended, cached outputs that were not used for long, scores of evaluations that did not ' +
        'end, logs and checkpoints of trials that were kept for as long as the profile says, code that was shipped for runs that cannot go on any more, and scripts of steps that no run under way has. ' +
        'What an open run, a model of the registry, a newer record or a recent run refers to stays, and so does what was made anew',
    )
    .argument('[run]', 'a run whose profile says where to look; the newest one when left out')
    .option('--older-than <days>', 'cached outputs that were not used since', decimal, 30)
    .option('--dry-run', 'only list what would be removed')
    .option('--orphans', 'also end running Jobs of runs that this Temporal server does not know')
    .option('--candidates', 'also models that were evaluated and never promoted')
    .addHelpText('after', examples('longhaul gc --dry-run', 'longhaul gc --older-than 7'))
    .action(async (id: string | undefined, options: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      await using ports = openRunPorts(cli);
      const { profile } = await (await runOf(longhaul, cli, id)).document();
      const dryRun = options.dryRun ?? false;
      const result = await collectGarbage(longhaul, ports, profile, {
        before: Date.now() - options.olderThan * DAY_MS,
        dryRun,
        orphans: options.orphans ?? false,
        candidates: options.candidates ?? false,
      });
      cli.print({ removed: !dryRun, ...result }, () => listing(result, dryRun));
      if (result.failed.length > 0) process.exitCode = EXIT.failed;
    });
}

function listing({ found, kept, failed }: GarbageResult, dryRun: boolean): string {
  const line = (mark: string, { what, name, reason }: Found, more = ''): string => `${mark} ${what} ${name}: ${reason}${more}`;
  return [
    ...kept.map((one) => line('keep  ', one)),
    ...found.map((one) => line('remove', one)),
    ...failed.map((one) => line('failed', one, `; ${one.error}`)),
    `${found.length} ${dryRun ? 'to remove' : 'removed'}, ${kept.length} kept, ${failed.length} failed`,
  ].join('\n');
}
