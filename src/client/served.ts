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

/** `temporal.api.enums.v1.TaskQueueType`. */
const ACTIVITIES = 2 as unknown as temporal.api.enums.v1.TaskQueueType;

/** Whether somebody asks the queue for activities. */
export async function servedActivities(
  client: Client,
  name: string,
): Promise<{ readonly isServed: boolean; readonly lastAskedAt: number | null }> {
  const { workflowService, options } = client;
  const { pollers } = await workflowService.describeTaskQueue({
    namespace: options.namespace,
    taskQueue: { name },
    taskQueueType: ACTIVITIES,
  });
  const lastAskedAt = pollers.length === 0 ? null : Math.max(...pollers.map(lastAskedOf));
  return { isServed: pollers.some(isLive), lastAskedAt };
}

const lastAskedOf = ({ lastAccessTime }: Poller): number => Number(lastAccessTime?.seconds ?? 0) * 1000;

/** Who waits for tasks asks again within a minute. */
const isLive = (poller: Poller): boolean => Date.now() - lastAskedOf(poller) < GRACES.pollerSilentMs;
