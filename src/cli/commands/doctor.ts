import type { Command } from 'commander';
import { cliOf, examples } from '../context.ts';
import { DEFAULT_PROFILE } from '../compile-file.ts';
import { checkProfile } from '../doctor-checks.ts';
import type { CheckGroup } from '../doctor-checks.ts';

interface Options {
  readonly profile: string;
  readonly folder: string;
}

/** Something is missing. */
const EXIT_UNHEALTHY = 1;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('ask everything that a profile names whether it is there and lets us in, and say how to mend what is not')
    .option('--profile <name>', 'a profile beside the pipeline, or a path', DEFAULT_PROFILE)
    .option('--folder <path>', 'where the pipeline and its profiles are', '.')
    .addHelpText('after', examples('longhaul doctor', 'longhaul doctor --profile gcp', 'longhaul doctor --profile gcp --output json'))
    .action(async ({ profile: wanted, folder }: Options, command: Command) => {
      const cli = cliOf(command);
      const { readProfile } = await import('../../compile/read-profile.ts');
      const { name, profile } = await readProfile(wanted, folder, process.cwd(), cli.warn);
      const groups = await checkProfile(profile, cli.connect);
      const checks = groups.flatMap((group) => group.checks);
      const failed = checks.filter(({ ok }) => !ok).length;
      const { colors } = cli.terminal;
      const mark = (ok: boolean): string => (ok ? colors.green('ok     ') : colors.red('missing'));
      const lines = ({ what, checks: own }: CheckGroup): string[] => [
        colors.bold(what),
        ...own.flatMap(({ name: asked, ok, detail, remedy }) => [
          `  ${mark(ok)} ${asked}: ${detail}`,
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
