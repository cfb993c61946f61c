/** Starts what was compiled, once all that it needs is in its store: here, or on servers that are there. */
import type { Command } from 'commander';
import { leave, temporalProfileOf, withWorkers } from './begin-run.ts';
import type { Compiled } from './compile-file.ts';
import type { Cli } from './context.ts';
import { withEmulators } from './emulators.ts';
import { noteOwnPlaces } from './own-places.ts';
import { shipCode } from './ship-code.ts';

interface StartOptions {
  readonly detach?: boolean;
  readonly runId?: string;
  readonly priority?: number;
}

/** @param provide puts what else the run reads into the store */
export async function startCompiled(
  { document, code }: Compiled,
  { detach, runId, priority }: StartOptions,
  cli: Cli,
  command: Command,
  provide: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await noteOwnPlaces(cli, document.profile);
  if (detach) {
    await using longhaul = await cli.connect();
    await shipCode(document, code);
    await provide();
    await withWorkers(document.profile);
    leave(await longhaul.start(document, { runId, priority }), cli, { documentHash: document.hash });
    return;
  }
  const [{ withServers }, { runToEnd }] = await Promise.all([import('./own-stack.ts'), import('./run-to-end.ts')]);
  await withEmulators(document.profile, cli.terminal, async () => {
    await shipCode(document, code);
    await provide();
    const servers = await withServers(cli, temporalProfileOf(command));
    try {
      await withWorkers(document.profile);
      await runToEnd(servers, cli, (longhaul) => longhaul.start(document, { runId, priority }));
    } finally {
      await servers.stop();
    }
  });
}
