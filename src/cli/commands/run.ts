import type { Command } from 'commander';
import { checkRunName } from '../../contract/run-names.ts';
import { compileWithCode, withCompileOptions, type Compiled, type CompileOptions } from '../compile-file.ts';
import { amount, cliOf, examples, priorityArgument, type Cli } from '../context.ts';
import { startCompiled } from '../start-compiled.ts';

interface Options extends CompileOptions {
  readonly detach?: boolean;
  readonly runId?: string;
  readonly priority?: number;
  readonly by?: string;
  readonly cost?: number;
}

export function registerRun(program: Command): void {
  withCompileOptions(program.command('run'))
    .description('compile a pipeline and run it')
    .argument('<file>', 'pipeline file, or a document that `longhaul compile` wrote')
    .option('-d, --detach', 'do not wait for the end')
    .option('--run-id <name>', 'name of the run, used once; otherwise pipeline, time and four characters')
    .option('--priority <1-5>', 'its work comes before that of a higher number where workers are busy; otherwise 3', priorityArgument)
    .option('--by <when>', 'the run is over by then: friday-18:00, 18:00, 2026-12-04T18:00 or 36h; its search begins fewer trials, or ends')
    .option('--cost <amount>', 'its search costs at most so much, in the currency of the profile', amount)
    .addHelpText(
      'after',
      `${examples('longhaul run pipeline.yaml', 'longhaul run pipeline.yaml --profile gcp --detach', 'longhaul run pipeline.yaml --set params.epochs=3 --set steps.search.n_trials=8', 'longhaul run pipeline.yaml --by friday-18:00 --cost 300')}
Without a Temporal server (TEMPORAL_ADDRESS, a profile, \`longhaul dev\`) the servers are started here and stop with the command.
Ctrl-C leaves the run going and says how to come back.`,
    )
    .action(async (file: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      if (options.runId !== undefined) checkRunName(options.runId, '--run-id');
      const compiled = await compileWithCode(file, options, cli);
      await startCompiled(await keeping(compiled, options, cli), options, cli, command);
    });
}

/** With the promise in the document, and its quote told, where one was asked for. */
async function keeping(compiled: Compiled, { by, cost }: Options, cli: Cli): Promise<Compiled> {
  if (by === undefined && cost === undefined) return compiled;
  const [{ promised }, { earlierOf }, { forecast, madeBefore, searching }, { openPorts }] = await Promise.all([
    import('../promise.ts'),
    import('../earlier-runs.ts'),
    import('../forecast.ts'),
    import('../../adapters/open.ts'),
  ]);
  await using ports = openPorts();
  const { document } = compiled;
  const steps = await forecast(document, ports);
  const [warehouse, store] = await Promise.all([ports.warehouse(document.profile), ports.store(document.profile)]);
  const asked = { ...(by === undefined ? {} : { by }), ...(cost === undefined ? {} : { cost }) };
  const earlier = await earlierOf(document, madeBefore(steps), { warehouse, store });
  const found = promised(document, asked, searching(steps), earlier, Date.now());
  cli.terminal.say(found.says);
  return { ...compiled, document: found.document };
}
