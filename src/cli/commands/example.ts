import { fileURLToPath } from 'node:url';
import { Argument } from 'commander';
import type { Command } from 'commander';
import { withWorkers } from '../begin-run.ts';
import { checkRunName } from '../../contract/run-names.ts';
import { compileWithCode, withCompileOptions, type CompileOptions } from '../compile-file.ts';
import { cliOf, examples } from '../context.ts';
import { withEmulators } from '../emulators.ts';
import { shipCode } from '../ship-code.ts';

const EXAMPLES = {
  'grocery-ranking': 'grocery-ranking/pipeline.yaml',
  'grocery-comparison': 'grocery-ranking/compare.yaml',
  tumours: 'tumours/pipeline.yaml',
} as const;
type Example = keyof typeof EXAMPLES;
const pipelineOf = (name: Example): string => fileURLToPath(new URL(`../../../examples/${EXAMPLES[name]}`, import.meta.url));

interface Options extends CompileOptions {
  readonly runId?: string;
}

/** What `npm start` does. */
export function registerExample(program: Command): void {
  withCompileOptions(program.command('example'))
    .addArgument(new Argument('[name]', 'which of the examples').choices(Object.keys(EXAMPLES)).default('grocery-ranking'))
    .description('run an example on this machine, from raw data to a report')
    .option('--run-id <name>', 'name of the run')
    .addHelpText(
      'after',
      examples(
        'npm start',
        'longhaul example --set steps.search.n_trials=8',
        'longhaul example grocery-comparison',
        'longhaul example tumours',
      ),
    )
    .action(async (name: Example, options: Options, command: Command) => {
      const cli = cliOf(command);
      if (options.runId !== undefined) checkRunName(options.runId, '--run-id');
      const { document, code } = await compileWithCode(pipelineOf(name), options, cli);
      const [{ startServers }, { runToEnd }] = await Promise.all([import('../own-stack.ts'), import('../run-to-end.ts')]);
      await withEmulators(document.profile, cli.terminal, async () => {
        await shipCode(document, code);
        const servers = await startServers(cli);
        try {
          await withWorkers(document.profile);
          await runToEnd(servers, cli, (longhaul) => longhaul.start(document, { runId: options.runId }));
        } finally {
          await servers.stop();
        }
      });
    });
}
