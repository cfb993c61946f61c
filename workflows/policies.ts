/** How the pipeline's workflow calls activities and children: every time limit, retry and way of cancelling, with its reason. */
import { ActivityCancellationType, ChildWorkflowCancellationType, ParentClosePolicy, proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions, ChildWorkflowOptions, RetryPolicy } from '@temporalio/workflow';
import type { EvaluationActivities } from '../activities/evaluation-contract.ts';
import type { ExportActivities } from '../activities/exports.ts';
import type { NotificationActivities } from '../activities/notifications.ts';
import type { QueryActivities } from '../activities/queries.ts';
import type { RunActivities } from '../activities/runs.ts';
import type { StepJobActivities } from '../activities/step-jobs.ts';
import type { StepActivities } from '../activities/steps.ts';
import type { WarehouseJobActivities } from '../activities/warehouse-jobs.ts';
import { TASK_QUEUES } from '../src/contract/names.ts';
import type { Profile } from '../src/contract/profile.ts';

/** Faults outside pass by themselves: tried again for as long as the step may last. What is no use to repeat comes back non-retryable. */
const PATIENT: RetryPolicy = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '2 minutes' };

/** After the death of a worker its activities wait so long for the next one. */
const HEARTBEAT_TIMEOUT = '15 seconds';

/** The SDK's documentation and its default disagree (sdk-typescript#2442): always say it. Cleaning up is part of being cancelled. */
const CANCELLATION = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** Small requests to the object store and the warehouse. */
export const CONTROL_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.control,
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: PATIENT,
  cancellationType: CANCELLATION,
};

/** BigQuery ends a job after six hours by itself; a day leaves room for its queue. */
export const WAREHOUSE_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.warehouse,
  startToCloseTimeout: '24 hours',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: PATIENT,
  cancellationType: CANCELLATION,
};

/** A Job may train for weeks; its own deadline is the step's. */
export const JOB_POLICY: ActivityOptions = {
  startToCloseTimeout: '60 days',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: PATIENT,
  cancellationType: CANCELLATION,
};

/** What is cancelled must come to its end also where no worker is left that could end its Job; `longhaul gc` finds that one. */
export const MOST_TIME_FOR_A_WORKER = '2 minutes';

/** A job of BigQuery that cannot be ended ends by itself, other than a Job of Kubernetes. */
export const MOST_TIME_TO_CANCEL = '10 minutes';

/** A message that cannot be delivered must not hold up a run. */
export const NOTIFICATION_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.control,
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', maximumAttempts: 4 },
  cancellationType: CANCELLATION,
};

/** Searches clean up their Jobs when the run is cancelled, and also when it is terminated. */
export const SEARCH_POLICY: ChildWorkflowOptions = {
  taskQueue: TASK_QUEUES.control,
  cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
};

/** A schedule whose overlap policy cancels the run before waits until that one has tidied up. */
export const SCHEDULED_RUN_POLICY: ChildWorkflowOptions = {
  taskQueue: TASK_QUEUES.control,
  cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
};

/** One queue a cluster, so that a worker near the cluster watches its Jobs. */
export const trainingQueue = (profile: Profile): string =>
  profile.cluster ? `${TASK_QUEUES.training}-${profile.cluster}` : TASK_QUEUES.training;

export const control = proxyActivities<RunActivities & StepActivities>(CONTROL_POLICY);
export const warehouse = proxyActivities<QueryActivities & ExportActivities & EvaluationActivities & WarehouseJobActivities>(
  WAREHOUSE_POLICY,
);
export const jobs = proxyActivities<StepJobActivities>(JOB_POLICY);
export const notifications = proxyActivities<NotificationActivities>(NOTIFICATION_POLICY);
