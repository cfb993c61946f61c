/**
 * Training workers of a project's clusters, one each. Whoever starts a run leaves a file for each cluster of its profile, and the process that
 * runs the servers starts what is asked for; the files stay, so that the next servers serve the runs that go on.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findDevelopmentHome } from '../client/address.ts';
import { GRACES } from '../rules/durations.ts';
import type { Supervised } from './supervisor.ts';

const folderOf = (home: string): string => join(home, 'clusters');

/**
 * Of the servers that run in this project, if any do; others have their workers from elsewhere.
 *
 * @returns when each of these clusters has a training worker
 */
export async function askForWorkers(directory: string, clusters: readonly string[]): Promise<void> {
  const found = clusters.length === 0 ? null : findDevelopmentHome(directory);
  if (found === null) return;
  const { home, stack } = found;
  await mkdir(folderOf(home), { recursive: true });
  for (const cluster of clusters) {
    const file = join(folderOf(home), cluster);
    if (!existsSync(file)) await writeFile(file, '');
    const until = performance.now() + GRACES.clusterWorkerMs;
    // One that does not come is missed by the run, and told of there.
    while ((await readFile(file, 'utf8')) !== String(stack.pid) && performance.now() < until) await sleep(GRACES.stackUsersLookMs);
  }
}

/** Starts a worker for each cluster that is asked for, until it is stopped with them. */
export function serveClusters(home: string, start: (cluster: string) => Supervised): { readonly stop: () => Promise<void> } {
  const workers = new Map<string, Supervised>();
  const over = new AbortController();
  const look = async (): Promise<void> => {
    const asked = existsSync(folderOf(home)) ? await readdir(folderOf(home)) : [];
    for (const cluster of asked.filter((name) => !workers.has(name))) {
      const worker = start(cluster);
      workers.set(cluster, worker);
      // One that does not start is told of by its events.
      worker.ready.then(
        () => writeFile(join(folderOf(home), cluster), String(process.pid)),
        () => undefined,
      );
    }
  };
  const looking = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      await look();
      await sleep(GRACES.stackUsersLookMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  looking.catch(() => undefined);
  return {
    stop: async () => {
      over.abort();
      await looking.catch(() => undefined);
      await Promise.all([...workers.values()].map((worker) => worker.stop()));
    },
  };
}
