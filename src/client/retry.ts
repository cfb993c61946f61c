import type { RunDocument } from '../contract/run-document.ts';
import type { RunState } from '../contract/state.ts';
import type { Who } from '../contract/search-updates.ts';
import { RefusedError } from './errors.ts';

export type RetryOptions = Who & {
  /** This step, and what depends on it, is run again although it had succeeded. */
  readonly from?: string | null;
};

/** @throws RefusedError there is nothing to run again, or no such step */
export function checkRetry(run: string, state: RunState, document: RunDocument, from: string | null): void {
  const steps = document.steps.map(({ id }) => id);
  if (from !== null && !steps.includes(from)) {
    const isExit = document.onExit.some(({ id }) => id === from);
    const why = isExit ? `step ${from} runs on exit, so it runs again whatever the retry begins from` : `there is no step ${from}`;
    throw new RefusedError(`--from: ${why}; steps of ${run}: ${steps.join(', ')}`);
  }
  if (from === null && state.status === 'succeeded')
    throw new RefusedError(`${run} has succeeded: nothing of it failed; name the step to begin from with --from: ${steps.join(', ')}`);
}
