/** The pipeline's workflow, and the same activities called in a row with nothing around them. */
import { ActivityCancellationType, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { RunActivities } from '../../activities/runs.ts';
import type { StepJobActivities } from '../../activities/step-jobs.ts';
import type { StepActivities } from '../../activities/steps.ts';
import { TASK_QUEUES } from '../../src/contract/names.ts';
import { outputsOf } from '../../src/contract/outputs.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { StepState } from '../../src/contract/state.ts';
import type { ScriptSpec } from '../../src/contract/steps.ts';

export { trainingPipeline } from '../../workflows/pipeline/training-pipeline.ts';

const options = {
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '15 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
} as const;
const control = proxyActivities<RunActivities & StepActivities>({ ...options, taskQueue: TASK_QUEUES.control });
const jobs = proxyActivities<StepJobActivities>({ ...options, taskQueue: TASK_QUEUES.training });

export async function bare(document: RunDocument): Promise<void> {
  const run = workflowInfo().workflowId;
  const { pipeline, profile } = document;
  const startedAt = Date.now();
  await control.validateRun({ run, document, startedAt });
  for (const { id, spec, cache } of document.steps) {
    const prepared = await control.prepareStep({
      run,
      pipeline,
      profile,
      step: { id, cache, spec },
      references: [],
      startedAt,
      wait: false,
    });
    const [pool] = profile.pools;
    if (prepared.outcome !== 'miss' || !pool) throw new Error('expected a step that nobody made before');
    const end = await jobs.runStepJob({
      run,
      pipeline,
      profile,
      step: id,
      key: prepared.key,
      spec: spec as ScriptSpec,
      attempt: 1,
      pool,
      noCapacitySeconds: 600,
      deadlineSeconds: null,
    });
    const state: StepState = {
      id,
      kind: spec.kind,
      status: 'succeeded',
      startedAt,
      endedAt: Date.now(),
      cacheKey: prepared.key,
      cacheHit: false,
      outputs: end.outputs,
      reason: null,
      workflowId: null,
      cost: 0,
    };
    await control.finishStep({
      run,
      pipeline,
      profile,
      state,
      endedAt: Date.now(),
      digest: prepared.digest,
      outputTypes: outputsOf(spec),
      job: end.job,
      image: end.image,
      bytes: null,
    });
  }
  await control.closeRun({
    run,
    pipeline,
    profile,
    profileName: document.profileName,
    documentHash: document.hash,
    commit: null,
    startedAt,
    endedAt: Date.now(),
    status: 'succeeded',
    cost: 0,
    error: null,
    unrecorded: [],
  });
}
