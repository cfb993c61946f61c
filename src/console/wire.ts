/** What server and page say to each other, as JSON. Types only. Times: ms since 1970. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { Budget, MetricConstraint, Objective, Space, StoppingRule } from '../contract/search-space.ts';
import type { RunGraph, RunState, SearchState, TrialState } from '../contract/state.ts';
import type { StepKind } from '../contract/steps.ts';
import type { Json } from '../contract/values.ts';
import type { OverviewParts } from '../present/overview.ts';

/** What is above one run; later changes of each part come as events of its name. */
export interface OverviewView extends OverviewParts, OverviewAbout {
  readonly cursor: string;
  /** Of the console; null: it shows what all teams have. */
  readonly team: string | null;
}

export interface OverviewAbout {
  readonly openRuns: number;
  /** null: not yet. */
  readonly ledgerReadAt: number | null;
  /** What cannot be asked now; what was known of it before is shown. */
  readonly troubles: readonly string[];
}

export type Role = 'operator' | 'viewer';

export interface SessionInfo {
  readonly user: string;
  readonly role: Role;
  /** Goes back in the header `x-csrf-token` of every POST. */
  readonly csrf: string;
  /** A cookie session, which can be ended. */
  readonly canSignOut: boolean;
}

/** One progress record of a trial. */
export interface Point {
  readonly n: number;
  readonly kind: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly trainingStep: number;
  readonly samples: number;
  readonly time: number;
  /** Samples per second. */
  readonly rate: number | null;
  readonly metrics: Readonly<Record<string, number | null>>;
}

export interface SearchInfo {
  readonly objectives: readonly Objective[];
  readonly constraints: readonly MetricConstraint[];
  readonly space: Space;
  readonly fixed: Readonly<Record<string, Json>>;
  readonly stopping: readonly StoppingRule[];
  readonly budget: Budget;
  readonly resources: { readonly cpu: number; readonly memoryMb: number; readonly gpu: number; readonly ephemeralMb?: number };
  readonly image: string | null;
  readonly command: readonly string[] | null;
}

/** What the run document says of a step, as far as the pages show it. */
export interface StepInfo {
  readonly id: string;
  readonly kind: StepKind;
  readonly dependsOn: readonly string[];
  readonly onExit: boolean;
  /** File and line where it is written. */
  readonly source: string | null;
  readonly sql: { readonly file: string; readonly text: string } | null;
  readonly search: SearchInfo | null;
  /** Address of its table, job or workflow in the vendor's console. */
  readonly links: readonly { readonly title: string; readonly url: string }[];
  readonly job: string | null;
}

export interface PoolInfo {
  readonly name: string;
  readonly spot: boolean;
  readonly pricePerHour: number;
  readonly onDemandPricePerHour: number;
}

export type AttemptRow = LedgerRow<'attempts'>;

/** A run as its pages show it; later changes come as events after `cursor`. */
export interface RunView {
  readonly cursor: string;
  readonly state: RunState;
  readonly graph: RunGraph;
  readonly steps: readonly StepInfo[];
  readonly searches: Readonly<Record<string, SearchState>>;
  readonly attempts: readonly AttemptRow[];
  readonly currency: string;
  readonly pools: readonly PoolInfo[];
  readonly budget: Budget;
  readonly description: string;
  readonly workflowLink: string | null;
  /** The servers do not answer; what is shown is what was known last. */
  readonly trouble: string | null;
}

export interface ComparedRun {
  readonly state: RunState;
  readonly currency: string;
  readonly document: RunDocument;
  /** Without those that were made while trials ran. */
  readonly evaluations: readonly LedgerRow<'evaluations'>[];
}

/** Events of `/api/runs/:run/events`, by name. `reset`: too much was missed, read the view again. */
export interface RunEvents {
  readonly run: RunState;
  readonly search: { readonly step: string; readonly search: Omit<SearchState, 'trials'>; readonly trials: readonly TrialState[] };
  readonly points: { readonly step: string; readonly trial: number; readonly points: readonly Point[] };
  readonly attempts: readonly AttemptRow[];
  readonly results: { readonly changed: 'models' | 'evaluations' | 'checks' };
  readonly trouble: { readonly message: string | null };
  readonly reset: { readonly cursor: string };
}

export type CurveTuple = readonly [samples: number, value: number, trainingStep: number, epoch: number, attempt: number];

/** Curves of a search, thinned out to what a plot can show. */
export interface CurvesView {
  readonly metric: string;
  /** Every metric that some trial reported at its validation points. */
  readonly metrics: readonly string[];
  /** Points before thinning. */
  readonly total: number;
  readonly series: readonly {
    readonly trial: number;
    readonly points: readonly CurveTuple[];
  }[];
}

export interface TrialView {
  readonly trial: TrialState;
  readonly info: SearchInfo;
  readonly attempts: readonly AttemptRow[];
  readonly points: readonly Point[];
  readonly total: number;
  readonly files: TrialFiles;
  readonly workflowLink: string | null;
}

export interface TrialFiles {
  readonly checkpoints: readonly {
    readonly name: string;
    readonly step: number | null;
    readonly samples: number | null;
    readonly reason: string | null;
    readonly bytes: number | null;
    readonly latest: boolean;
  }[];
  readonly exports: readonly {
    readonly name: string;
    readonly uri: string;
    readonly step: number;
    readonly samples: number;
    readonly bytes: number;
    readonly best: boolean;
    readonly time: number;
    readonly metrics: Readonly<Record<string, number | null>>;
  }[];
}

export interface ModelsView {
  readonly models: readonly LedgerRow<'models'>[];
  readonly evaluations: readonly LedgerRow<'evaluations'>[];
  readonly checks: readonly LedgerRow<'checks'>[];
}

/** Answer to a request that did not work. */
export interface Failure {
  readonly error: { readonly type: string; readonly message: string; readonly advice: string | null };
}
