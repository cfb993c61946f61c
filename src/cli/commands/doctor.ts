import type { Command } from 'commander';
import { cliOf, examples } from '../context.ts';
import { DEFAULT_PROFILE } from '../compile-file.ts';
import { checkProfile } from '../doctor-checks.ts';
import type { CheckGroup } from '../doctor-checks.ts';
import { UsageError } from '../exit.ts';

interface Options {
  readonly profile: string;
  readonly folder: string;
  readonly as?: string;
}

/** Something is missing. */
const EXIT_UNHEALTHY = 1;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check that everything a profile names exists and grants the permissions that runs need, and say how to fix what does not')
    .option('--profile <name>', 'a profile beside the pipeline, or a path', DEFAULT_PROFILE)
    .option('--folder <path>', 'where the pipeline and its profiles are', '.')
    .option('--as <account>', 'the workers’ account, whose rights in the cluster are asked for: system:serviceaccount:NAMESPACE:NAME')
    .addHelpText(
      'after',
      examples(
        'longhaul doctor',
        'longhaul doctor --profile gcp',
        'longhaul doctor --profile gcp --as system:serviceaccount:longhaul:longhaul',
        'longhaul doctor --profile gcp --output json',
      ),
    )
    .action(async ({ profile: wanted, folder, as: account }: Options, command: Command) => {
      const cli = cliOf(command);
      if (account !== undefined && !/^system:serviceaccount:[^:]+:[^:]+$/.test(account))
        throw new UsageError(`--as ${account}: system:serviceaccount:NAMESPACE:NAME is expected`);
      const { readProfile } = await import('../../compile/read-profile.ts');
      const { name, profile } = await readProfile(wanted, folder, process.cwd(), cli.warn);
      const groups = await checkProfile(profile, cli.connect, account);
      const checks = groups.flatMap((group) => group.checks);
      const failed = checks.filter(({ ok }) => !ok).length;
      const { colors } = cli.terminal;
      const mark = (ok: boolean, unsure: boolean): string => {
        if (unsure) return colors.yellow('unsure ');
        return ok ? colors.green('ok     ') : colors.red('missing');
      };
      const lines = ({ what, checks: own }: CheckGroup): string[] => [
        colors.bold(what),
        ...own.flatMap(({ name: asked, ok, unsure = false, detail, remedy }) => [
          `  ${mark(ok, unsure)} ${asked}: ${detail}`,
          ...(remedy === undefined ? [] : [`          ${colors.cyan(remedy)}`]),
        ]),
      ];
      cli.print({ profile: name, ok: failed === 0, groups }, () =>
        [
          ...groups.flatMap(lines),
          '',
          failed === 0 ? `all ${checks.length} checks are good` : `${failed} of ${checks.length} are missing`,
        ].join('\n'),
      );
      if (failed > 0) process.exitCode = EXIT_UNHEALTHY;
    });
}
