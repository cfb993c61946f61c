/** The state of a trial's workflow. */
import type { Pool } from '../../src/contract/profile.ts';
import type { AttemptReport } from '../../src/contract/attempts.ts';
import type { TrialCarried, TrialInput } from '../../src/contract/trial-run.ts';
import type { ClusterNews } from '../clusters.ts';

/** At a gate (workflows/pools). */
export interface Place {
  granted: boolean;
  /** Names the request that counts: a grant of another one came too late. */
  token: string | null;
}

export interface TrialRun {
  readonly input: TrialInput;
  /** False while a history of release 0.1 is replayed. */
  readonly reconciles: boolean;
  /** The Job of an attempt that is to stop is asked to end beside the activity that watches it. False in histories from before. */
  readonly asksJobs: boolean;
  /** Between two attempts it moves to the build that has become current. False in histories from before. */
  readonly movesOn: boolean;
  /** It looks at all spot pools at once, and asks the one first that did best. False in histories from before: `placement-v1.ts`. */
  readonly placesByRates: boolean;
  /** Of several machines: the Job of an attempt that has let go is handed over, and the next one begins. False in histories from before. */
  readonly handsOver: boolean;
  /** The attempt had a machine and no image: its registry is waited for. */
  readonly awaitsRegistry: (report: AttemptReport) => boolean;
  carried: TrialCarried;
  /** 1 while a history of release 0.1 is replayed. */
  readonly rules: 1 | 2;
  /** Why it was asked to stop. */
  stop: string | null;
  paused: boolean;
  /** Pool of the attempt that runs. */
  pool: string | null;
  /** How the last attempt ended, in words. */
  note: string | null;
  /** What the attempt that runs has waited for, for long. */
  waits: { readonly what: string; readonly since?: number } | null;
  last?: AttemptReport;
  /** ms since 1970 when its newest attempt began. */
  begunAt?: number;
  readonly places: {
    /** In a pool that has a limit. */
    readonly pool: Place;
    /** Among the trials that its team may have at once. */
    readonly quota: Place;
  };
  /** Requests for slots so far. */
  requests: number;
  readonly clusters: ClusterNews;
  /** Where there is a machine while the attempt runs: it is ended, to go on there. */
  found: Pool | null;
  /** Ends the attempt that runs. */
  interrupt: (() => void) | null;
}
