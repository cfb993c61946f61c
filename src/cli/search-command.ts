/** What the commands that change a search have in common: RUN, --step, --by, --why, one update, its answer. */
import type { Command } from 'commander';
import type { Search } from '../client/index.ts';
import type { UpdateAnswer } from '../contract/search-updates.ts';
import { cliOf, searchStepOf, who } from './context.ts';

export interface SearchOptions {
  readonly step?: string;
  readonly by?: string;
  readonly why?: string;
}

export function searchCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('<run>', 'name of the run')
    .option('--step <id>', 'the search, where the run has several')
    .option('--by <person>', 'who does it, otherwise the user name')
    .option('--why <text>', 'kept with the decision');
}

/** Sends the update and prints what was done, in words. */
export async function sendUpdate(
  command: Command,
  id: string,
  options: SearchOptions,
  update: (search: Search, by: { by: string; why?: string }) => Promise<UpdateAnswer>,
): Promise<void> {
  const cli = cliOf(command);
  await using longhaul = await cli.connectOrStart();
  const run = longhaul.run(id);
  const step = searchStepOf(await run.state(), options.step);
  const answer = await update(run.search(step), who(options));
  cli.print(answer, () => answer.text);
}
