/** What a trial tells its search. The search may have continued as new: its workflow id finds it. */
import { ApplicationFailure, defineSignal, getExternalWorkflowHandle, isCancellation } from '@temporalio/workflow';
import { INTERNAL_SIGNALS } from '../../src/contract/names.ts';
import type { TrialInput, TrialReport, TrialSummary } from '../../src/contract/trial-run.ts';
import type { TrialRun } from './state.ts';

const ended = defineSignal<[TrialSummary]>(INTERNAL_SIGNALS.trialEnded);
const report = defineSignal<[TrialReport]>(INTERNAL_SIGNALS.trialReport);

/** @throws when the search is gone: nobody would hear of the end, so the trial does not begin another attempt. */
export async function reportToSearch(input: TrialInput, news: TrialReport): Promise<void> {
  if (input.search === null) return;
  try {
    await getExternalWorkflowHandle(input.search).signal(report, news);
  } catch (error) {
    if (isCancellation(error)) throw error;
    throw ApplicationFailure.nonRetryable(`the search ${input.search} is gone`, 'SearchFailed');
  }
}

export async function reportEndToSearch(input: TrialInput, summary: TrialSummary): Promise<void> {
  if (input.search === null) return;
  // A search that is gone has no use for it; the ledger and the object store keep what there is.
  await getExternalWorkflowHandle(input.search)
    .signal(ended, summary)
    .catch(() => undefined);
}

export function reportOf(run: TrialRun): TrialReport {
  const { attempts: made, preemptions, cost, onDemandCost, lostCost } = run.carried;
  const status = run.pool !== null ? 'running' : run.paused ? 'paused' : 'queued';
  return {
    trial: run.input.trial,
    status,
    attempts: made,
    preemptions,
    pool: run.pool,
    cost,
    onDemandCost,
    lostCost,
    note: run.waits?.what ?? run.note,
    ...(run.waits?.since === undefined ? {} : { waitingSince: run.waits.since }),
    ...(run.input.profile.clusters === undefined ? {} : { clusters: { ...run.clusters.known } }),
  };
}
