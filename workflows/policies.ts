/** How the pipeline's workflow calls activities and children: every time limit, retry and way of cancelling, with its reason. */
import { ActivityCancellationType, ChildWorkflowCancellationType, ParentClosePolicy, proxyActivities } from '@temporalio/workflow';
import { WorkflowIdReusePolicy } from '@temporalio/common';
import type { ActivityOptions, ChildWorkflowOptions, RetryPolicy, ActivityInterfaceFor } from '@temporalio/workflow';
import type { AuditActivities } from '../activities/audits.ts';
import type { DecisionActivities } from '../activities/decisions.ts';
import type { EvaluationActivities } from '../activities/evaluation-contract.ts';
import type { ExportActivities } from '../activities/exports.ts';
import type { LostAttemptActivities } from '../activities/lost-attempts.ts';
import type { NotificationActivities } from '../activities/notifications.ts';
import type { CheckActivities } from '../activities/checks.ts';
import type { PromotionActivities } from '../activities/promotions.ts';
import type { QueryActivities } from '../activities/queries.ts';
import type { RunActivities } from '../activities/runs.ts';
import type { ScriptActivities } from '../activities/scripts.ts';
import type { StepJobActivities } from '../activities/step-jobs.ts';
import type { StepActivities } from '../activities/steps.ts';
import type { WarehouseJobActivities } from '../activities/warehouse-jobs.ts';
import { GRACES, WAITS } from '../src/rules/durations.ts';
import { TASK_QUEUES } from '../src/contract/names.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { SearchActivities } from '../activities/search.ts';
import type { EarlyEvaluationActivities } from '../activities/early-evaluation-contract.ts';
import type { TensorboardActivities } from '../activities/tensorboard.ts';
import type { TrackerActivities } from '../activities/trackers.ts';
import type { TrainingActivities } from '../activities/training.ts';
import type { AskInput, AskResult, Importance, ImportanceInput } from '../src/contract/sampler.ts';
import type { CapacityInput } from '../src/contract/attempts.ts';
import type { TrialInput } from '../src/contract/trial-run.ts';

/** Faults outside pass by themselves: tried again for as long as the step may last. What is no use to repeat comes back non-retryable. */
const PATIENT: RetryPolicy = {
  initialInterval: GRACES.activityRetryFirstMs,
  backoffCoefficient: 2,
  maximumInterval: GRACES.activityRetryLongestMs,
};

/** The SDK's documentation and its default disagree (sdk-typescript#2442): always say it. Cleaning up is part of being cancelled. */
const CANCELLATION = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** Small requests to the object store and the warehouse. */
const CONTROL_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.control,
  startToCloseTimeout: GRACES.smallRequestMs,
  heartbeatTimeout: GRACES.heartbeatTimeoutMs,
  retry: PATIENT,
  cancellationType: CANCELLATION,
};

/** BigQuery ends a job after six hours by itself; a day leaves room for its queue. */
const WAREHOUSE_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.warehouse,
  startToCloseTimeout: GRACES.warehouseJobMs,
  heartbeatTimeout: GRACES.heartbeatTimeoutMs,
  retry: PATIENT,
  cancellationType: CANCELLATION,
};

/** A Job may train for weeks; its own deadline is the step's. */
const JOB_POLICY: ActivityOptions = {
  startToCloseTimeout: GRACES.jobMs,
  heartbeatTimeout: GRACES.heartbeatTimeoutMs,
  retry: PATIENT,
  cancellationType: CANCELLATION,
};

/** What is cancelled must come to its end also where no worker is left that could end its Job; `longhaul gc` finds that one. */
export const MAX_TIME_FOR_A_WORKER = GRACES.workerForEndingMs;

/** A job of BigQuery that cannot be ended ends by itself, other than a Job of Kubernetes. */
export const MAX_TIME_TO_CANCEL = GRACES.warehouseJobEndMs;

/** A message that cannot be delivered must not hold up a run. */
const NOTIFICATION_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.control,
  startToCloseTimeout: GRACES.notificationMs,
  retry: { initialInterval: GRACES.activityRetryFirstMs, maximumAttempts: 4 },
  cancellationType: CANCELLATION,
};

/** Outlasts its run: an outage of somebody else's server is waited out, and the run does not wait with it. */
export const TRACKER_POLICY: ChildWorkflowOptions = {
  taskQueue: TASK_QUEUES.control,
  cancellationType: ChildWorkflowCancellationType.ABANDON,
  parentClosePolicy: ParentClosePolicy.ABANDON,
  workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
};

export const trackers = proxyActivities<TrackerActivities>({
  ...CONTROL_POLICY,
  scheduleToCloseTimeout: WAITS.trackerTroubleMs,
});

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

export const control = proxyActivities<RunActivities & StepActivities & ScriptActivities & DecisionActivities>(CONTROL_POLICY);
/** Another run that makes the same output may train for weeks. All of the wait is one activity; it looks itself whether it is cancelled. */
export const waitingForOthers = proxyActivities<Pick<StepActivities, 'prepareStep'>>({
  ...CONTROL_POLICY,
  startToCloseTimeout: GRACES.jobMs,
  heartbeatTimeout: GRACES.heartbeatTimeoutOfDaysMs,
});
export const warehouse = proxyActivities<
  QueryActivities & ExportActivities & EvaluationActivities & CheckActivities & WarehouseJobActivities
>(WAREHOUSE_POLICY);
export const jobs = proxyActivities<StepJobActivities>(JOB_POLICY);
/**
 * @param lostAfterSeconds of its cluster; undefined: the only one
 * @param seldom it is cancelled by `removeStepJob`, not by a heartbeat
 */
export const stepJobLimits = (lostAfterSeconds: number | undefined, seldom: boolean): ActivityOptions =>
  boundedBy(lostAfterSeconds, seldom ? GRACES.heartbeatTimeoutOfDaysMs : GRACES.heartbeatTimeoutMs);
export const notifications = proxyActivities<NotificationActivities>(NOTIFICATION_POLICY);

/** Of what is done in one cluster of several: nothing waits for ever for a worker of one that is gone. */
function boundedBy(lostAfterSeconds: number | undefined, heartbeatTimeoutMs: number): ActivityOptions {
  if (lostAfterSeconds === undefined) return { heartbeatTimeout: heartbeatTimeoutMs };
  // First a worker has to be missed, then another one.
  const missedMs = Math.min(heartbeatTimeoutMs, (lostAfterSeconds * 1000) / 3);
  return { heartbeatTimeout: missedMs, scheduleToStartTimeout: lostAfterSeconds * 1000 - missedMs };
}

/**
 * An attempt lasts as long as its training. A worker that dies is noticed, and the next one adopts the Job.
 * Being cancelled, the activity lets the trainer save and answers with the attempt's end.
 *
 * @param seldom it may beat seldom, since its Job is asked to end by another activity
 */
export const attempts = (
  { trial: { profile }, lostAfterSeconds }: Pick<CapacityInput, 'trial' | 'lostAfterSeconds'>,
  seldom: boolean,
): ActivityInterfaceFor<TrainingActivities> =>
  proxyActivities<TrainingActivities>({
    ...JOB_POLICY,
    ...boundedBy(lostAfterSeconds, seldom ? GRACES.heartbeatTimeoutOfDaysMs : GRACES.heartbeatTimeoutMs),
    taskQueue: trainingQueue(profile),
  });

/** Before an attempt: one that does not answer at once is not gone to. */
export const clusters = (profile: Profile): Pick<ActivityInterfaceFor<TrainingActivities>, 'clusterAnswers'> =>
  proxyActivities<TrainingActivities>({
    taskQueue: trainingQueue(profile),
    scheduleToStartTimeout: GRACES.clusterAnswerMs,
    startToCloseTimeout: GRACES.clusterAnswerMs,
    retry: { maximumAttempts: 1 },
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });

/** Needs no cluster. */
export const lostAttempts = proxyActivities<LostAttemptActivities>(CONTROL_POLICY);

/** Ends attempts whose worker had gone when they were to stop. */
export const endings = ({ profile }: Pick<TrialInput, 'profile'>): ActivityInterfaceFor<TrainingActivities> =>
  proxyActivities<TrainingActivities>({
    ...JOB_POLICY,
    taskQueue: trainingQueue(profile),
    scheduleToStartTimeout: MAX_TIME_FOR_A_WORKER,
  });

/** The same for as long as it takes until a worker comes. */
export const patientEndings = (profile: Profile): ActivityInterfaceFor<TrainingActivities & StepJobActivities> =>
  proxyActivities<TrainingActivities & StepJobActivities>({ ...JOB_POLICY, taskQueue: trainingQueue(profile) });

/** It outlives whoever began the Job. */
export const JOB_ENDING_POLICY: ChildWorkflowOptions = {
  taskQueue: TASK_QUEUES.control,
  cancellationType: ChildWorkflowCancellationType.ABANDON,
};

/** Blocks until there is something to tell, so it may last; one that got lost is begun again at once. */
const WATCHING_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.control,
  startToCloseTimeout: GRACES.watchingMs,
  heartbeatTimeout: GRACES.heartbeatTimeoutOfDaysMs,
  retry: { initialInterval: GRACES.activityRetryFirstMs, backoffCoefficient: 2, maximumInterval: GRACES.watchingRetryLongestMs },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
};

/** Rebuilding a study of a thousand trials takes up to a minute; a sampler that is away is waited for. */
const SAMPLER_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.sampler,
  startToCloseTimeout: GRACES.samplerMs,
  heartbeatTimeout: GRACES.samplerHeartbeatMs,
  retry: { initialInterval: GRACES.activityRetryFirstMs, backoffCoefficient: 2, maximumInterval: GRACES.watchingRetryLongestMs },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
};

/** Trials live on when the search continues as new; the search itself ends them when it is cancelled. */
export const TRIAL_POLICY: ChildWorkflowOptions = {
  taskQueue: TASK_QUEUES.control,
  parentClosePolicy: ParentClosePolicy.ABANDON,
  cancellationType: ChildWorkflowCancellationType.ABANDON,
};

interface SamplerActivities {
  ask(input: AskInput): Promise<AskResult>;
}

/** It outlives the search: people look at curves afterwards. */
export const TENSORBOARD_POLICY: ChildWorkflowOptions = {
  taskQueue: TASK_QUEUES.control,
  parentClosePolicy: ParentClosePolicy.ABANDON,
  cancellationType: ChildWorkflowCancellationType.ABANDON,
};

/** Near the cluster that it runs in. A search does not wait for it; five tries are enough for a convenience. */
export const tensorboards = (profile: Profile): ActivityInterfaceFor<TensorboardActivities> =>
  proxyActivities<TensorboardActivities>({
    taskQueue: trainingQueue(profile),
    startToCloseTimeout: GRACES.tensorboardCallMs,
    retry: { initialInterval: GRACES.activityRetryFirstMs, backoffCoefficient: 3, maximumAttempts: 5 },
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });

/** A training that is part of an audit ends with it. */
export const REPETITION_POLICY: ChildWorkflowOptions = {
  taskQueue: TASK_QUEUES.control,
  parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
};

/** A person waits for it. */
export const promoting = proxyActivities<PromotionActivities>(CONTROL_POLICY);

export const auditing = proxyActivities<AuditActivities>(CONTROL_POLICY);

/** It only makes a choice better: a warehouse that is away is not waited for. */
export const observing = proxyActivities<Pick<SearchActivities, 'poolRates'>>({
  ...CONTROL_POLICY,
  scheduleToCloseTimeout: GRACES.smallRequestMs,
  retry: { ...PATIENT, maximumAttempts: 3 },
});
export const searching = proxyActivities<SearchActivities>(CONTROL_POLICY);
/** A checkpoint of many gigabytes is copied through a worker. */
export const pinning = proxyActivities<Pick<SearchActivities, 'pinCheckpoint' | 'adoptTrial' | 'reopenTrial'>>({
  ...CONTROL_POLICY,
  startToCloseTimeout: GRACES.checkpointCopyMs,
});
export const watching = proxyActivities<SearchActivities>(WATCHING_POLICY);
interface ImportanceActivities {
  importance(input: ImportanceInput): Promise<Importance>;
}

/** A person waits for the answer: two tries, then it is left out of the picture. */
const ANSWER_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.sampler,
  scheduleToCloseTimeout: GRACES.answerMs,
  startToCloseTimeout: GRACES.answerTryMs,
  retry: { initialInterval: GRACES.activityRetryFirstMs, maximumAttempts: 2 },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
};

export const answering = proxyActivities<ImportanceActivities>(ANSWER_POLICY);
/** For a person who waits, unlike `sampler`. */
export const suggesting = proxyActivities<SamplerActivities>(ANSWER_POLICY);
export const sampler = proxyActivities<SamplerActivities>(SAMPLER_POLICY);
/** What one's own raises comes back to the search, which tells of it before it asks again. */
export const ownSampler = proxyActivities<SamplerActivities>({
  ...SAMPLER_POLICY,
  retry: { ...SAMPLER_POLICY.retry, nonRetryableErrorTypes: ['SamplerFailed'] },
});
/** The first question to a sampler of one's own, whose requirements are installed before it answers; a worker that is away is not waited for. */
export const preparing = proxyActivities<SamplerActivities>({
  ...SAMPLER_POLICY,
  scheduleToStartTimeout: GRACES.answerMs,
  retry: { ...SAMPLER_POLICY.retry, maximumAttempts: 2 },
});
export const evaluating = proxyActivities<EarlyEvaluationActivities>(WAREHOUSE_POLICY);
