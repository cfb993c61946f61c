/** Jobs on this machine outlive the workers on purpose; when a person stops the whole stack, they must not go on unseen. */
import type { Longhaul } from '../client/index.ts';
import { profilesByCluster } from '../contract/clusters.ts';
import { openPorts } from '../adapters/open.ts';

/** SIGTERM to the Jobs of runs that have not ended: they commit a checkpoint, and the next worker goes on from it. Returns how many. */
export async function checkpointLocalJobs(longhaul: Longhaul): Promise<number> {
  const open = (await longhaul.list({ limit: 100 })).filter((run) => run.endedAt === null);
  await using ports = openPorts();
  let stopped = 0;
  for (const { run } of open) {
    const { profile } = await longhaul.run(run).document();
    for (const here of profilesByCluster(profile).filter(({ compute }) => compute.kind === 'process')) {
      const compute = await ports.compute(here);
      const jobs = (await compute.list({ run })).filter((job) => job.phase !== 'ended');
      await Promise.all(jobs.map((job) => compute.terminate(job.name)));
      stopped += jobs.length;
    }
  }
  return stopped;
}
