/** What a report is made of. The command line and the console gather it; rendering is pure. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { Importance } from '../contract/sampler.ts';
import type { RunGraph, RunState, SearchState } from '../contract/state.ts';

export interface ReportData {
  readonly run: RunState;
  readonly graph: RunGraph;
  readonly document: RunDocument;
  /** By step; of searches that this run made itself. */
  readonly searches: Readonly<Record<string, SearchState>>;
  readonly trials: readonly LedgerRow<'trials'>[];
  readonly attempts: readonly LedgerRow<'attempts'>[];
  readonly progress: readonly LedgerRow<'progress'>[];
  readonly evaluations: readonly LedgerRow<'evaluations'>[];
  /** Of check steps; absent where nobody asked. */
  readonly checks?: readonly LedgerRow<'checks'>[];
  /** Windows that were trained again; absent where nobody asked. */
  readonly audits?: readonly LedgerRow<'audits'>[];
  /** Rows of this run's steps: they name the warehouse's jobs. */
  readonly steps?: readonly LedgerRow<'steps'>[];
  /** By step. */
  readonly importance?: Readonly<Record<string, Importance>>;
  /** The run of the same pipeline before this one. */
  readonly previous?: { readonly run: string; readonly document: RunDocument } | null;
  /** ms since 1970: the moment that is shown. */
  readonly now: number;
}
