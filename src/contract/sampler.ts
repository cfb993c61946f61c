/** What the sampler is asked, and what it answers (python/longhaul_sampler). Types only, so that workflows may load it. */
import type { Profile } from './profile.ts';
import type { Objective, Sampler, Space } from './search-space.ts';
import type { Halving, WarmTrial } from './search.ts';
import type { Json } from './values.ts';

/** Argument of the activity `ask` on the sampler's queue (python/longhaul_sampler). */
export interface AskInput {
  /** Workflow id of the search: name of the study. */
  readonly study: string;
  readonly space: Space;
  readonly sampler: Sampler;
  /** Where the code of a sampler of one's own is; absent where it has none. */
  readonly storage?: Profile['storage'];
  readonly objectives: readonly Objective[];
  readonly plannedTrials: number;
  /** Trials in the order in which they were asked for. */
  readonly trials: readonly AskedTrial[];
  readonly warm: readonly WarmTrial[];
  readonly count: number;
}

export interface AskedTrial {
  readonly trial: number;
  readonly parameters: Readonly<Record<string, Json>>;
  /** false: given by hand, or suggested from another space. */
  readonly suggested: boolean;
  readonly asked: number;
  readonly told: number | null;
  readonly state: 'running' | 'complete' | 'pruned' | 'failed';
  readonly values: readonly (number | null)[];
  /** Number of points of the curve and its best value, for pruned trials; from searches of 0.1 its last one. */
  readonly last: readonly [step: number, value: number | null] | null;
  /** By how much it breaks each constraint on metrics; at most 0: it keeps to it. Absent where there are none, or nothing was measured yet. */
  readonly violations?: Readonly<Record<string, number>>;
  /** Rungs at which it was held, as `Halving` has them. */
  readonly rungs?: Halving['rungs'];
}

export interface AskResult {
  readonly suggestions: readonly Readonly<Record<string, Json>>[];
  /** The space has no further set (grid). */
  readonly exhausted: boolean;
  /** What `auto` chose. */
  readonly sampler: string;
}

/** Argument of the workflow `parameterImportance` and of the sampler's activity `importance`. */
export interface ImportanceInput {
  readonly space: Space;
  readonly objective: Objective;
  /** Finished trials. */
  readonly trials: readonly { readonly parameters: Readonly<Record<string, Json>>; readonly value: number | null }[];
}

/** How much each parameter matters for an objective. */
export interface Importance {
  readonly evaluator: 'fanova' | 'ped-anova';
  readonly metric: string;
  /** Trials that the figures rest on. */
  readonly trials: number;
  /** Most important first; they add up to one. Empty when there are too few trials. Conditional parameters are left out. */
  readonly parameters: readonly { readonly name: string; readonly importance: number }[];
}
