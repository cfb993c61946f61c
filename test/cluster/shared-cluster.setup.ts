/** One cluster for all files of the suite that do not need one of their own; it ends with the suite. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { canRunCluster, ensureTools, startCluster } from '../../deploy/dev-cluster/index.ts';
import { scoringWorkerImage, trainerImage, workerImage } from './images.ts';
import { NODE_MONITOR_GRACE_SECONDS } from './timing.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of the cluster; null where there can be none. */
    clusterDirectory: string | null;
  }
}

let stop = (): Promise<void> => Promise.resolve();

export async function setup(project: TestProject): Promise<void> {
  const capability = await canRunCluster();
  if (!capability.ok) {
    process.stderr.write(`skipped, the cluster suite: ${capability.why}\n`);
    project.provide('clusterDirectory', null);
    return;
  }
  await ensureTools((line) => void process.stderr.write(`cluster: ${line}\n`));
  const directory = mkdtempSync(join(tmpdir(), 'longhaul-cluster-'));
  const images = await Promise.all([trainerImage(), workerImage(), scoringWorkerImage()]);
  // Two images may share what they mount.
  const mounts = new Map(images.flatMap((image) => image.mounts).map((mount) => [mount.to, mount]));
  const cluster = await startCluster({
    dir: join(directory, 'state'),
    kueue: project.name === 'kueue',
    mounts: [...mounts.values()],
    nodes: [
      { name: 'spot-1', labels: { pool: 'spot' } },
      { name: 'on-demand-1', labels: { pool: 'on-demand' } },
    ],
    timing: { nodeMonitorGrace: NODE_MONITOR_GRACE_SECONDS, unreachableToleration: 20 },
  });
  await Promise.all(images.map(async ({ archive }) => await cluster.loadImage(archive)));
  project.provide('clusterDirectory', cluster.directory);
  stop = async () => {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  };
}

export async function teardown(): Promise<void> {
  await stop();
}
