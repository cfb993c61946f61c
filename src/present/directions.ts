/** Which way a metric is better: as the evaluation's row or the registry declares it, never by its name. Pure. */
import type { LedgerRow } from '../contract/ledger.ts';
import { goalOf } from '../contract/metrics.ts';
import type { Goal } from '../contract/metrics.ts';

/** null: nobody said. */
export function directionOf(metric: string, rows: readonly LedgerRow<'evaluations'>[]): Goal | null {
  const declared = rows.find((row) => row.metric === metric && typeof row.goal === 'string')?.goal;
  return declared === 'maximize' || declared === 'minimize' ? declared : goalOf(metric);
}
