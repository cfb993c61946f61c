import type { Command } from 'commander';
import { cliOf, examples, integer, who } from '../context.ts';
import type { Longhaul } from '../../client/index.ts';
import type { UpdateAnswer } from '../../contract/search-updates.ts';

interface Options {
  readonly trial?: number;
  readonly by?: string;
  readonly why?: string;
}

export const registerApprove = (program: Command): void =>
  register(program, 'approve', 'approve what a run asks for: an approval step, a budget, a trial in doubt');
export const registerReject = (program: Command): void => register(program, 'reject', 'reject what a run asks for');

function register(program: Command, name: 'approve' | 'reject', description: string): void {
  program
    .command(name)
    .description(description)
    .argument('<run>', 'name of the run')
    .argument('[step]', 'the step that asks; may be left out while only one does')
    .option('-t, --trial <number>', 'of a search: the trial in question', integer)
    .option('--by <person>', 'who decides, otherwise the user name')
    .option('--why <text>', 'kept with the decision')
    .addHelpText('after', examples(`longhaul ${name} grocery-ranking-20261124-101500-k3f9 release --why 'metrics checked'`))
    .action(async (id: string, step: string | undefined, options: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      const answer = await decide(longhaul, id, step, name, options);
      cli.print(answer, () => answer.text);
    });
}

/** A search answers for itself; everything else is a step of the run. */
async function decide(
  longhaul: Longhaul,
  id: string,
  step: string | undefined,
  name: 'approve' | 'reject',
  options: Options,
): Promise<UpdateAnswer> {
  const run = longhaul.run(id);
  const state = await run.state();
  const asking =
    step ?? (state.approvals.length === 0 ? state.steps.find((one) => one.kind === 'search' && one.status === 'running')?.id : undefined);
  const search = state.steps.find((one) => one.id === asking && one.kind === 'search');
  if (search) return run.search(search.id)[name]({ ...who(options), ...(options.trial === undefined ? {} : { trial: options.trial }) });
  return run[name]({ ...who(options), ...(step === undefined ? {} : { step }) });
}
