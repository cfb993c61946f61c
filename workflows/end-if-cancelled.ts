import { CancellationScope, CancelledFailure, patched } from '@temporalio/workflow';

/**
 * Call it before a workflow continues as new: of a cancellation that nothing has thrown yet, as it came while something else was seen to its end, or
 * together with what was waited for, the next run would know nothing.
 */
export function endIfCancelled(): void {
  if (CancellationScope.current().consideredCancelled && patched('end-if-cancelled')) throw new CancelledFailure('cancelled');
}
