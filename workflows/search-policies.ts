/** How searches and trials call activities and children: limits, retries and ways of cancelling, with their reasons. */
import { ActivityCancellationType, ChildWorkflowCancellationType, ParentClosePolicy, proxyActivities } from '@temporalio/workflow';
import type { ActivityInterfaceFor, ActivityOptions, ChildWorkflowOptions } from '@temporalio/workflow';
import type { SearchActivities } from '../activities/search.ts';
import type { EarlyEvaluationActivities } from '../activities/early-evaluation-contract.ts';
import type { TensorboardActivities } from '../activities/tensorboard.ts';
import type { TrainingActivities } from '../activities/training.ts';
import { TASK_QUEUES } from '../src/contract/names.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { AskInput, AskResult, Importance, ImportanceInput, TrialInput } from '../src/contract/search.ts';
import { CONTROL_POLICY, JOB_POLICY, MOST_TIME_FOR_A_WORKER, trainingQueue, WAREHOUSE_POLICY } from './policies.ts';

/** Each heartbeat is a write of Temporal's. Beyond so many trials at once they are to be fewer, and a dead worker is noticed later. */
const MANY_AT_ONCE = 100;
const HEARTBEAT_TIMEOUT_OF_MANY = '1 minute';

/**
 * An attempt lasts as long as its training. A worker that dies is noticed after the heartbeat's limit and the next one adopts the Job.
 * Being cancelled, the activity lets the trainer save and answers with the attempt's end.
 */
export const attempts = ({ profile, spec }: Pick<TrialInput, 'profile' | 'spec'>): ActivityInterfaceFor<TrainingActivities> =>
  proxyActivities<TrainingActivities>({
    ...JOB_POLICY,
    ...(spec.parallel > MANY_AT_ONCE ? { heartbeatTimeout: HEARTBEAT_TIMEOUT_OF_MANY } : {}),
    taskQueue: trainingQueue(profile),
  });

/** Ends attempts whose worker had gone when they were to stop. */
export const endings = ({ profile }: Pick<TrialInput, 'profile'>): ActivityInterfaceFor<TrainingActivities> =>
  proxyActivities<TrainingActivities>({
    ...JOB_POLICY,
    taskQueue: trainingQueue(profile),
    scheduleToStartTimeout: MOST_TIME_FOR_A_WORKER,
  });

/** Blocks until there is something to tell, so it may last; one that got lost is begun again at once. */
const WATCHING_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.control,
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
};

/** Rebuilding a study of a thousand trials takes up to a minute; a sampler that is away is waited for. */
const SAMPLER_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.sampler,
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '2 minutes',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
};

/** Trials live on when the search continues as new; the search itself ends them when it is cancelled. */
export const TRIAL_POLICY: ChildWorkflowOptions = {
  taskQueue: TASK_QUEUES.control,
  parentClosePolicy: ParentClosePolicy.ABANDON,
  cancellationType: ChildWorkflowCancellationType.ABANDON,
};

export interface SamplerActivities {
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
    startToCloseTimeout: '2 minutes',
    retry: { initialInterval: '1 second', backoffCoefficient: 3, maximumAttempts: 5 },
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });

export const searching = proxyActivities<SearchActivities>(CONTROL_POLICY);
export const watching = proxyActivities<SearchActivities>(WATCHING_POLICY);
export interface ImportanceActivities {
  importance(input: ImportanceInput): Promise<Importance>;
}

/** A person waits for the answer: two tries, then it is left out of the picture. */
const ANSWER_POLICY: ActivityOptions = {
  taskQueue: TASK_QUEUES.sampler,
  scheduleToCloseTimeout: '1 minute',
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', maximumAttempts: 2 },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
};

export const answering = proxyActivities<ImportanceActivities>(ANSWER_POLICY);
/** For a person who waits, unlike `sampler`. */
export const suggesting = proxyActivities<SamplerActivities>(ANSWER_POLICY);
export const sampler = proxyActivities<SamplerActivities>(SAMPLER_POLICY);
export const evaluating = proxyActivities<EarlyEvaluationActivities>(WAREHOUSE_POLICY);
