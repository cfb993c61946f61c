import type { V1Job } from '@kubernetes/client-node';
import { UNKNOWN_END, type JobEnd } from '../../contract/jobs.ts';
import type { WatchOptions } from '../../ports/compute.ts';
import type { KubeClient } from './client.ts';
import { observe } from './end-signs.ts';
import type { LogSource, Observation } from './end-signs.ts';
import { hasStatus } from './errors.ts';
import type { JobsView } from './jobs-view.ts';
import { logTail } from './logs.ts';
import type { Wait } from './wait-signs.ts';

export interface Patience {
  /** Image or container trouble that may pass: a registry that is away, a secret that is still to come. */
  readonly mendingSeconds: number;
  /** From a machine to a running container: pulling a large image, mounting volumes. */
  readonly startingSeconds: number;
}
export const DEFAULT_PATIENCE: Patience = { mendingSeconds: 300, startingSeconds: 1_800 };

/** The reason of a wait comes a moment after the wait itself. */
const REASON_PATIENCE_MS = 3_000;

interface Watched {
  readonly end: Omit<JobEnd, 'logTail'>;
  readonly log: LogSource;
}

/** Waits for the end of a Job, without being needed for it. */
export async function watchJob(
  client: KubeClient,
  view: JobsView,
  name: string,
  options: WatchOptions,
  patience: Patience,
): Promise<JobEnd> {
  options.signal.throwIfAborted();
  await view.synced(options.signal);
  const { end, log } = await follow(client, view, name, options, patience);
  return { ...end, logTail: 'text' in log ? log.text : await logTail(client, log.pod, view.snapshot(name)) };
}

function follow(client: KubeClient, view: JobsView, name: string, options: WatchOptions, patience: Patience): Promise<Watched> {
  return new Promise((resolve, reject) => {
    let shown = '';
    let timer: NodeJS.Timeout | undefined;
    let asking = false;
    const finish = (settle: () => void): void => {
      unsubscribe();
      clearTimeout(timer);
      options.signal.removeEventListener('abort', aborted);
      settle();
    };
    const aborted = (): void => finish(() => reject(options.signal.reason as Error));
    const again = (ms: number): void => {
      timer = setTimeout(look, Math.max(10, ms));
    };
    const absent = (): void => {
      if (asking) return;
      asking = true;
      isThere(client, view, name)
        .then((there) => (there ? again(50) : finish(() => resolve(notThere(name)))))
        // The API server is away: the view comes back with it.
        .catch(() => again(1000))
        .finally(() => (asking = false));
    };
    const look = (): void => {
      clearTimeout(timer);
      const seen = observe(view.snapshot(name), Date.now());
      if (seen.kind === 'absent') return absent();
      show(seen);
      if (seen.kind === 'ended') return finish(() => resolve(seen));
      if (seen.kind === 'running') return;
      const left = patienceLeft(seen.wait, seen.status.message, options.noCapacitySeconds, patience);
      if (left <= 0) finish(() => resolve(waitedInVain(seen, options.noCapacitySeconds)));
      else again(left);
    };
    const show = ({ status }: Exclude<Observation, { kind: 'absent' }>): void => {
      const key = JSON.stringify(status);
      if (key !== shown) options.onStatus?.(status);
      shown = key;
    };
    const unsubscribe = view.subscribe(name, look);
    options.signal.addEventListener('abort', aborted);
    if (options.signal.aborted) aborted();
    else look();
  });
}

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

function patienceLeft({ patience, since }: Wait, message: string | null, noCapacitySeconds: number, limits: Patience): number {
  if (patience === 'none') return 0;
  const seconds = { capacity: noCapacitySeconds, mending: limits.mendingSeconds, starting: limits.startingSeconds }[patience];
  const left = since + seconds * 1000 - Date.now();
  return message === null ? Math.max(left, since + REASON_PATIENCE_MS - Date.now()) : left;
}

function waitedInVain({ status, wait }: Extract<Observation, { kind: 'waiting' }>, noCapacitySeconds: number): Watched {
  const limit = wait.patience === 'capacity' ? `; it waited longer than ${noCapacitySeconds} s` : '';
  const message = `${status.message ?? 'it has not started'}${limit}`;
  return {
    end: {
      ...UNKNOWN_END,
      state: 'failed',
      notStarted: { reason: wait.reason, message },
      node: status.node,
      endedAt: Date.now(),
      message,
    },
    log: { text: '' },
  };
}

const notThere = (name: string): Watched => ({
  end: { ...UNKNOWN_END, endedAt: Date.now(), message: `there is no Job ${name}` },
  log: { text: '' },
});
