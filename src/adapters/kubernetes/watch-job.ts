import { setTimeout as delay } from 'node:timers/promises';
import type { V1Job } from '@kubernetes/client-node';
import { UNKNOWN_END, type JobEnd } from '../../contract/jobs.ts';
import type { WatchOptions } from '../../ports/compute.ts';
import { GRACES, WAITS } from '../../rules/durations.ts';
import type { KubeClient } from './client.ts';
import { askPods } from './ending.ts';
import { observeJob, podsToAskToEnd } from './gang-signs.ts';
import type { LogSource, Observation } from './job-observation.ts';
import { hasStatus } from './errors.ts';
import type { JobsView } from './jobs-view.ts';
import { logTail } from './logs.ts';
import { hasStarted } from './pod-parts.ts';
import { QueueFlavor } from './queue-flavor.ts';
import type { Wait } from './wait-reasons.ts';
import type { Workloads } from './workloads.ts';

const LOOKS_GROWTH = 1.5;

export interface Patience {
  /** Image or container trouble that may pass: a registry that is away, a secret that is still to come. */
  readonly recoverySeconds: number;
  /** From a machine to a running container: pulling a large image, mounting volumes. */
  readonly startingSeconds: number;
  /** In a queue that admits Jobs; without a limit the queue's order decides. */
  readonly queueSeconds: number;
}
export const DEFAULT_PATIENCE: Patience = {
  recoverySeconds: GRACES.containerRecoverySeconds,
  startingSeconds: GRACES.containerStartingSeconds,
  queueSeconds: Number.POSITIVE_INFINITY,
};

interface Watched {
  readonly end: Omit<JobEnd, 'logTail'>;
  readonly log: LogSource;
}

/** Whom it asks. */
interface Sources {
  readonly client: KubeClient;
  readonly view: JobsView;
  readonly workloads: Workloads;
}

/** Waits for the end of a Job, without being needed for it. */
export async function watchJob(
  { client, view, workloads }: Sources,
  name: string,
  options: WatchOptions,
  patience: Patience,
): Promise<JobEnd> {
  options.signal.throwIfAborted();
  await view.synced(options.signal);
  const queue = new QueueFlavor(workloads);
  const { end, log } = await follow(client, view, name, options, patience, queue);
  const isTold = options.zeroIsSuccess && end.state === 'succeeded';
  const tail = isTold ? '' : 'text' in log ? log.text : await logTail(client, log.pod, view.snapshots(name));
  const flavor = end.startedAt === null ? null : await queue.known();
  return { ...end, logTail: tail, ...(flavor === null ? {} : { flavor }) };
}

function follow(
  client: KubeClient,
  view: JobsView,
  name: string,
  options: WatchOptions,
  patience: Patience,
  queue: QueueFlavor,
): Promise<Watched> {
  return new Promise((resolve, reject) => {
    let shown = '';
    let timer: NodeJS.Timeout | undefined;
    let asking = false;
    let retryMs: number = WAITS.foreignRetryFirstMs;
    /** By a clock that only goes forward. */
    let endingSince: number | null = null;
    const trouble = new Trouble();
    const finish = (settle: () => void): void => {
      going = null;
      unsubscribe();
      unmeasure?.();
      clearTimeout(timer);
      options.signal.removeEventListener('abort', aborted);
      settle();
    };
    const aborted = (): void => finish(() => reject(options.signal.reason as Error));
    const again = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(look, Math.min(GRACES.longestTimerMs, Math.max(10, ms)));
    };
    const absent = (): void => {
      if (asking) return;
      asking = true;
      isThere(client, view, name)
        .then((there) => (there ? again(50) : finish(() => resolve(notThere(name, client.now())))))
        // The API server is away: the view comes back with it.
        .catch(() => {
          again(retryMs);
          retryMs = Math.min(WAITS.foreignRetryLongestMs, retryMs * 2);
        })
        .finally(() => (asking = false));
    };
    /** As which it ends where it has let go; null: it is not about to. */
    let going: Watched | null = null;
    let isAsking = false;
    /** Until it has, or has ended: whoever cannot say, or not yet, is asked again. */
    const askLetGo = async (hasLetGo: () => Promise<boolean>): Promise<void> => {
      isAsking = true;
      for (let ms: number = WAITS.letGoLookFirstMs; going !== null; ms = Math.min(WAITS.letGoLookLongestMs, ms * LOOKS_GROWTH)) {
        const isTrue = await hasLetGo().catch(() => false);
        if (isTrue) letGo();
        await delay(ms, undefined, { ref: false });
      }
      isAsking = false;
    };
    const letGo = (): void => {
      const seen = going;
      if (seen !== null) finish(() => resolve({ ...seen, end: { ...seen.end, letGo: true } }));
    };
    const asked = new Set<string>();
    /** Best effort: the Job controller deletes them when the first one has ended. */
    const passOn = (pods: readonly string[]): void => {
      const more = pods.filter((pod) => !asked.has(pod));
      for (const pod of more) asked.add(pod);
      if (more.length > 0) askPods(client, more).catch(() => more.forEach((pod) => asked.delete(pod)));
    };
    const look = (): void => {
      clearTimeout(timer);
      const snapshots = view.snapshots(name);
      queue.note(
        snapshots[0]?.job ?? null,
        snapshots.some(({ pod }) => pod !== null && hasStarted(pod)),
      );
      const seen = observeJob(snapshots, client.now());
      passOn(podsToAskToEnd(snapshots));
      if (seen.kind === 'absent') return absent();
      show(seen);
      if (seen.kind !== 'ending') endingSince = null;
      if (seen.kind !== 'waiting') trouble.over();
      if (seen.kind === 'ended' || (seen.kind === 'ending' && options.zeroIsSuccess && isDone(seen.end)))
        return finish(() => resolve(seen));
      going = ('going' in seen && seen.going) || null;
      if (going !== null && options.hasLetGo && !isAsking) void askLetGo(options.hasLetGo);
      if (seen.kind === 'running') return;
      if (seen.kind === 'ending') {
        endingSince ??= performance.now();
        const left = endingSince + seen.settleSeconds * 1000 - performance.now();
        if (left <= 0) finish(() => resolve(seen));
        else again(left);
        return;
      }
      const wait = trouble.note(seen.wait, client.now());
      const limits = { ...patience, recoverySeconds: Math.max(patience.recoverySeconds, trouble.tookSeconds) };
      const left = patienceLeft(wait, seen.status.message, options.noCapacitySeconds, limits, client.now());
      if (left <= 0) finish(() => resolve(waitedInVain({ ...seen, wait }, options.noCapacitySeconds, limits, client.now())));
      else again(left);
    };
    const show = (seen: Exclude<Observation, { kind: 'absent' }>): void => {
      const status = seen.kind === 'ending' ? { ...seen.status, phase: 'running' as const } : seen.status;
      const key = JSON.stringify(status);
      if (key !== shown) options.onStatus?.(status);
      shown = key;
    };
    const unsubscribe = view.subscribe(name, look);
    const unmeasure = options.use && view.measure(name, options.use);
    options.signal.addEventListener('abort', aborted);
    if (options.signal.aborted) aborted();
    else look();
  });
}

/**
 * What may fix itself is given its time from when it was first seen, and as long again as it took to come: an image that was pulled for half an
 * hour and failed then is being pulled again.
 */
class Trouble {
  #seenAt: number | null = null;
  /** What was said of its image last. */
  #image: Wait['image'];
  tookSeconds = 0;

  over(): void {
    this.#seenAt = null;
    this.#image = undefined;
  }

  /** @returns the wait, with the time from which its patience counts, and why there is no image */
  note(wait: Wait, now: number): Wait {
    if (wait.patience !== 'recovery') {
      this.over();
      return wait;
    }
    if (wait.image !== 'untold') this.#image = wait.image;
    if (this.#seenAt === null) {
      this.#seenAt = now;
      this.tookSeconds = (now - wait.since) / 1000;
    }
    return { ...wait, since: this.#seenAt, ...(this.#image === undefined ? {} : { image: this.#image }) };
  }
}

/** All of its containers have ended, and the main one with 0. */
const isDone = ({ exitCode, lingering }: Watched['end']): boolean => exitCode === 0 && lingering === null;

/** A Job that the view does not have (yet): asked for directly. */
async function isThere(client: KubeClient, view: JobsView, name: string): Promise<boolean> {
  try {
    view.takeJob(await client.request<V1Job>('GET', client.jobsPath(name)));
    return true;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    throw error;
  }
}

function patienceLeft({ patience, since }: Wait, message: string | null, noCapacitySeconds: number, limits: Patience, now: number): number {
  if (patience === 'none') return 0;
  const left = since + secondsOf(patience, noCapacitySeconds, limits) * 1000 - now;
  return message === null ? Math.max(left, since + GRACES.waitReasonSeconds * 1000 - now) : left;
}

const secondsOf = (patience: Exclude<Wait['patience'], 'none'>, noCapacitySeconds: number, limits: Patience): number =>
  ({ capacity: noCapacitySeconds, queue: limits.queueSeconds, recovery: limits.recoverySeconds, starting: limits.startingSeconds })[
    patience
  ];

function waitedInVain(
  { status, wait, nodes }: Extract<Observation, { kind: 'waiting' }>,
  noCapacitySeconds: number,
  limits: Patience,
  now: number,
): Watched {
  const isTimed = wait.patience === 'capacity' || wait.patience === 'queue';
  const limit = isTimed ? `; it waited longer than ${secondsOf(wait.patience, noCapacitySeconds, limits)} s` : '';
  const message = `${status.message ?? 'it has not started'}${limit}`;
  // Where nobody said why there is no image, it is not known to be wrong.
  const passes = wait.reason === 'image' && wait.image !== 'wrong';
  return {
    end: {
      ...UNKNOWN_END,
      state: 'failed',
      notStarted: { reason: wait.reason, message, ...(passes ? { passes } : {}) },
      node: status.node,
      endedAt: now,
      message,
      lingering: 'job',
      ...(nodes ? { nodes } : {}),
    },
    log: { text: '' },
  };
}

const notThere = (name: string, now: number): Watched => ({
  end: { ...UNKNOWN_END, endedAt: now, message: `there is no Job ${name}` },
  log: { text: '' },
});
