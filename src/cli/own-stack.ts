/** The development stack for as long as a command needs it. */
import { projectWithRuns } from '../stack/project.ts';
import { startStack, type Stack } from '../stack/stack.ts';
import { connect, type Longhaul } from '../client/index.ts';
import type { Cli } from './context.ts';
import { indexOf, saveRunIndex } from './ended-runs.ts';
import { checkpointLocalJobs } from './local-jobs.ts';
import { isServerNamed } from './server-named.ts';
import { unlogged } from './unlogged.ts';

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

/**
 * The Temporal server that is named or runs in this project. Where runs were made here and their servers have stopped since, these serve
 * again for as long as the connection is open.
 */
export async function connectOrStart(cli: Cli, temporalProfile?: string): Promise<Longhaul> {
  const project = isServerNamed(temporalProfile) ? null : projectWithRuns(process.cwd());
  if (project === null) return connect({ profile: temporalProfile });
  if (!cli.json) cli.terminal.say('the servers of this project have stopped; they run for this command (`longhaul dev` keeps them)');
  const { longhaul, stack } = await startServers(cli, project);
  // Whatever is asked of a run, a worker has to be there.
  await stack?.ready;
  return longhaul;
}

export async function startServers(cli: Cli, directory = process.cwd()): Promise<Servers> {
  const { say, talk } = cli.terminal;
  const stack = await startStack({
    directory,
    onEvent: ({ process: name, kind, detail }) => {
      if (kind === 'died') say(talk.yellow(`${name} died (${detail}) and is started again`));
      if (kind === 'restarted') say(talk.yellow(`${name} serves again`));
      if (kind === 'unlogged') say(talk.yellow(unlogged(name, detail)));
    },
  });
  let note = async (): Promise<void> => undefined;
  const between = async (): Promise<void> => {
    const runs = await indexOf(longhaul, directory);
    note = () => saveRunIndex(directory, runs);
    const stopped = await checkpointLocalJobs(longhaul);
    if (stopped > 0) say(`${stopped} trainers committed a checkpoint and ended; they go on when the servers do`);
  };
  const longhaul = await connect({
    directory,
    beforeClose: async () => {
      await stack.stop({
        between,
        onWait: (users) => say(`waiting for ${users} other command${users > 1 ? 's' : ''} that use these servers`),
      });
      await note();
    },
  });
  return { longhaul, stack, stop: () => longhaul.close() };
}
