/** What the parts of a run's workflow share. */
import { isCancellation, log } from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import type { NotificationTarget } from '../../activities/notifications.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { Approvals } from './approvals.ts';
import { notifications } from '../policies.ts';
import type { RunView } from './view.ts';

export interface Run {
  readonly name: string;
  readonly document: RunDocument;
  readonly view: RunView;
  readonly approvals: Approvals;
  /** Searches that run, for messages that concern all of them. */
  readonly searches: Map<string, Pick<ChildWorkflowHandle<() => Promise<unknown>>, 'signal'>>;
  /** Wakes the scheduler. */
  readonly changed: () => void;
  /** Type of the failure by step. */
  readonly failureTypes: Map<string, string>;
  dirty: boolean;
  /** No new step starts. */
  paused: boolean;
  cancelled: boolean;
  /** Someone resumed a run that had reached its budget. */
  budgetWaived: boolean;
}

/** Tells whom the profile names; a message that does not get through is logged, never a failure of the run. */
export async function notify(run: Run, event: NotificationTarget['on'][number], text: string): Promise<void> {
  const targets = run.document.profile.notifications.filter((target) => target.on.includes(event));
  if (targets.length === 0) return;
  try {
    await notifications.notify.executeWithOptions({ summary: event }, [
      { targets, event, pipeline: run.document.pipeline, run: run.name, text },
    ]);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('a notification did not get through', { event, error });
  }
}
