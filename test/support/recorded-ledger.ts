/** A warehouse of which a test sees what is appended to the ledger, and which has none of it to read. */
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { Warehouse } from '../../src/ports/index.ts';

export interface RecordedRow {
  readonly table: string;
  readonly row: Record<string, unknown>;
}

export const recordedLedger = (rows: RecordedRow[]): Warehouse =>
  ({
    append: (table: string, added: readonly LedgerRow[]) => {
      rows.push(...added.map((row) => ({ table, row })));
      return Promise.resolve();
    },
    ledger: () => Promise.resolve([]),
  }) as unknown as Warehouse;
