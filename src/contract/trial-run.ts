/** What a trial is told, carries and says: arguments and results of the workflow `trial`. Types only, so that workflows may load it. */
import type { AttemptVerdict } from './jobs.ts';
import type { Profile } from './profile.ts';
import type { TrialStatus } from './state.ts';
import type { TrialSpec } from './trial-spec.ts';
import type { Json } from './values.ts';

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
  /** Output of the checkpoint that it was forked from. */
  readonly fork?: string;
}

/** Whether an adopted trial goes on; where not, whether what it was forked from is gone too. */
export type Adopted = boolean | 'without-fork';

/** The trial that a fork starts from. */
export interface ForkSource {
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
  /** Those of them that are params of the pipeline: they have chosen the data, and the trainer hears nothing of them. */
  readonly params?: Readonly<Record<string, Json>>;
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
  /** Attempts in a row that had a machine and no image: since when (ms since 1970), and how many. */
  registry?: { readonly since: number; readonly attempts: number } | null;
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
  /** ms since 1970 since when it waits for what `note` says; absent where it does not. */
  readonly waitingSince?: number;
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
  /** ms since 1970; absent where it is not known, and from workers of before, who tell it in words. */
  readonly since?: number;
  /** What is waited for is its cluster. */
  readonly cluster?: ClusterSign;
}

/** What a search wants of a trial that runs. */
export type Wanted = 'run' | 'pause' | 'stop';
