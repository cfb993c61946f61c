import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { compileFile, withCompileOptions, type CompileOptions } from '../compile-file.ts';
import { cliOf, examples } from '../context.ts';
import { withEmulators } from '../emulators.ts';

const PIPELINE = fileURLToPath(new URL('../../../examples/grocery-ranking/pipeline.yaml', import.meta.url));

interface Options extends CompileOptions {
  readonly runId?: string;
}

/** What `npm start` does. */
export function registerExample(program: Command): void {
  withCompileOptions(program.command('example'))
    .description('run examples/grocery-ranking on this machine, from raw data to a report')
    .option('--run-id <name>', 'name of the run')
    .addHelpText('after', examples('npm start', 'longhaul example --set steps.search.n_trials=8'))
    .action(async (options: Options, command: Command) => {
      const cli = cliOf(command);
      const document = await compileFile(PIPELINE, options);
      const [{ startServers }, { runToEnd }] = await Promise.all([import('../own-stack.ts'), import('../run-to-end.ts')]);
      await withEmulators(document.profile, cli.terminal, async () => {
        const servers = await startServers(cli);
        try {
          await runToEnd(servers, document, cli, options.runId);
        } finally {
          await servers.stop();
        }
      });
    });
}
