/** Says soon that no worker serves a workflow: a question or an update would wait for one, and for minutes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { GRACES } from '../rules/durations.ts';
import { CannotConnectError } from './errors.ts';

/** `temporal.api.enums.v1.VersioningBehavior`. */
const PINNED = 1;

type Poller = temporal.api.taskqueue.v1.IPollerInfo;

/** @throws CannotConnectError when it was not answered in a while, and nobody is there who could */
export async function whileServed<T>(client: Client, address: string, workflowId: string, call: () => Promise<T>): Promise<T> {
  const answering = call();
  for (;;) {
    const answer = await Promise.race([answering.then((value) => ({ value })), sleep(GRACES.unservedLookMs, null)]);
    if (answer !== null) return answer.value;
    const why = await unserved(client, workflowId).catch(() => null);
    if (why === null) continue;
    answering.catch(() => undefined);
    throw new CannotConnectError(`no worker serves ${workflowId}: ${why}`, address);
  }
}

/** null: somebody asks for its tasks. */
async function unserved(client: Client, workflowId: string): Promise<string | null> {
  const { workflowService, options } = client;
  const { namespace } = options;
  const execution = { workflowId };
  const { workflowExecutionInfo: info, executionConfig } = await workflowService.describeWorkflowExecution({ namespace, execution });
  const name = executionConfig?.taskQueue?.name ?? '';
  const { pollers } = await workflowService.describeTaskQueue({ namespace, taskQueue: { name } });
  const live = pollers.filter(isLive);
  const versioning = info?.versioningInfo;
  const build = Number(versioning?.behavior) === PINNED ? versioning?.deploymentVersion?.buildId : undefined;
  if (build && !live.some(({ deploymentOptions }) => deploymentOptions?.buildId === build))
    return `it runs on build ${build}, of which no control worker is there; start one with LONGHAUL_BUILD_ID=${build} (docs/upgrade.md)`;
  if (live.length > 0) return null;
  return `nobody asks task queue ${name} for work; start the control workers (longhaul dev, or the Deployments of the chart)`;
}

/** Who waits for tasks asks again within a minute. */
function isLive({ lastAccessTime }: Poller): boolean {
  return Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < GRACES.pollerSilentMs;
}
