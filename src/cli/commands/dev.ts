import type { Command } from 'commander';
import { RefusedError } from '../../client/errors.ts';
import { cliOf, examples, type Cli } from '../context.ts';
import { onInterrupt } from '../follow.ts';
import { indexOf, saveRunIndex, type RunIndex } from '../ended-runs.ts';
import { checkpointLocalJobs } from '../local-jobs.ts';
import { unlogged } from '../unlogged.ts';

export function registerDev(program: Command): void {
  program
    .command('dev')
    .description('Temporal server, workers and web UI for this project, in the foreground')
    .addHelpText('after', examples('longhaul dev', 'longhaul dev --output json > stack.json &'))
    .action(async (_options: object, command: Command) => {
      const cli = cliOf(command);
      const interrupt = onInterrupt();
      const { say, talk } = cli.terminal;
      const { startStack } = await import('../../stack/stack.ts');
      const stack = await startStack({
        directory: process.cwd(),
        onEvent: ({ process: name, kind, detail }) =>
          say(
            kind === 'unlogged'
              ? talk.yellow(unlogged(name, detail))
              : `${name} ${kind === 'died' ? talk.red(`died: ${detail}`) : talk.green(kind === 'ready' ? 'serves' : 'serves again')}`,
          ),
      });
      if (!stack.owned) {
        await stack.stop();
        throw new RefusedError(`these servers already run in this project: Temporal at ${stack.address}`);
      }
      try {
        await stack.ready;
        announce(cli, stack.address, stack.namespace, stack.ui);
        await aborted(interrupt.signal);
        say('stopping');
      } finally {
        let note = async (): Promise<void> => undefined;
        await stack.stop({
          between: async () => {
            const runs = await lastWork(say);
            note = () => saveRunIndex(process.cwd(), runs);
          },
          onWait: (users) => say(`waiting for ${users} commands that use these servers`),
        });
        await note();
        interrupt.dispose();
      }
    });
}

function announce(cli: Cli, address: string, namespace: string, ui: string | null): void {
  if (cli.json) process.stdout.write(`${JSON.stringify({ address, namespace, ui, pid: process.pid })}\n`);
  else
    cli.terminal.out(
      `Temporal ${address}${ui === null ? '' : `\nweb UI   ${ui}`}\n\n\`longhaul console\` opens the runs in a browser. Ctrl-C stops; runs go on from their checkpoints the next time.`,
    );
}

/** While the server still answers: Jobs of this machine come to rest, and what became of runs is noted for reading without it. */
async function lastWork(say: (line: string) => void): Promise<RunIndex> {
  const { connect } = await import('../../client/index.ts');
  await using longhaul = await connect({ directory: process.cwd() });
  const stopped = await checkpointLocalJobs(longhaul);
  if (stopped > 0) say(`${stopped} trainers commit a checkpoint and end`);
  return await indexOf(longhaul, process.cwd());
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())));
