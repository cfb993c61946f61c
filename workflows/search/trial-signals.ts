/** What a search tells a running trial: to stop, to pause, to go on. */
import { defineSignal, getExternalWorkflowHandle, isCancellation } from '@temporalio/workflow';
import { SIGNALS } from '../../src/contract/names.ts';
import type { TrialRecord } from '../../src/contract/search.ts';
import { inBackground, type SearchRun } from './state.ts';

export const stop = defineSignal<[{ reason: string }?]>(SIGNALS.stop);
const pause = defineSignal(SIGNALS.pause);
const resume = defineSignal(SIGNALS.resume);

export function requestStop(run: SearchRun, record: TrialRecord, reason: string): void {
  record.stopping = reason;
  if (record.active) tell(run, record, stop, { reason });
}

export const pauseTrial = (run: SearchRun, record: TrialRecord): void => {
  if (record.active) tell(run, record, pause);
};
export const resumeTrial = (run: SearchRun, record: TrialRecord): void => {
  if (record.active) tell(run, record, resume);
};

type Told = typeof stop | typeof pause;

/** Searches of release 0.1 say each wish once, when it comes up; the others reconcile. */
export function tell(run: SearchRun, record: TrialRecord, signal: Told, ...args: [{ reason: string }] | []): void {
  if (run.reconciles) {
    run.dirty = true;
    return;
  }
  inBackground(run, null, async () => {
    // Of a trial that has just ended we hear anyway.
    await getExternalWorkflowHandle(record.state.workflowId)
      .signal<[{ reason: string }?]>(signal as typeof stop, ...args)
      .catch((error: unknown) => {
        if (isCancellation(error)) throw error;
      });
  });
}
