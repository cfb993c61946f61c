/** What an attempt and what reads its curve are told, and what they answer. Types only, so that workflows may load it. */
import type { AttemptEnd, AttemptVerdict } from './jobs.ts';
import type { Pool, Profile } from './profile.ts';
import type { TrialInput, TrialSummary } from './trial-run.ts';
import type { AttemptUse } from './trial.ts';

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
  /** Why it was given up before, with its cluster or because it had let go, in words: its Job is only to be ended. */
  readonly lost?: string;
  /** As what it was judged then, whatever ended its Job later; absent: as preempted. */
  readonly judged?: AttemptVerdict;
  /** Its workflow has somebody else see to the end of a Job that has let go (`AttemptReport.letGo`): it need not be waited for. */
  readonly mayLetGo?: boolean;
  /** Of a Job that was handed over because it had let go: who watched it goes on keeping its log. */
  readonly isLogKept?: boolean;
  /** What its trial has counted of a Job that was handed over: it is told of the rest. Absent: of nothing. */
  readonly counted?: AttemptMoney;
}

/** Amounts of the profile's currency. */
export type AttemptMoney = Pick<AttemptReport, 'cost' | 'onDemandCost' | 'lostCost'>;

/** Argument of the activity `awaitCapacity`. */
export type CapacityInput = Pick<AttemptInput, 'trial' | 'attempt' | 'pool' | 'memoryMb' | 'lostAfterSeconds'> & {
  /** Which of the pools is looked at, by its position in the profile; absent in what trials of 0.2 asked, of which each had one. */
  readonly look?: number;
};

/** What `runAttempt` returns: bounded, about 1 KB besides the log's tail. */
export interface AttemptReport extends AttemptEnd {
  /** It has saved and writes nothing more (`Latest.letGo`), and not all of its machines have told of their end: its Job is still to be ended. */
  readonly letGo?: true;
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
  /** Trials that run, and the last progress record that was seen; of one that has ended also the last that there is. */
  readonly trials: readonly { readonly trial: number; readonly output: string; readonly n: number; readonly last?: number }[];
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
