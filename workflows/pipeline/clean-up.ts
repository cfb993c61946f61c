import { CancellationScope } from '@temporalio/workflow';

/** Cleaning up that must happen although the step is cancelled, and is not worth failing for. */
export async function cleanUpIfCancelled(cleanUp: () => Promise<unknown>): Promise<void> {
  if (CancellationScope.current().consideredCancelled) await CancellationScope.nonCancellable(cleanUp).catch(() => undefined);
}
