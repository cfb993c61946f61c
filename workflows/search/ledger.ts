/** Ends of trials go to the ledger in batches. */
import { ledgerKey } from '../../src/contract/ids.ts';
import { searching } from '../search-policies.ts';
import { inBackground } from './state.ts';
import type { SearchRun } from './state.ts';
import { trialRow } from './view.ts';

const ROWS_PER_BATCH = 200;

export function recordEnds(run: SearchRun): void {
  if (run.busy.recording > 0) return;
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
