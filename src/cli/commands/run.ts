import type { Command } from 'commander';
import { checkRunName } from '../../contract/run-names.ts';
import { compileWithCode, withCompileOptions, type CompileOptions } from '../compile-file.ts';
import { cliOf, examples, priorityArgument } from '../context.ts';
import { startCompiled } from '../start-compiled.ts';

interface Options extends CompileOptions {
  readonly detach?: boolean;
  readonly runId?: string;
  readonly priority?: number;
}

export function registerRun(program: Command): void {
  withCompileOptions(program.command('run'))
    .description('compile a pipeline and run it')
    .argument('<file>', 'pipeline file, or a document that `longhaul compile` wrote')
    .option('-d, --detach', 'do not wait for the end')
    .option('--run-id <name>', 'name of the run, used once; otherwise pipeline, time and four characters')
    .option('--priority <1-5>', 'its work comes before that of a higher number where workers are busy; otherwise 3', priorityArgument)
    .addHelpText(
      'after',
      `${examples('longhaul run pipeline.yaml', 'longhaul run pipeline.yaml --profile gcp --detach', 'longhaul run pipeline.yaml --set params.epochs=3 --set steps.search.n_trials=8')}
Without a Temporal server (TEMPORAL_ADDRESS, a profile, \`longhaul dev\`) the servers are started here and stop with the command.
Ctrl-C leaves the run going and says how to come back.`,
    )
    .action(async (file: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      if (options.runId !== undefined) checkRunName(options.runId, '--run-id');
      await startCompiled(await compileWithCode(file, options, cli), options, cli, command);
    });
}
