/** Ends of trials go to the ledger in batches. */
import { ledgerKey, livesOf, shortHash } from '../../src/contract/ids.ts';
import { searching } from '../policies.ts';
import { inBackground, untilDrained } from './state.ts';
import type { SearchRun } from './state.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { TrialRecord } from '../../src/contract/search.ts';

const ROWS_PER_BATCH = 200;

/** A batch counts as written only when it is: one that was interrupted comes again, as it was and under its key. */
export function recordEnds(run: SearchRun): void {
  if (run.busy.recording > 0) return;
  if (!run.reconciles) return recordOnce(run);
  // The next run of the workflow has a whole life to wait for the ledger.
  if (run.draining) return;
  const { memory, input } = run;
  const waiting = memory.records.filter((record) => record.unrecorded).sort((a, b) => (a.told ?? 0) - (b.told ?? 0));
  const { first, last } = memory.recording ?? { first: 0, last: Number.POSITIVE_INFINITY };
  const interrupted = waiting.filter(({ told }) => (told ?? 0) >= first && (told ?? 0) <= last);
  const batch = (interrupted.length > 0 ? interrupted : waiting).slice(0, ROWS_PER_BATCH);
  memory.recording =
    interrupted.length > 0 && memory.recording ? memory.recording : { first: batch[0]?.told ?? 0, last: batch.at(-1)?.told ?? 0 };
  if (batch.length === 0) {
    memory.recording = null;
    return;
  }
  const rows = batch.map((record) => trialRow(run, record));
  const { first: from, last: to } = memory.recording;
  const ends = rows.map(({ trial, ended_at }) => `${trial} ${ended_at}`).join();
  // A search that was reset meets its ends in another order: the same place is then another batch.
  const key = ledgerKey(input.run, input.step, ...livesOf(input), 'ends', from, to, shortHash(ends));
  untilDrained(run, 'recording', async () => {
    await searching.recordTrials.executeWithOptions({ summary: `ledger: ${rows.length} trials` }, [{ profile: input.profile, rows, key }]);
    for (const record of batch) record.unrecorded = false;
    memory.recording = null;
  });
}

/** As searches of release 0.1 did it. */
function recordOnce(run: SearchRun): void {
  const batch = run.memory.records
    .filter((record) => record.unrecorded)
    .sort((a, b) => (a.told ?? 0) - (b.told ?? 0))
    .slice(0, ROWS_PER_BATCH);
  if (batch.length === 0) return;
  for (const record of batch) record.unrecorded = false;
  const { input } = run;
  const rows = batch.map((record) => trialRow(run, record));
  const key = ledgerKey(input.run, input.step, 'ends', batch[0]?.told ?? 0, batch.at(-1)?.told ?? 0);
  inBackground(run, 'recording', async () => {
    await searching.recordTrials.executeWithOptions({ summary: `ledger: ${rows.length} trials` }, [{ profile: input.profile, rows, key }]);
  });
}

function trialRow(run: SearchRun, record: TrialRecord): LedgerRow<'trials'> {
  const { input } = run;
  const { state } = record;
  const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    pipeline: input.pipeline,
    run: input.run,
    time: new Date(state.endedAt ?? Date.now()).toISOString(),
    step: input.step,
    trial: state.trial,
    status: state.status,
    parameters: JSON.stringify(state.parameters),
    objective_metric: input.spec.objective.metric,
    objective: state.objective,
    metrics: JSON.stringify({
      ...state.metrics,
      ...Object.fromEntries(Object.entries(state.offline).map(([name, value]) => [`offline.${name}`, value])),
    }),
    reason: state.reason,
    origin: state.origin,
    parent_trial: state.parent,
    output: state.output,
    export: state.bestExport,
    weights_sha256: record.weightsSha256,
    attempts: state.attempts,
    seconds: record.busyMs / 1000,
    cost: state.cost,
    on_demand_cost: state.onDemandCost,
    lost_cost: state.lostCost,
    started_at: iso(state.startedAt),
    ended_at: iso(state.endedAt),
  };
}
