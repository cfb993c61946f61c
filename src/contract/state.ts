import type { Budget, Objective, Space, StoppingRule } from './search-space.ts';
import type { StepKind } from './steps.ts';
import type { Json } from './values.ts';

/** Answers of the `state` and `graph` queries: everything a page needs, small enough for 1,000 trials in under 100 ms. Times: ms since 1970. */
export type RunStatus = 'running' | 'paused' | 'waiting' | 'succeeded' | 'failed' | 'cancelled';
export type StepStatus = 'pending' | 'waiting' | 'running' | 'succeeded' | 'cached' | 'skipped' | 'failed' | 'cancelled' | 'blocked';
export type TrialStatus = 'queued' | 'running' | 'paused' | 'succeeded' | 'stopped' | 'failed' | 'cancelled';

export interface StepState {
  readonly id: string;
  readonly kind: StepKind;
  status: StepStatus;
  startedAt: number | null;
  endedAt: number | null;
  cacheKey: string | null;
  cacheHit: boolean;
  outputs: Record<string, Json>;
  /** Why it failed, was skipped or is blocked; what it waits for. */
  reason: string | null;
  /** ms since 1970 since when it waits for what `reason` says; absent where it does not. */
  waitingSince?: number | undefined;
  /** Type of the failure, one of `ERRORS` where it is ours: it says what to do. */
  errorType?: string;
  /** Child workflow of a search. */
  workflowId: string | null;
  cost: number;
  /** Of a container or script step: how many attempts began. Absent of other steps, and in states from before it was counted. */
  attempts?: number;
}

/** Signal of `runStepJob` to its run when its Job has waited for long, and when that is over. */
export interface StepWaits {
  readonly step: string;
  readonly attempt: number;
  /** In words; null: it waits no longer. */
  readonly waiting: string | null;
  /** ms since 1970; absent where it is not known. */
  readonly since?: number;
}

/** Signal of a search to its run when it is paused or waits for a person, and when it goes on. */
export interface SearchStands {
  readonly step: string;
  readonly still: boolean;
  /** ms since 1970; of two words the later one counts. */
  readonly at: number;
}

export interface PendingApproval {
  readonly step: string;
  readonly message: string;
  readonly since: number;
  readonly until: number;
  /** Only answers with a signature count; these persons' alone, or anybody's where absent. */
  readonly approvers?: readonly string[];
  readonly fourEyes?: boolean;
  /** Who has said yes so far. */
  approvedBy?: string[];
}

export interface RunState {
  readonly run: string;
  readonly pipeline: string;
  readonly documentHash: string;
  readonly profile: string;
  status: RunStatus;
  readonly startedAt: number;
  endedAt: number | null;
  cost: number;
  reason: string | null;
  steps: StepState[];
  /** Approvals that wait for a person. */
  approvals: PendingApproval[];
}

/**
 * A run as it stood when it ended, kept beside its document: what the `state` and `graph` queries of the run and its searches answered.
 * It is read where no server answers any more: the development stack has stopped, or Temporal's retention is over.
 */
export interface RunArchive {
  readonly version: 1;
  readonly run: RunState;
  readonly graph: RunGraph;
  /** By step; without the searches that an earlier run had made. */
  readonly searches: Readonly<Record<string, SearchState>>;
}

/** @param root of the object store */
export const archiveUri = (root: string, run: string): string => `${root}/runs/${run}/ended.json`;
/** What came of an audit of the run. */
export const auditUri = (root: string, run: string, audit: string): string => `${root}/runs/${run}/audits/${audit}.json`;
export const documentUri = (root: string, run: string): string => `${root}/runs/${run}/run.json`;

export interface RunGraph {
  readonly nodes: readonly { readonly id: string; readonly kind: StepKind; readonly onExit: boolean }[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

/** What `trainingPipeline` returns. */
export interface RunResult {
  readonly run: string;
  readonly status: 'succeeded' | 'failed' | 'cancelled';
  readonly steps: readonly StepState[];
  readonly cost: number;
  readonly seconds: number;
}

export interface TrialState {
  readonly trial: number;
  readonly parameters: Record<string, Json>;
  /** sampler, enqueue, warm-start, added by hand, forked. */
  readonly origin: string;
  readonly parent: number | null;
  readonly output: string;
  readonly workflowId: string;
  status: TrialStatus;
  objective: number | null;
  /** Number of validation points, and the last one's metrics. */
  points: number;
  metrics: Record<string, number | null>;
  offline: Record<string, number | null>;
  reason: string | null;
  /** ms since 1970 since when it waits for what `reason` says; absent where it does not. */
  waitingSince?: number | undefined;
  kept: boolean;
  priority: number;
  attempts: number;
  preemptions: number;
  pool: string | null;
  startedAt: number | null;
  endedAt: number | null;
  cost: number;
  onDemandCost: number;
  lostCost: number;
  bestExport: string | null;
  /** Seconds that it had machines before its present attempt; absent where an older worker answers, and in rows of the ledger. */
  readonly trainedSeconds?: number;
  /** ms since 1970 since when its present attempt has one; absent where it has none. */
  readonly trainsSince?: number | undefined;
  /** It is held at a rung of its search's scheduler. */
  readonly held?: boolean | undefined;
}

export interface SearchSettings {
  readonly budget: Budget;
  readonly space: Space;
  readonly stopping: readonly StoppingRule[];
}

/** Argument of a search's `state` query. */
export interface StatePage {
  /** Number of the first trial of the answer. */
  readonly from?: number;
}

export interface SearchState {
  readonly run: string;
  readonly step: string;
  readonly objective: Objective;
  status: RunStatus;
  reason: string | null;
  parallel: number;
  plannedTrials: number;
  bestTrial: number | null;
  bestObjective: number | null;
  cost: number;
  trials: TrialState[];
  /** There are more trials than one answer holds: ask again with `{ from }`. Absent where all are there. */
  next?: number;
  /** What is in force now: people may have changed what the document says. Absent of a search that came from the cache. */
  settings?: SearchSettings;
  /** URL of the pipeline's TensorBoard, where there is one. */
  tensorboard?: string;
  /** Clusters of the profile that do not answer, and since when; absent where there is but one. */
  clusters?: { readonly name: string; readonly silentSince: number }[];
  /** Decisions in words, newest last, at most 200. */
  decisions: { at: number; trial: number | null; text: string }[];
}
