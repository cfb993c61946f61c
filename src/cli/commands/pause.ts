import type { Command } from 'commander';
import { cliOf, examples, integer, searchStepOf, who } from '../context.ts';

interface Options {
  readonly trial?: number;
  readonly step?: string;
  readonly by?: string;
  readonly why?: string;
}

export const registerPause = (program: Command): void =>
  register(program, 'pause', 'commit checkpoints and give all machines back; a run may rest for days');
export const registerResume = (program: Command): void => register(program, 'resume', 'go on from the checkpoints');

function register(program: Command, name: 'pause' | 'resume', description: string): void {
  program
    .command(name)
    .description(description)
    .argument('<run>', 'name of the run')
    .option('-t, --trial <number>', 'only this trial', integer)
    .option('--step <id>', 'only this search')
    .option('--by <person>', 'who does it, otherwise the user name')
    .option('--why <text>', 'kept with the decision')
    .addHelpText(
      'after',
      examples(`longhaul ${name} grocery-ranking-20261124-101500-k3f9`, `longhaul ${name} grocery-ranking-20261124-101500-k3f9 --trial 3`),
    )
    .action(async (id: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      const run = longhaul.run(id);
      const whole = options.trial === undefined && options.step === undefined;
      const answer = whole
        ? await run[name](who(options))
        : await run
            .search(searchStepOf(await run.state(), options.step))
            [name]({ ...who(options), ...(options.trial === undefined ? {} : { trial: options.trial }) });
      cli.print(answer, () => answer.text);
    });
}
