/** What the search, its trials and their activities pass to each other. Types only, so that workflows may load it. */
import type { HeardDecision, HowVerified, Signature } from './decisions.ts';
import type { AttemptEnd, AttemptVerdict } from './jobs.ts';
import type { Pool, Profile } from './profile.ts';
import type { Budget, Objective, Sampler, Space, StoppingRule } from './search-space.ts';
import type { SearchState, TrialState, TrialStatus } from './state.ts';
import type { SearchSpec } from './steps.ts';
import type { AttemptUse } from './trial.ts';
import type { TrialSpec } from './trial-spec.ts';
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

/** What is known of a trial that a search began before it was reset. */
export interface EarlierTrial {
  readonly parameters: TrialInput['parameters'];
  readonly isRunning: boolean;
  /** How it ended; null: it runs, or was terminated. */
  readonly summary: TrialSummary | null;
}

/** Argument of the activity `reopenTrial`. */
export interface ReopenInput {
  readonly profile: Profile;
  /** Of a trial that ended where it was told to, and goes on. */
  readonly output: string;
}

/** Argument of the activity `adoptTrial`. */
export interface AdoptInput {
  readonly profile: Profile;
  /** Output of a trial that ended, and of the one that goes on from its checkpoint. */
  readonly from: string;
  readonly to: string;
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
    /** Objectives of its replicates. */
    readonly values: readonly number[];
    readonly mean: number;
    /** 95 % interval of the mean, by Student's t with the variance of all finalists together; null where each has but one value. */
    readonly low: number | null;
    readonly high: number | null;
  }[];
  /** Probability that the first is better than the second in truth; null with one finalist. */
  readonly sure: number | null;
}

/** The trial that a fork starts from. */
interface ForkSource {
  readonly trial: number;
  readonly output: string;
  /** Directory under `checkpoints/`; null = the newest committed one. */
  readonly checkpoint: string | null;
}

/** Argument of the activity `pinCheckpoint`. */
export interface PinInput {
  readonly profile: Profile;
  /** Output of the trial whose checkpoint it is. */
  readonly parent: string;
  /** Beginning of the copy's place; the checkpoint's name is added. */
  readonly pins: string;
  /** Null: the newest committed one. */
  readonly checkpoint: string | null;
}
export interface PinnedCheckpoint {
  /** Has the checkpoint as a trial's output would. */
  readonly output: string;
  readonly checkpoint: string;
  /** Validation points that the parent had when it was written. */
  readonly points: number;
}

/** Argument of `trial`; its workflow id is `trialWorkflowId(run, step, trial)`. */
export interface TrialInput {
  readonly run: string;
  readonly pipeline: string;
  readonly step: string;
  readonly trial: number;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly profile: Profile;
  readonly spec: TrialSpec;
  readonly output: string;
  readonly commit: string | null;
  /** Workflow that hears of attempts and of the end; null = nobody. */
  readonly search: string | null;
  readonly priority: number;
  /** ms since 1970; on-demand machines are used when the trial would end later. */
  readonly deadlineAt: number | null;
  readonly fork: ForkSource | null;
  /** When its machine goes, or one comes that it waited for, it ends, so that its search may give the machine to another one. */
  readonly yields?: boolean;
  /** A stopped trial that goes on: attempts are counted from here. */
  readonly resumed: TrialCarried | null;
  /** Set by continue-as-new only. */
  readonly carried?: TrialCarried;
  /** Set by continue-as-new only: what others want of it. */
  readonly wanted?: TrialWanted;
  /** That of its search. */
  readonly life?: string;
  readonly factor?: number;
  /** Of an audit: another trial's window is trained again. */
  readonly repeat?: { readonly pair: string; readonly checkpoint: string; readonly dense: readonly [number, number] | null };
}

/** What a trial was told and has not done yet. */
interface TrialWanted {
  /** Why it is to stop; null: it is not. */
  readonly stop: string | null;
  readonly paused: boolean;
}

/** Sums over a trial's attempts; what a trial carries over continue-as-new. */
export interface TrialCarried {
  attempts: number;
  preemptions: number;
  crashes: number;
  /** Of them, those since an attempt last trained on. Absent in what trials of 0.1 carry. */
  crashesInRow?: number;
  /** Attempts in a row that trained no new sample. */
  fruitless: number;
  /** ms since 1970 of the first attempt in a row for which no pool had a machine. */
  withoutCapacitySince?: number | null;
  memoryRetries: number;
  lastProgress: number;
  samples: number;
  cost: number;
  onDemandCost: number;
  lostCost: number;
  /** On machines. */
  seconds: number;
  /** Of them, those from the first to the last progress record: what `done` took, without starts. Absent in what older trials carry. */
  trainedSeconds?: number;
  startedAt: number | null;
  /** Share done, for the deadline. */
  done: number | null;
  placement: PlacementState;
  /** As it was last read from the ledger; absent where no choice depends on it. */
  rates?: PoolRates | null;
  /** ms since 1970 when that was last tried. */
  ratesAskedAt?: number;
  /** As in the last report that had it. */
  moveBytes?: number;
  /** ms since 1970 when the last attempt ended, if it was preempted. */
  preemptedAt?: number | null;
}

/** Where the trial's attempts have been; `src/rules/placement.ts` reads and makes it. */
export interface PlacementState {
  /** Position in the order of pools. */
  position: number;
  preemptionsInRow: number;
  /** ms since 1970 when the trial left the first pool; null while on it. */
  leftFirstAt: number | null;
  /** Pools in a row without capacity. */
  emptyPools: number;
  /** Names of the pools that had no machine since an attempt last had one. Absent in what trials of 0.2 carry, as what follows. */
  empty?: readonly string[];
  /** The spot pool that took the machine of the last attempt. */
  lost?: string | null;
  /** The pool that was just seen to have a machine. */
  found?: string | null;
}

/** What attempts met in a pool, the older the less (`src/rules/pool-rates.ts`). */
export interface PoolRate {
  /** On its machines. */
  readonly hours: number;
  readonly preemptions: number;
  readonly asks: number;
  /** Of the asks, those for which it had no machine. */
  readonly empty: number;
  /** ms since 1970 */
  readonly lastPreemptedAt: number | null;
  readonly lastEmptyAt: number | null;
}

/** By name of the pool; one that no attempt asked is absent. */
export interface PoolRates {
  /** ms since 1970: what is older weighs as at this time. */
  readonly at: number;
  readonly pools: Readonly<Record<string, PoolRate>>;
}

/** What `trial` returns, and signals to its search when it ends. */
export interface TrialSummary {
  readonly trial: number;
  readonly status: Extract<TrialStatus, 'succeeded' | 'stopped' | 'failed' | 'cancelled'>;
  readonly objective: number | null;
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly reason: string | null;
  /** URI of the best export. */
  readonly bestExport: string | null;
  readonly weightsSha256: string | null;
  readonly endedAt: number;
  /** How its last attempt ended. Absent from trials of 0.1. */
  readonly verdict?: AttemptVerdict;
  /** It has not ended, but asks who is to have the next machine: its own went, or the pool of that name has one. */
  readonly yielded?: { readonly found: string | null };
  readonly carried: TrialCarried;
}

/** Signal from a trial to its search when an attempt begins or the trial is paused. */
export interface TrialReport {
  readonly trial: number;
  readonly status: Extract<TrialStatus, 'queued' | 'running' | 'paused'>;
  readonly attempts: number;
  readonly preemptions: number;
  readonly pool: string | null;
  readonly cost: number;
  readonly onDemandCost: number;
  readonly lostCost: number;
  /** Why, in words: what the last attempt ended of, what the next one waits for. */
  readonly note: string | null;
  /** Of a profile with several clusters: those that it asked. */
  readonly clusters?: Readonly<Record<string, ClusterSign>>;
}

/** Whether a cluster answered when it was asked last. Times: ms since 1970. */
export interface ClusterSign {
  /** Null: it answered. */
  readonly silentSince: number | null;
  readonly askedAt: number;
}

/** Signal of `runAttempt` to its trial when it has waited for long, and when that is over. */
export interface AttemptWaits {
  readonly attempt: number;
  /** In words; null: it waits no longer. */
  readonly waiting: string | null;
  /** What is waited for is its cluster. */
  readonly cluster?: ClusterSign;
}

/** Argument of the activity `runAttempt`. */
export interface AttemptInput {
  readonly trial: Omit<TrialInput, 'resumed' | 'carried' | 'wanted'>;
  readonly attempt: number;
  readonly pool: Pool;
  readonly memoryMb: number;
  readonly noCapacitySeconds: number;
  /** Number of the last progress record that earlier attempts left. */
  readonly lastProgress: number;
  /** Samples trained when it starts. */
  readonly samples: number;
  readonly meanSecondsBetweenPreemptions: number | null;
  /** ms since 1970 when the attempt before was preempted: how long recovery takes counts from there. */
  readonly preemptedAt?: number | null;
  /** Of a profile with several clusters: the activity gives its cluster up when that one has not answered for so long. */
  readonly lostAfterSeconds?: number;
  /** Why it was given up before, with its cluster, in words: its Job is only to be ended. */
  readonly lost?: string;
}

/** Argument of the activity `awaitCapacity`. */
export type CapacityInput = Pick<AttemptInput, 'trial' | 'attempt' | 'pool' | 'memoryMb' | 'lostAfterSeconds'> & {
  /** Which of the pools is looked at, by its position in the profile; absent in what trials of 0.2 asked, of which each had one. */
  readonly look?: number;
};

/** What `runAttempt` returns: bounded, about 1 KB besides the log's tail. */
export interface AttemptReport extends AttemptEnd {
  readonly lastProgress: number;
  readonly samples: number;
  /** Share done, 0–1, where the trainer says. */
  readonly done: number | null;
  /** From the start of training to the last progress record; absent where there was none, and from older workers. */
  readonly trainedSeconds?: number;
  /** Of checkpoint and parts, which a move to another cluster takes along; absent where there is but one. */
  readonly moveBytes?: number;
  readonly lostCost: number;
  /** By the last record that says it; absent where none did. */
  readonly use?: AttemptUse;
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly objective: number | null;
  readonly bestExport: string | null;
  readonly weightsSha256: string | null;
}

/** Argument of the activity `awaitCurvePoints`. */
export interface CurveInput {
  readonly profile: Profile;
  /** Trials that run, and the last progress record that was seen. */
  readonly trials: readonly { readonly trial: number; readonly output: string; readonly n: number }[];
  /** Names of the values wanted of each point, in this order. */
  readonly metrics: readonly string[];
  readonly exports: boolean;
  /** Once there is a point, wait so long for more. */
  readonly gatherSeconds: number;
  readonly maxSeconds: number;
  /** Metrics that a trial's first point must have; absent once one had them. */
  readonly required?: readonly string[];
  /** Written with each point as its fifth value. */
  readonly resource?: 'samples' | 'epochs';
  /** Trials that may start meanwhile: their numbers from `first` on, under `output`. */
  readonly upcoming: { readonly first: number; readonly count: number; readonly output: string };
  /** Trials that an earlier run of the search's workflow started, by workflow id: ask Temporal whether they still run. */
  readonly inherited: readonly { readonly trial: number; readonly workflowId: string }[];
  /** Seconds until the inherited ones are looked after; at once where it is absent. */
  readonly lookAfterSeconds?: number;
}

export interface CurvePoints {
  /** trial, number of the progress record, training step, values by `CurveInput.metrics` (9 significant digits; null = not a number). */
  readonly points: readonly CurvePoint[];
  readonly exports: readonly { readonly trial: number; readonly n: number; readonly export: string; readonly samples: number }[];
  /** First points without a metric that they must have: which, and what they have instead. */
  readonly lacking?: readonly { readonly trial: number; readonly metrics: readonly string[]; readonly found: readonly string[] }[];
  /** Where reading got to. */
  readonly seen: readonly (readonly [trial: number, n: number])[];
  /** Inherited trials whose workflow is closed: their summary, or why there is none. */
  readonly ended: readonly { readonly trial: number; readonly summary: TrialSummary | null; readonly reason: string }[];
  /** There were more points than one answer holds: the next one has them. */
  readonly more?: boolean;
}
export type CurvePoint = readonly [trial: number, n: number, step: number, values: readonly (number | null)[], resource?: number];

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

/** What a search wants of a trial that runs. */
export type Wanted = 'run' | 'pause' | 'stop';

/** Records without the keys of their objects: see `src/rules/packed.ts`. */
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
  unrecordedDecisions?: HeardDecision[];
  /** Signatures that came lately, and do not count again. */
  signatures?: readonly string[];
}

/** A finished trial of an earlier run. */
export interface WarmTrial {
  readonly parameters: Readonly<Record<string, Json>>;
  readonly values: readonly (number | null)[];
}

/** Argument of the activity `ask` on the sampler's queue (python/longhaul_sampler). */
export interface AskInput {
  /** Workflow id of the search: name of the study. */
  readonly study: string;
  readonly space: Space;
  readonly sampler: Sampler;
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

/** Payloads of the updates; names in `UPDATES`. `by` and `why` are kept in the decisions. */
export interface Who {
  readonly by?: string;
  readonly why?: string;
  readonly signed?: Signature;
  /** How a console knows `by`; null: it does not. It goes into the signature, and is not sent. */
  readonly vouched?: HowVerified | null;
}
export type PauseUpdate = Who & { readonly trial?: number };
export type ResumeUpdate = Who & { readonly trial?: number };
export type StopTrialUpdate = Who & { readonly trial: number };
export type KeepTrialUpdate = Who & { readonly trial: number };
export type PrioritiseUpdate = Who & { readonly trial: number; readonly priority: number };
export type AddTrialUpdate = Who & { readonly parameters: Readonly<Record<string, Json>>; readonly priority?: number };
export type ForkTrialUpdate = Who & {
  readonly trial: number;
  readonly checkpoint?: string;
  readonly parameters: Readonly<Record<string, Json>>;
};
export type SetParallelismUpdate = Who & { readonly parallel: number };
export type SetBudgetUpdate = Who & { readonly cost?: number | null; readonly hours?: number | null; readonly trials?: number | null };
export type SetSpaceUpdate = Who & { readonly space: Space };
export type SetStoppingUpdate = Who & { readonly stopping: readonly StoppingRule[] };
export type ApproveUpdate = Who & { readonly trial?: number };
export type RejectUpdate = Who & { readonly trial?: number };

/** What every update answers: what was done, in words; the number of a trial that it made. */
export interface UpdateAnswer {
  readonly text: string;
  readonly trial?: number;
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
