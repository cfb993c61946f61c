/** Certificates of audits in words: what was repeated, where, with what result. Pure. */
import type { LedgerRow } from '../contract/ledger.ts';

type Row = LedgerRow<'audits'>;

interface AuditShown {
  readonly what: string;
  readonly where: string;
  readonly result: string;
  /** Empty where nothing differs. */
  readonly difference: string;
  readonly detail: string;
}

/** What differs comes first. */
export function auditsShown(rows: readonly Row[]): AuditShown[] {
  const isEqual = (row: Row): number => (row.verdict === 'equal' ? 1 : 0);
  return [...rows].sort((a, b) => isEqual(a) - isEqual(b) || Number(a.trial) - Number(b.trial)).map(shown);
}

const shown = (row: Row): AuditShown => ({
  what: `trial ${String(row.trial)} of ${String(row.step)}, training steps ${String(row.from_step)} to ${String(row.to_step)}`,
  where: `${placeOf(row.pool, row.node)}, again in ${placeOf(row.repeated_pool, row.repeated_node)}`,
  result: String(row.verdict),
  difference: row.first_step === null || row.first_step === undefined ? '' : `step ${String(row.first_step)}, ${String(row.first_tensor)}`,
  detail: String(row.detail ?? ''),
});

const placeOf = (pool: unknown, node: unknown): string =>
  typeof pool === 'string' ? `${pool}${typeof node === 'string' ? ` (${node})` : ''}` : 'a place that nobody knows';
