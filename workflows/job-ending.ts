/**
 * Somebody always owes a Job its end. Where no worker of its cluster came in time to whom could be said that it is to end, the workflow that
 * began it goes on, or ends, and hands it over to one that outlives it and waits for a worker for as long as it takes.
 */
import { CancellationScope, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { StepJobName } from '../activities/step-job-contract.ts';
import { jobEndingWorkflowId } from '../src/contract/ids.ts';
import { WORKFLOWS } from '../src/contract/names.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { AttemptInput, CapacityInput } from '../src/contract/attempts.ts';
import { tellTrial } from './late-costs.ts';
import { patientEndings, JOB_ENDING_POLICY } from './policies.ts';

type JobEnding =
  | { readonly kind: 'attempt'; readonly input: Patient<AttemptInput> }
  | { readonly kind: 'capacity'; readonly input: Patient<CapacityInput> }
  | { readonly kind: 'step'; readonly input: Patient<StepJobName> };

/** Nothing gives up on its cluster, however long that is silent: nobody would come after it. */
type Patient<T> = Omit<T, 'lostAfterSeconds'> & { readonly lostAfterSeconds?: never };

export async function jobEnding(ending: JobEnding): Promise<void> {
  const activities = patientEndings(profileOf(ending));
  switch (ending.kind) {
    case 'attempt': {
      const report = await activities.endAttempt(ending.input);
      // Those that were handed over before this was told name nothing counted.
      if (report !== null && ending.input.counted !== undefined) await tellTrial(report, ending.input.counted);
      return;
    }
    case 'capacity':
      await activities.forgetCapacity(ending.input);
      return;
    case 'step':
      await activities.removeStepJob(ending.input);
  }
}

/** Resolves when the other workflow has it. */
export async function handOver(ending: JobEnding): Promise<void> {
  const { run, step } = ending.kind === 'step' ? ending.input : ending.input.trial;
  const { attempt } = ending.input;
  const trial = ending.kind === 'step' ? null : ending.input.trial;
  const name = jobEndingWorkflowId(
    { run, step, ...(trial === null ? {} : { trial: trial.trial, life: trial.life }) },
    ending.kind === 'capacity' && ending.input.look !== undefined ? `capacity-${ending.input.look}` : ending.kind,
    attempt,
  );
  try {
    await CancellationScope.nonCancellable(() =>
      startChild<typeof jobEnding>(WORKFLOWS.jobEnding, {
        ...JOB_ENDING_POLICY,
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowId: name,
        args: [ending],
        staticSummary: `ends a Job that no worker could be told of: ${name}`,
      }),
    );
  } catch (error) {
    // It has it already.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

const profileOf = (ending: JobEnding): Profile => (ending.kind === 'step' ? ending.input.profile : ending.input.trial.profile);
