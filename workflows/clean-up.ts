import { CancellationScope } from '@temporalio/workflow';

/** Cleaning up that must happen although the step is cancelled, and is not worth failing for. */
export async function cleanUpIfCancelled(cleanUp: () => Promise<unknown>): Promise<void> {
  if (CancellationScope.current().consideredCancelled) await CancellationScope.nonCancellable(cleanUp).catch(() => undefined);
}

/**
 * Acts once the end of a scope is asked for, beside whatever goes on in there: activities hear of it with their next heartbeat only.
 *
 * @returns call it when nothing is left to end
 */
export function cleanUpOnRequest(scope: CancellationScope, act: () => Promise<unknown>): () => void {
  let over = false;
  scope.cancelRequested.catch(() => {
    if (!over) CancellationScope.nonCancellable(act).catch(() => undefined);
  });
  return () => {
    over = true;
  };
}
