/** Serves `longhaul-training`: activities that watch Jobs. They only wait, so one worker watches many. */
import { createStepJobActivities } from '../activities/step-jobs.ts';
import { createTensorboardActivities } from '../activities/tensorboard.ts';
import { createTrainingActivities } from '../activities/training.ts';
import { guardTensorboards } from '../activities/policy-guard.ts';
import { TASK_QUEUES } from '../src/contract/names.ts';
import { openTensorboards } from '../src/adapters/open.ts';
import { main } from './run-worker.ts';

/** `cluster` of a profile: one queue and one worker a cluster. */
const cluster = process.env.LONGHAUL_CLUSTER;

main({
  name: cluster ? `training-${cluster}` : 'training',
  taskQueue: cluster ? `${TASK_QUEUES.training}-${cluster}` : TASK_QUEUES.training,
  workflows: false,
  // A thousand trials, each with an attempt and a look for a machine of another pool, and room for steps.
  maxActivities: 2500,
  activities: (ports, policy) => ({
    ...createStepJobActivities(ports),
    ...createTrainingActivities(ports),
    ...createTensorboardActivities(guardTensorboards((profile) => openTensorboards(profile, ports), policy)),
  }),
});
