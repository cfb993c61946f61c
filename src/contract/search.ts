/** What the search, its trials and their activities pass to each other. Types only, so that workflows may load it. */
import type { ReceivedDecision } from './decisions.ts';
import type { AttemptVerdict } from './jobs.ts';
import type { Profile } from './profile.ts';
import type { Budget, Space, StoppingRule } from './search-space.ts';
import type { SearchState, TrialState } from './state.ts';
import type { SearchSpec } from './steps.ts';
import type { ForkSource, TrialCarried, TrialSummary, ClusterSign, Wanted } from './trial-run.ts';
import type { Json } from './values.ts';

/** Argument of `hyperparameterSearch`; its workflow id is `searchWorkflowId(run, step)`. */
export interface SearchInput {
  readonly run: string;
  readonly pipeline: string;
  readonly step: string;
  readonly profile: Profile;
  /** References are bound. */
  readonly spec: SearchSpec;
  readonly commit: string | null;
  /** Set by continue-as-new only. */
  readonly carried?: SearchCarried;
  /** Of a search that its step begins once more: it has outputs, ids and ledger keys of its own. Absent of the first one. */
  readonly life?: string;
  /** That of the run document. */
  readonly factor?: number;
  /** `carried` is of a search that has ended: what failed of it goes on. */
  readonly again?: boolean;
  /** `carried` is of another run's search, whose trials had their outputs below this prefix. */
  readonly takenFrom?: string;
}

/** What the activity `earlierSearch` found of a search that has ended. */
export interface EarlierSearch {
  readonly existed: boolean;
  /** Null where it cannot tell any more. */
  readonly carried: SearchCarried | null;
  readonly life: string | null;
  /** Prefix of its trials' outputs. Absent in what workers of 0.2 answer. */
  readonly output?: string;
}

/** What `hyperparameterSearch` returns: bounded, however many trials. The trials are in the ledger and in the `state` query. */
export interface SearchResult {
  /** The step's outputs, `STEP_OUTPUTS.search`. */
  readonly outputs: {
    readonly best_trial: number;
    readonly best_objective: number | null;
    readonly best_parameters: Record<string, Json>;
    readonly export: string | null;
    readonly trials: number;
    readonly cost: number;
    readonly weights_sha256: string | null;
    /** What the best trial has chosen of the pipeline's params, where the space has some: all of them, and each by itself. */
    readonly params?: Record<string, Json>;
    readonly [param: `params_${string}`]: Json;
  };
  readonly cost: number;
  readonly onDemandCost: number;
  readonly lostCost: number;
  readonly counts: Readonly<Record<'succeeded' | 'stopped' | 'failed' | 'cancelled', number>>;
  /** Trials that no other one beats in all objectives; with one objective the best trial alone. */
  readonly front: readonly number[];
  /** Of a front of more trials than objectives: where more of the one begins to cost much of the other. */
  readonly knee?: number;
  /** Of a search with a promise: trials that it did not begin in order to keep it, and why it ended before, if it did. */
  readonly promise?: { readonly leftOut: number; readonly ended: string | null };
  /** Of a search with replicates. */
  readonly replicates?: Replicated;
}

/** Finalists that were trained again with other seeds, the best first. */
export interface Replicated {
  readonly finalists: readonly {
    readonly trial: number;
    /** Objectives of its replicates that trained to their ends. */
    readonly values: readonly number[];
    /** Replicates whose objective was no number in the end; absent: none. Whatever its mean, a finalist comes after those with fewer. */
    readonly diverged?: number;
    readonly mean: number;
    /** 95 % interval of the mean, by Student's t with the variance of all finalists together; null where each has but one value. */
    readonly low: number | null;
    readonly high: number | null;
  }[];
  /** Probability that the first is better than the second in truth; null with one finalist, and where it is the first because fewer diverged. */
  readonly sure: number | null;
}

/** A search's memory of one trial: its state, its curve and where it stands with the sampler. */
export interface TrialRecord {
  state: TrialState;
  /** Its workflow was started and has not ended. */
  active: boolean;
  /** ms since 1970 when its present attempt began; ms of the attempts before. */
  runningSince: number | null;
  busyMs: number;
  /** Values of the objective, one for each validation point (or each early evaluation, for an offline objective). */
  curve: (number | null)[];
  /** Further values that rules look at, by metric: one a point. */
  series: Record<string, (number | null)[]>;
  /** Values of all objectives at the end. */
  values: (number | null)[];
  /** How many ends the sampler had been told of when this trial was suggested. */
  asked: number;
  /** The how-manieth end this one was; null while it runs. */
  told: number | null;
  /** Version of the space that it was suggested from; null: given by hand. */
  space: number | null;
  /** Last progress record seen, and the last one there is (known at the end). */
  progress: number;
  lastProgress: number | null;
  /** Exports seen; ms since 1970 of the last evaluation; the export to evaluate next and the one evaluated last. */
  exports: number;
  evaluatedAt: number | null;
  toEvaluate: { readonly export: string; readonly samples: number } | null;
  evaluatedExport: string | null;
  /** With an offline objective: the best export so far and what was measured of it. Absent in what older searches carry. */
  offlineBest?: { readonly export: string; readonly metrics: Readonly<Record<string, number | null>> };
  /** Why the export that was evaluated last could not be. */
  evaluationFailure?: string | null;
  /** Summary of an ended trial whose offline metric is still to be computed. */
  ending: TrialSummary | null;
  weightsSha256: string | null;
  fork: ForkSource | null;
  carried: TrialCarried | null;
  /** Why the search asked it to stop. */
  stopping: string | null;
  /** Paused by a person, by itself. */
  held: boolean;
  /** A question about this trial waits for a person. */
  asking: string | null;
  /** Its end is not yet in the ledger. */
  unrecorded: boolean;
  /** Started by an earlier run of the search's workflow. */
  inherited: boolean;
  /** What its workflow was told last; null or absent: not known, so it is told again. */
  heard?: Wanted | null;
  /** How often its workflow was started: a stopped or held trial goes on in a new one. */
  lives?: number;
  /** How its last attempt ended; known at the end. */
  verdict?: AttemptVerdict;
  /** It has to fail, for its trainer lacks what the search needs. */
  invalid?: boolean;
  /** Points of its parent's curve that its own go on from. */
  forkedAfter?: number;
  /** Of a replicate: instead of the search's. */
  seed?: number;
  /** Its machine went, and its search decides who gets the next one. */
  withoutMachine?: boolean;
  /** A person let it go on beyond the point that it was thawed for. */
  unbounded?: boolean;
  /** It is of another run, and has its output there until it goes on. */
  adopted?: boolean;
  /** Where it stands with the scheduler. */
  halving?: Halving;
}

/** A trial of a search with a scheduler. */
export interface Halving {
  /** Hyperband's; of a population the intervals that were over when it was forked. */
  readonly bracket: number;
  /** Of each rung reached: its place among the ends that the sampler was told, the point of the curve, the best value by then. */
  rungs: (readonly [told: number, step: number, value: number | null])[];
  /** What was to be expected at each of them, by which they are ordered. */
  expected: (number | null)[];
  /** It is held, or about to be. */
  held: boolean;
  /** Where it may train to, as a number of rungs. */
  allowed: number;
}

/** Records without the keys of their objects: see `src/rules/packed-json.ts`. */
export interface Packed {
  /** Keys of objects; an object is an array that begins with the number of its shape, from 1. A list begins with 0. */
  readonly shapes: readonly (readonly string[])[];
  readonly values: readonly Json[];
}

/** All that a search knows; it carries this over continue-as-new. */
export interface SearchCarried {
  readonly startedAt: number;
  status: SearchState['status'];
  reason: string | null;
  parallel: number;
  plannedTrials: number;
  space: Space;
  spaceVersion: number;
  stopping: StoppingRule[];
  budget: Budget;
  records: TrialRecord[];
  decisions: SearchState['decisions'];
  /** Ends that the sampler was told of. */
  tells: number;
  exhausted: boolean;
  /** Why no further trial starts; `failed`: the search ends with an error. */
  finishing: { readonly reason: string; readonly failed: boolean; readonly type?: 'InvalidInput' } | null;
  warm: WarmTrial[] | null;
  /** Times that the workflow continued as new. */
  generation: number;
  /** ms spent paused or waiting, which the budget of hours does not count. */
  pausedMs: number;
  pausedSince: number | null;
  /** What `auto` chose. */
  sampler: string | null;
  /** Its URL; null while it starts; absent where there is none. */
  tensorboard?: string | null;
  /** The workflow that keeps it; absent of searches that began before 0.2.0. */
  tensorboardKeeper?: string;
  /** Of Jobs that scored exports. */
  scoringCost?: number;
  /** A point had all metrics that are needed. */
  metricsSeen?: boolean;
  /** Of a search with a promise: the most trials that it may have, and the ends that were known when that was found. */
  promised?: { readonly trials: number; readonly tells: number };
  /** The records, as they are carried over continue-as-new; `records` is empty then. Searches of 0.1 carried `records` alone. */
  packed?: Packed;
  /** Of a profile with several clusters: what its trials last met. */
  clusters?: Record<string, ClusterSign>;
  /** Ends that were being written to the ledger: the same batch comes first, under the same key. */
  recording?: { readonly first: number; readonly last: number } | null;
  /** Decisions of persons that the ledger has not heard of. */
  unrecordedDecisions?: ReceivedDecision[];
  /** Signatures that came lately, and do not count again. */
  signatures?: readonly string[];
}

/** A finished trial of an earlier run. */
export interface WarmTrial {
  readonly parameters: Readonly<Record<string, Json>>;
  readonly values: readonly (number | null)[];
}
