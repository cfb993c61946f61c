/** The development stack for as long as a command needs it. */
import { startStack, type Stack } from '../../deploy/local/stack.ts';
import { CannotConnectError, connect, findTarget, type Longhaul } from '../client/index.ts';
import type { Cli } from './context.ts';
import { checkpointLocalJobs } from './local-jobs.ts';

export interface Servers {
  readonly longhaul: Longhaul;
  /** null: servers of someone else are used. */
  readonly stack: Stack | null;
  readonly stop: () => Promise<void>;
}

/** Uses the Temporal server that is named or runs in this project; otherwise starts a stack here. */
export async function withServers(cli: Cli, temporalProfile?: string): Promise<Servers> {
  if (isServerNamed(temporalProfile)) {
    const longhaul = await cli.connect();
    return { longhaul, stack: null, stop: () => longhaul.close() };
  }
  return startServers(cli);
}

export async function startServers(cli: Cli): Promise<Servers> {
  const { say, talk } = cli.terminal;
  const stack = await startStack({
    directory: process.cwd(),
    onEvent: ({ process: name, kind, detail }) => {
      if (kind === 'died') say(talk.yellow(`${name} died (${detail}) and is started again`));
      if (kind === 'restarted') say(talk.yellow(`${name} serves again`));
    },
  });
  const longhaul = await connect({ directory: process.cwd() });
  const stop = async (): Promise<void> => {
    const between = async (): Promise<void> => {
      const stopped = await checkpointLocalJobs(longhaul);
      if (stopped > 0) say(`${stopped} trainers committed a checkpoint and ended; they go on when the servers do`);
    };
    try {
      await stack.stop({
        between,
        onWait: (users) => say(`waiting for ${users} other command${users > 1 ? 's' : ''} that use these servers`),
      });
    } finally {
      await longhaul.close();
    }
  };
  return { longhaul, stack, stop };
}

function isServerNamed(profile: string | undefined): boolean {
  try {
    findTarget({ profile });
    return true;
  } catch (error) {
    if (error instanceof CannotConnectError) return false;
    throw error;
  }
}
