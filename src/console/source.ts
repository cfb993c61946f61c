/** Where the console gets its facts from and sends its commands to: few methods, so that a test can stand in for Temporal, stores and machines. */
import type { Changes } from '../client/changes.ts';
import type { ClusterNow, ListOptions, RunSummary, ScheduleSummary } from '../client/index.ts';
import type { LedgerRow, LedgerTable } from '../contract/ledger.ts';
import type { Profile } from '../contract/profile.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { Importance, ImportanceInput } from '../contract/sampler.ts';
import type { UpdateAnswer } from '../contract/search-updates.ts';
import type { RunGraph, RunState, SearchState } from '../contract/state.ts';
import type { ProgressRecord } from '../contract/trial.ts';
import type { JobInfo } from '../ports/compute.ts';
import type { TrialFiles } from './wire.ts';

export interface LogQuery {
  readonly step: string;
  readonly trial?: number;
  /** The last one when left out. */
  readonly attempt?: number;
}

export interface LogOptions {
  readonly tailLines: number;
  readonly signal: AbortSignal;
}

/** A control of a run (`step` absent) or of one of its searches. */
export interface Command {
  readonly run: string;
  readonly step?: string;
  /** A name of `UPDATES`, or `cancel` and `stop` of a run. */
  readonly name: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/**
 * Throws what the client throws (`UnknownRunError`, `RefusedError`, `CannotConnectError`) and what ports throw (`AdapterError`).
 */
export interface ConsoleSource {
  /** Whose runs it sees; null: those of all. */
  readonly team: string | null;
  /** Address of the Temporal web UI of a workflow; null where none is known. */
  workflowLink(workflowId: string): string | null;
  runs(options: ListOptions): Promise<readonly RunSummary[]>;
  /** Tells when its workflows have moved on; absent: they are asked all the time. */
  changes?(run: string): Changes;
  state(run: string): Promise<RunState>;
  graph(run: string): Promise<RunGraph>;
  document(run: string): Promise<RunDocument>;
  search(run: string, step: string): Promise<SearchState>;
  ledger<T extends LedgerTable>(
    document: RunDocument,
    table: T,
    where: Readonly<Record<string, string | number>>,
    since?: number,
  ): Promise<readonly LedgerRow<T>[]>;
  schedules(): Promise<readonly ScheduleSummary[]>;
  /** Of a profile, as the workers of this team serve them. */
  clusters(profile: Profile, team: string | null): Promise<readonly ClusterNow[]>;
  /** All Jobs of Longhaul on the machines of its profile. */
  jobs(document: RunDocument): Promise<readonly JobInfo[]>;
  /** Progress records after number `after`, straight from the store: the ledger gets them in batches, up to half a minute later. */
  progress(document: RunDocument, output: string, after: number): Promise<readonly ProgressRecord[]>;
  files(document: RunDocument, output: string): Promise<TrialFiles>;
  /** Goes on until the Job ends or the signal aborts. Nothing at all: there is no such Job (yet). */
  logs(document: RunDocument, run: string, query: LogQuery, options: LogOptions): AsyncIterable<string>;
  importance(run: string, step: string, input: ImportanceInput): Promise<Importance>;
  send(command: Command): Promise<UpdateAnswer>;
}
