/** Reads what went wrong with a step out of Temporal's nested failures. Pure. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TemporalFailure,
  TimeoutFailure,
} from '@temporalio/common';
import { UnboundReferenceError } from '../src/rules/bind.ts';
import { ConditionError } from '../src/rules/conditions.ts';

interface StepFailure {
  readonly type: string;
  readonly message: string;
}

/** Worth another attempt of the whole step; faults outside never get here, for Temporal repeats those activities by itself. */
const REPEATABLE: ReadonlySet<string> = new Set(['JobFailed', 'Unexpected', 'RowCountMismatch', 'WorkflowExecutionAlreadyStartedError']);

export const isRepeatable = (failure: StepFailure): boolean => REPEATABLE.has(failure.type);

/** The worker of an activity fell silent, or none came. */
export const isTimeout = (error: unknown): boolean => error instanceof ActivityFailure && error.cause instanceof TimeoutFailure;

/** Of what is done in one cluster of several: no worker of it took the work in time, or its worker had no answer from it. */
export function isClusterLost(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  const { cause } = error;
  if (cause instanceof ApplicationFailure) return cause.type === 'ClusterLost';
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
}

/** null: not a failure of the step but a defect of ours, which must stay a failure of the workflow task until it is fixed. */
export function stepFailureOf(error: unknown): StepFailure | null {
  if (error instanceof UnboundReferenceError || error instanceof ConditionError) return { type: 'InvalidInput', message: error.message };
  if (!(error instanceof TemporalFailure)) return null;
  const root = rootOf(error);
  if (root instanceof ApplicationFailure) return { type: root.type ?? 'Unexpected', message: root.message || 'failed without a message' };
  if (root instanceof TimeoutFailure) return { type: 'Unexpected', message: `${root.message} (${root.timeoutType})` };
  if (root instanceof CancelledFailure) return { type: 'Cancelled', message: 'cancelled' };
  return { type: root.name, message: root.message };
}

function rootOf(failure: TemporalFailure): TemporalFailure {
  const wraps = failure instanceof ActivityFailure || failure instanceof ChildWorkflowFailure;
  return wraps && failure.cause instanceof TemporalFailure ? rootOf(failure.cause) : failure;
}
