/** What is under a run: warehouse, store and machines, with what can be broken in them and what they tell afterwards. */
import type { LedgerTable } from '../../src/contract/ledger.ts';
import type { OpenPorts } from '../../src/adapters/open.ts';
import type { Profile } from '../../src/contract/profile.ts';
import type { Fault } from './schedule.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface Ground {
  readonly profile: Omit<Profile, 'notifications'>;
  /** `--set` of the pipeline for this ground. */
  readonly set: readonly string[];
  /** A text that is in the environment of each process of a Job here, and of no other. */
  readonly mark: string;
  /** Breaks something and mends it again; null for a fault that is not the ground's. */
  inflict(fault: Fault, run: string, ports: OpenPorts): Promise<void> | null;
  /** Rows of the ledger as they lie there: the port would hide double ones. */
  rows(table: LedgerTable, run: string, ports: OpenPorts): Promise<readonly Row[]>;
  /** What writers that died have left behind, in words. */
  leftovers(): Promise<readonly string[]>;
  /** Requests that each of its services got so far. */
  requests(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}
