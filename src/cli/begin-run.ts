/** Begins a run that another one leads to, and stays until it ends unless it is to be left alone. */
import type { Command } from 'commander';
import type { Longhaul, Run } from '../client/index.ts';
import type { Profile } from '../contract/profile.ts';
import type { Cli } from './context.ts';
import { withEmulators } from './emulators.ts';

export interface Beginning {
  readonly profile: () => Promise<Profile>;
  readonly start: () => Promise<Run>;
}

/** @param prepare looks at the earlier run, on the servers of the new one */
export async function beginRun(
  prepare: (longhaul: Longhaul) => Promise<Beginning>,
  detach: boolean | undefined,
  cli: Cli,
  command: Command,
): Promise<void> {
  if (detach) {
    await using longhaul = await cli.connect();
    const { profile, start } = await prepare(longhaul);
    await withWorkers(await profile());
    leave(await start(), cli);
    return;
  }
  const [{ withServers }, { runToEnd }] = await Promise.all([import('./own-stack.ts'), import('./run-to-end.ts')]);
  const servers = await withServers(cli, temporalProfileOf(command));
  try {
    // The earlier run is asked: a worker has to be there.
    await servers.stack?.ready;
    const { profile, start } = await prepare(servers.longhaul);
    const where = await profile();
    await withWorkers(where);
    await withEmulators(where, cli.terminal, () => runToEnd(servers, cli, start));
  } finally {
    await servers.stop();
  }
}

/** Where the servers are those of this project, they get a training worker for each cluster of the profile. */
export async function withWorkers({ clusters = {} }: Profile): Promise<void> {
  const { askForWorkers } = await import('../stack/cluster-workers.ts');
  await askForWorkers(process.cwd(), Object.keys(clusters));
}

/** Says how to come back to a run that goes on by itself. */
export function leave(run: Run, cli: Cli, more: object = {}): void {
  cli.terminal.say(`watch it with: longhaul status ${run.id} --watch`);
  cli.print({ run: run.id, ...more }, () => run.id);
}

export const temporalProfileOf = (command: Command): string | undefined =>
  command.optsWithGlobals<{ readonly temporalProfile?: string }>().temporalProfile;
