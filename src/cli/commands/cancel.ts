import type { Command } from 'commander';
import { cliOf, examples, who } from '../context.ts';
import { CannotConnectError, RunFailedError } from '../../client/errors.ts';

interface Options {
  readonly by?: string;
  readonly why?: string;
  readonly wait?: boolean;
}

export function registerCancel(program: Command): void {
  program
    .command('cancel')
    .description('end a run now: its Jobs are removed, its exit steps still run')
    .argument('<run>', 'name of the run')
    .option('--by <person>', 'who does it, otherwise the user name')
    .option('--why <text>', 'kept in the decisions of the run')
    .option('--wait', 'until everything is cleaned up')
    .addHelpText('after', examples('longhaul cancel grocery-ranking-20261124-101500-k3f9 --wait'))
    .action(async (id: string, { wait, ...options }: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      const run = longhaul.run(id);
      // Temporal accepts a cancellation of what has ended in silence; a person wants to know.
      const before = await run.state().catch(async (error: unknown) => {
        // The server keeps it for the worker that comes.
        if (error instanceof CannotConnectError) await run.cancel(who(options));
        throw error;
      });
      if (before.endedAt !== null) {
        cli.print({ run: id, status: before.status }, () => `${id} has already ended: ${before.status}`);
        return;
      }
      await run.cancel(who(options));
      if (wait) await run.result().catch(ignoreItsEnd);
      const status = wait ? 'cancelled' : 'cancelling';
      cli.print({ run: id, status }, () => `${id} is ${wait ? 'cancelled' : 'being cancelled'}`);
    });
}

function ignoreItsEnd(error: unknown): void {
  if (!(error instanceof RunFailedError)) throw error;
}
