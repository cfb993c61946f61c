/** A search's side of its pipeline's TensorBoard. It is a help to look at: whatever fails about it is told and does not touch the search. */
import { condition, getExternalWorkflowHandle, isCancellation, patched, startChild, workflowInfo } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { homeOfStorage, tensorboardWorkflowId } from '../../src/contract/ids.ts';
import { WORKFLOWS } from '../../src/contract/names.ts';
import type { tensorboard, TensorboardPlace } from '../tensorboard.ts';
import { TENSORBOARD_POLICY, tensorboards } from '../policies.ts';
import { decided } from './state.ts';
import type { SearchRun } from './state.ts';
import { publish } from './view.ts';
import { messageOf } from '../trial/decisions.ts';
import { holdTensorboardSignal, releaseTensorboardSignal } from '../tensorboard.ts';
import { GRACES } from '../../src/rules/durations.ts';

/** Between our look and our word its keeper may end. */
const MAX_TRIES = 3;
/** In the place of a URL: it could not be started. */
const NONE = '';

export function openTensorboard(run: SearchRun): void {
  const { profile, pipeline } = run.input;
  if (!profile.tensorboard.enabled || isAsked(run)) return;
  run.memory.tensorboard = null;
  // Before, teams that share a namespace had one for their pipelines of one name.
  const place = { pipeline, ...(patched('homes-of-tensorboards') ? { home: homeOfStorage(profile.storage) } : {}) };
  run.memory.tensorboardKeeper = tensorboardWorkflowId(pipeline, place.home);
  hold(run, place)
    .then(() => tensorboards(profile).startTensorboard({ profile, ...place, logdir: run.output }))
    .then((url) => {
      run.memory.tensorboard = url;
      publish(run);
    })
    .catch((error: unknown) => {
      run.memory.tensorboard = NONE;
      if (!isCancellation(error)) decided(run, null, `no TensorBoard: ${messageOf(error) ?? String(error)}`);
    });
}

/** The answer to a question of the workflow's run before, if it was open, came to nobody. */
function isAsked({ memory: { tensorboard } }: SearchRun): boolean {
  if (tensorboard === null) return !patched('tensorboard-asked-again');
  return tensorboard !== undefined;
}

async function hold({ input: { profile, factor } }: SearchRun, place: TensorboardPlace): Promise<void> {
  const workflowId = tensorboardWorkflowId(place.pipeline, place.home);
  const holder = workflowInfo().workflowId;
  for (let tries = 1; ; tries++) {
    try {
      await startChild<typeof tensorboard>(WORKFLOWS.tensorboard, {
        ...TENSORBOARD_POLICY,
        workflowId,
        args: [{ ...place, profile, holders: [holder], ...(factor === undefined ? {} : { factor }) }],
      });
      return;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    try {
      await getExternalWorkflowHandle(workflowId).signal(holdTensorboardSignal, { holder });
      return;
    } catch (error) {
      if (tries >= MAX_TRIES) throw error;
    }
  }
}

/** When the search is over. A keeper that is gone holds nothing. */
export async function releaseTensorboard(run: SearchRun): Promise<void> {
  if (run.memory.tensorboard === undefined) return;
  // A word that comes before the keeper has begun would be lost, and it would hold for ever.
  await condition(() => run.memory.tensorboard !== null, GRACES.tensorboardStartMs);
  await getExternalWorkflowHandle(run.memory.tensorboardKeeper ?? tensorboardWorkflowId(run.input.pipeline))
    .signal(releaseTensorboardSignal, { holder: workflowInfo().workflowId })
    .catch(() => undefined);
}
