/**
 * What every workflow calls is served by its own team's workers: the queue that it runs on says which team's. And no run keeps another waiting:
 * Temporal hands out the tasks of a queue by the fairness key, one share a run, however many trials it has.
 */
import { workflowInfo } from '@temporalio/workflow';
import type { WorkflowInterceptors } from '@temporalio/workflow';
import { fairnessKey } from '../src/contract/ids.ts';
import { queueOf, teamOfQueue } from '../src/contract/teams.ts';

export const interceptors = (): WorkflowInterceptors => {
  const { taskQueue, workflowId, root, priority } = workflowInfo();
  const team = teamOfQueue(taskQueue);
  const share = { ...priority, fairnessKey: fairnessKey(root?.workflowId ?? workflowId) };
  const served = <O extends { readonly taskQueue?: string | undefined }>(options: O): O => ({
    ...options,
    ...(options.taskQueue === undefined || options.taskQueue === taskQueue ? {} : { taskQueue: queueOf(team, options.taskQueue) }),
    priority: share,
  });
  return {
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, options: served(input.options) }),
        startChildWorkflowExecution: (input, next) => next({ ...input, options: served(input.options) }),
      },
    ],
  };
};
