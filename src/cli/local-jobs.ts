/** Jobs on this machine outlive the workers on purpose; when a person stops the whole stack, they must not go on unseen. */
import type { Longhaul } from '../client/index.ts';
import { profilesByCluster } from '../contract/clusters.ts';
import { runOfAudit } from '../contract/ids.ts';
import { WORKFLOWS } from '../contract/names.ts';
import { auditedRun } from '../rules/audits.ts';
import { openPorts } from '../adapters/open.ts';

/** SIGTERM to the Jobs of runs that have not ended: they commit a checkpoint, and the next worker goes on from it. Returns how many. */
export async function checkpointLocalJobs(longhaul: Longhaul): Promise<number> {
  const open = (await longhaul.list({ limit: 100 })).filter((run) => run.endedAt === null).map(({ run }) => run);
  await using ports = openPorts();
  let stopped = 0;
  for (const run of new Set([...open, ...(await auditedRuns(longhaul))])) {
    const { profile } = await longhaul.run(run).document();
    for (const here of profilesByCluster(profile).filter(({ compute }) => compute.kind === 'process')) {
      const compute = await ports.compute(here);
      const all = await compute.list();
      const jobs = all.filter(({ phase, labels: { run: of = '' } }) => phase !== 'ended' && (of === run || auditedRun(of) === run));
      await Promise.all(jobs.map((job) => compute.terminate(job.name)));
      stopped += jobs.length;
    }
  }
  return stopped;
}

/** Runs of which an audit goes on. */
async function auditedRuns(longhaul: Longhaul): Promise<string[]> {
  const query = `WorkflowType = '${WORKFLOWS.audit}' AND ExecutionStatus = 'Running'`;
  const found: string[] = [];
  for await (const { workflowId } of longhaul.client.workflow.list({ query })) found.push(runOfAudit(workflowId));
  return found;
}
