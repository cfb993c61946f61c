import type { Pool, Resources } from './profile.ts';
import type { SecretReference } from './secrets.ts';
import type { Json } from './values.ts';

/** What a compute adapter is asked to run: one attempt of a trial, a container step or a script step. Plain data. */
export interface JobSpec {
  /** Deterministic, a DNS-1123 label of at most 63 characters. */
  readonly name: string;
  /** Names that earlier releases gave to the same Job. */
  readonly formerNames?: readonly string[];
  /** They decide adoption (`isSameJob`). `home`: the installation; absent in Jobs of 0.1.0. */
  readonly labels: Readonly<Record<'pipeline' | 'run' | 'step', string> & Partial<Record<'trial' | 'attempt' | 'home', string>>>;
  /** Absent: the reference trainer (the profile's image; the local Python environment). */
  readonly image?: string;
  /** What tags of images meant when the run was compiled, `sha256:…` by image: those run, wherever the tags have moved since. */
  readonly digests?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** The command is that of shipped code: `python -m longhaul.launch` (src/rules/launch.ts) starts it. */
  readonly code?: JobCode;
  readonly env: Readonly<Record<string, string>>;
  /** Variables besides, whose values no spec has; the launcher starts the command, and hides them in its log. */
  readonly secrets?: readonly SecretReference[];
  readonly resources: Resources;
  /** So many pods or processes of that size, which begin and end together; absent: one. */
  readonly nodes?: number;
  readonly pool: Pool;
  readonly graceSeconds: number;
  readonly deadlineSeconds?: number;
}

/** URIs end with the SHA-256 of what they name. */
interface JobCode {
  readonly archive: string;
  readonly requirements?: string;
  /** Absent: `python3`. */
  readonly python?: string;
}

const IDENTITY = ['pipeline', 'run', 'step', 'trial', 'attempt'] as const;

/**
 * Whether a Job that is there is the one that is wanted, whatever a release added to or changed in its spec.
 *
 * @example isSameJob(info.labels, spec.labels)
 */
export function isSameJob(found: Readonly<Record<string, string | undefined>>, wanted: JobSpec['labels']): boolean {
  const sameHome = found['home'] === undefined || wanted.home === undefined || found['home'] === wanted.home;
  return sameHome && IDENTITY.every((key) => found[key] === wanted[key]);
}

/** How a Job ended, as the adapter saw it: signs, not verdicts. `classifyEnd` makes the verdict. */
export interface JobEnd {
  readonly state: 'succeeded' | 'failed' | 'lost';
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Kubernetes: reason of the pod's DisruptionTarget condition; process: absent. */
  readonly disruption: string | null;
  /** The pod has a deletionTimestamp, without DisruptionTarget, and it was not us. */
  readonly deletedByOther: boolean;
  readonly outOfMemory: boolean;
  /** The kubelet's words where it filled a disk beyond its limit or request; null: it did not. */
  readonly outOfDisk: string | null;
  readonly deadlineExceeded: boolean;
  /** `terminate` asked for it, whoever called that; absent: not, as far as is known. */
  readonly askedToEnd?: boolean;
  /**
   * Unschedulable for longer than allowed, quota exceeded, image that cannot be pulled: the message for the user. `passes`: nothing says that it
   * is wrong in itself, as of an image whose registry is away.
   */
  readonly notStarted: {
    readonly reason: 'no-capacity' | 'quota' | 'image' | 'rejected';
    readonly message: string;
    readonly passes?: boolean;
  } | null;
  /** Node gone, silent or shutting down. */
  readonly nodeLost: boolean;
  readonly node: string | null;
  /** The image that ran, by digest, as the container runtime says it; null without one. */
  readonly image: string | null;
  /** Milliseconds since 1970; null = never ran. */
  readonly startedAt: number | null;
  readonly endedAt: number;
  /** Last lines of the log, at most 4 KiB. */
  readonly logTail: string;
  readonly message: string;
  /**
   * What is left to end before another attempt begins: `rest`: containers beside the one that ended; `job`: all of it, which still runs, or
   * which others may start again.
   */
  readonly lingering: 'rest' | 'job' | null;
  /**
   * Told before all of its machines have told of their end (`WatchOptions.hasLetGo`): it still is to be seen to that. Absent: they all have, or
   * it was waited for in vain.
   */
  readonly letGo?: true;
  /** The resource flavor that its queue chose for it; absent: it was in none, or that is not known. */
  readonly flavor?: string;
  /** Of a Job on several machines what each of them did, by rank; the rest is that of the one which ended first. */
  readonly nodes?: readonly NodeEnd[];
}

/** One machine of a Job on several. */
export interface NodeEnd {
  readonly rank: number;
  readonly node: string | null;
  readonly exitCode: number | null;
  /** Milliseconds since 1970; null = never ran, has not ended. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly message: string;
}

/** The end of a Job that is gone, before anything is said about it; `endedAt` is 0. */
export const UNKNOWN_END: JobEnd = {
  state: 'lost',
  exitCode: null,
  signal: null,
  disruption: null,
  deletedByOther: false,
  outOfMemory: false,
  outOfDisk: null,
  deadlineExceeded: false,
  notStarted: null,
  nodeLost: false,
  node: null,
  image: null,
  startedAt: null,
  endedAt: 0,
  logTail: '',
  message: '',
  lingering: null,
};

/** DESIGN.md §5. */
export type AttemptVerdict =
  'succeeded' | 'stopped' | 'preempted' | 'deleted' | 'no-capacity' | 'out-of-memory' | 'bad-input' | 'fenced' | 'silent' | 'crashed';

/** What the attempt activity returns to the trial workflow: bounded, a few hundred bytes. */
export interface AttemptEnd {
  readonly verdict: AttemptVerdict;
  /** In words, for status, ledger and report. */
  readonly cause: string;
  /** Of `no-capacity`: there was a machine, and it is something else that has to come back. */
  readonly awaits?: 'registry';
  readonly exitCode: number | null;
  readonly pool: string;
  readonly node: string | null;
  /** Of Kueue; absent: it chose none, or that is not known. */
  readonly flavor?: string;
  /** By digest; absent in histories from before it was recorded. */
  readonly image?: string | null;
  readonly startedAt: number | null;
  readonly endedAt: number;
  readonly cost: number;
  /** Cost at the on-demand price of the same time. */
  readonly onDemandCost: number;
  /** Samples in the last progress record that are not in the last committed checkpoint. */
  readonly lostSamples: number;
  readonly logTail: string;
  readonly result: Readonly<Record<string, Json>> | null;
}
