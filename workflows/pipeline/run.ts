/** What the parts of a run's workflow share. */
import { isCancellation, log } from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import type { NotificationTarget } from '../../activities/notifications.ts';
import type { Retry } from '../../src/contract/retry.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { Approvals } from './approvals.ts';
import { MAX_TIME_TO_CANCEL, notifications } from '../policies.ts';
import type { SearchStands } from '../../src/contract/state.ts';
import type { Budget } from '../../src/contract/search-space.ts';
import type { RunView } from './view.ts';

/** A search that runs, and what it was told last. */
export interface RunningSearch {
  readonly signal: ChildWorkflowHandle<() => Promise<unknown>>['signal'];
  heard: 'run' | 'pause';
  telling: Promise<void> | null;
}

export interface Run {
  readonly name: string;
  /** False while a history of release 0.1 is replayed. */
  readonly reconciles: boolean;
  readonly document: RunDocument;
  readonly view: RunView;
  readonly approvals: Approvals;
  /** Searches that run, for messages that concern all of them. */
  readonly searches: Map<string, RunningSearch>;
  /** What each search said last of whether it stands still. */
  readonly stands: Map<string, SearchStands>;
  /** Of steps whose Job waits: what was said of them before. */
  readonly beforeWaits: Map<string, { readonly reason: string | null; readonly since: number | undefined }>;
  /** Wakes the scheduler. */
  readonly changed: () => void;
  /** Type of the failure by step. */
  readonly failureTypes: Map<string, string>;
  dirty: boolean;
  /** No new step starts: someone paused the run, or it is at its budget. */
  paused: boolean;
  pausedBySomeone: boolean;
  /** When it was paused; null while it is not. */
  pausedAt: number | null;
  /** All its pauses before, in milliseconds. */
  pausedMs: number;
  atBudget: boolean;
  /** That of the document, raised each time when someone resumed the run that stood at it. */
  budget: Budget;
  cancelled: boolean;
  /** Why no step began: the document asks for what cannot be done. */
  refused: string | null;
  /** In a history of release 0.1: someone resumed the run, which lifted its budget. */
  budgetWaived: boolean;
  /** It has ended before under this name. */
  readonly retry: Retry | null;
  /** False while a history from before decisions were recorded is replayed. */
  readonly recordsDecisions: boolean;
  /** Signatures of decisions that it has heard. */
  readonly signatures: Set<string>;
  /** Somebody said who cancels it, or nobody did and that was recorded. */
  cancelHeard: boolean;
  /** Decisions that the ledger is being told of. */
  readonly recordings: { underWay: number };
  /** Ends the steps on exit; null before they begin. */
  cancelExit: (() => void) | null;
  /** They were ended so: nothing that may last is waited for any more. */
  exitCancelled: boolean;
}

/** Of the last words to the ledger: who cancels a run twice does not wait for a ledger that is away. */
export const lastOptions = (run: Run): { scheduleToCloseTimeout?: typeof MAX_TIME_TO_CANCEL } =>
  run.exitCancelled ? { scheduleToCloseTimeout: MAX_TIME_TO_CANCEL } : {};

/** Steps on exit run whatever a person or a budget says. */
export const mayWork = (run: Run, step: string): boolean => !run.paused || run.document.onExit.some(({ id }) => id === step);

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
