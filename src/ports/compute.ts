import type { JobEnd, JobSpec } from '../contract/jobs.ts';

export interface JobStatus {
  readonly phase: 'pending' | 'running' | 'ended';
  /** What it waits for, e.g. the FailedScheduling message. */
  readonly message: string | null;
  readonly node: string | null;
  /** Of one that runs, by digest, as the container runtime says it; absent: it is none of a container, or that is not known. */
  readonly image?: string;
  readonly startedAt: number | null;
  /** ms since 1970, by the machines' clock, since when it waits; absent where it does not, or that is not known. */
  readonly waitingSince?: number;
  /** The foreign system that is to come back, where it is known; `message` has its words. */
  readonly waitingFor?: 'the registry';
}

/** What the main container of a Job, of several machines that of rank 0, used over a short time until `at`. */
export interface UseSample {
  /** ms since 1970, by the machines' clock; the same look may be told more than once. */
  readonly at: number;
  readonly windowSeconds: number;
  /** In cores. */
  readonly cpu: number;
  readonly memoryMb: number;
}

export interface JobInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly phase: JobStatus['phase'];
}

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Called at once and on every change. */
  readonly onStatus?: (status: JobStatus) => void;
  /** Pending for longer than this ends the watch with `notStarted`; the Job is left for the caller to remove. */
  readonly noCapacitySeconds: number;
  /** Exit code 0 says all: the end is told as soon as it is known, without what a machine adds later, and without the log's end. */
  readonly zeroIsSuccess?: boolean;
  /**
   * Asked again and again while one of several machines is being taken away: whether its program says that it has saved and does nothing more.
   * Then the end is told (`letGo`) without waiting for the words of the machines, which take a second and more to notice. Rejects: not known.
   */
  readonly hasLetGo?: () => Promise<boolean>;
  /** Called now and then while it runs, as long as it is wanted; never where machines do not say what their Jobs use. */
  readonly use?: { readonly isWanted: () => boolean; readonly tell: (sample: UseSample) => void };
}

export interface JobLogOptions {
  readonly follow?: boolean;
  readonly tailLines?: number;
  readonly signal?: AbortSignal;
  /** Each line begins with its time (ISO 8601, UTC) and a space; where the machine does not know it, with that of reading it. */
  readonly stamped?: boolean;
  /** Of a Job on several machines the log of this one; 0 when left out. */
  readonly rank?: number;
  /** Goes on behind the line that had this time, and before which there were so many with it. */
  readonly after?: { readonly at: string; readonly lines: number };
}

/** Runs Jobs on machines. A Job outlives the worker that made it; only `terminate` and `remove` end it. */
export interface Compute {
  /**
   * Creates the Job, or adopts the one that is there (`isSameJob`), which may have one of its former names: `name` is the one to go on with.
   * @throws AdapterError('InvalidInput') when a Job of that name is another one; 'AccessDenied', 'Unavailable'.
   */
  create(job: JobSpec): Promise<{ readonly adopted: boolean; readonly name: string }>;
  /** Waits until the Job ends and tells how; a Job that is not there is `lost`. Rejects with the signal's reason when aborted, without touching the Job. */
  watch(name: string, options: WatchOptions): Promise<JobEnd>;
  /** SIGTERM with the Job's grace, without removing what is known about it. Ends the watch as any end does. */
  terminate(name: string): Promise<void>;
  /**
   * Ends and forgets the Job and waits until its processes or pods are gone, or for `waitSeconds` after it was asked to go; no error when
   * there is none.
   */
  remove(name: string, options?: { readonly waitSeconds?: number }): Promise<void>;
  /** Lines of the log; `follow` goes on until the Job ends or the signal aborts. */
  logs(name: string, options?: JobLogOptions): AsyncIterable<string>;
  /** Jobs of Longhaul by label, for `gc` and `logs`. */
  list(labels?: Readonly<Record<string, string>>): Promise<readonly JobInfo[]>;
  close(): Promise<void>;
}
