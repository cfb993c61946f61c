import { fileURLToPath } from 'node:url';
import { Argument } from 'commander';
import type { Command } from 'commander';
import { checkRunName } from '../../contract/run-names.ts';
import { compileFile, withCompileOptions, type CompileOptions } from '../compile-file.ts';
import { cliOf, examples } from '../context.ts';
import { withEmulators } from '../emulators.ts';

const EXAMPLES = ['grocery-ranking', 'tumours'] as const;
const pipelineOf = (name: string): string => fileURLToPath(new URL(`../../../examples/${name}/pipeline.yaml`, import.meta.url));

interface Options extends CompileOptions {
  readonly runId?: string;
}

/** What `npm start` does. */
export function registerExample(program: Command): void {
  withCompileOptions(program.command('example'))
    .addArgument(new Argument('[name]', 'which of the examples').choices(EXAMPLES).default(EXAMPLES[0]))
    .description('run an example on this machine, from raw data to a report')
    .option('--run-id <name>', 'name of the run')
    .addHelpText('after', examples('npm start', 'longhaul example --set steps.search.n_trials=8', 'longhaul example tumours'))
    .action(async (name: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      if (options.runId !== undefined) checkRunName(options.runId, '--run-id');
      const document = await compileFile(pipelineOf(name), options, cli);
      const [{ startServers }, { runToEnd }] = await Promise.all([import('../own-stack.ts'), import('../run-to-end.ts')]);
      await withEmulators(document.profile, cli.terminal, async () => {
        const servers = await startServers(cli);
        try {
          await runToEnd(servers, cli, (longhaul) => longhaul.start(document, { runId: options.runId }));
        } finally {
          await servers.stop();
        }
      });
    });
}
