import type { TrackedRun } from '../contract/trackers.ts';

/** A tracker of experiments. Errors are `AdapterError`s: Unavailable, AccessDenied, InvalidInput. */
export interface ExperimentTracker {
  /**
   * Makes what it has of a run equal to these entries, the parents first. Told twice, also by one that was cut off in between, it has everything once.
   * @param signal aborts between two requests
   * @returns false: of entries that are not whole it needs what was left out, and has the rest
   */
  tell(run: string, entries: readonly TrackedRun[], signal: AbortSignal): Promise<boolean>;
}
