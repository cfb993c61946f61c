/**
 * What a search wants of its trials is state; what they were told last is beside it. At every turn the difference is told, until it was
 * heard: a word that is lost, or decided in the very task in which the workflow continues as new, is said again.
 */
import { CancellationScope, defineSignal, getExternalWorkflowHandle, isCancellation } from '@temporalio/workflow';
import { SIGNALS } from '../../src/contract/names.ts';
import type { TrialRecord } from '../../src/contract/search.ts';
import type { Wanted } from '../../src/contract/trial-run.ts';
import { activeRecords, inBackground, isOver } from './state.ts';
import type { SearchRun } from './state.ts';
import { stopTrial } from './trial-ends.ts';
import { wantedOf } from './desired-state.ts';

const stop = defineSignal<[{ reason: string }]>(SIGNALS.stop);
const pause = defineSignal(SIGNALS.pause);
const resume = defineSignal(SIGNALS.resume);

export function reconcile(run: SearchRun): void {
  if (!run.reconciles) return;
  const { finishing } = run.memory;
  if (finishing !== null)
    for (const record of run.memory.records) if (!isOver(record) && record.ending === null) stopTrial(run, record, finishing.reason);
  for (const record of activeRecords(run))
    if (record.heard !== wantedOf(run, record) && !run.hearing.has(record.state.trial)) tell(run, record);
}

function tell(run: SearchRun, record: TrialRecord): void {
  const { trial, workflowId } = record.state;
  const wanted = wantedOf(run, record);
  run.hearing.add(trial);
  inBackground(run, null, async () => {
    try {
      await CancellationScope.nonCancellable(() => send(workflowId, wanted, record.stopping ?? ''));
    } catch (error) {
      if (isCancellation(error)) throw error;
      // It has ended just now: of that we hear anyway.
    } finally {
      run.hearing.delete(trial);
    }
    record.heard = wanted;
  });
}

async function send(workflowId: string, wanted: Wanted, reason: string): Promise<void> {
  const trial = getExternalWorkflowHandle(workflowId);
  if (wanted === 'stop') await trial.signal(stop, { reason });
  else await trial.signal(wanted === 'pause' ? pause : resume);
}
