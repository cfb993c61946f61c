/** Watching work that ends in an orderly way when someone asks for it, and is left alone when only this worker goes. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { GRACES } from '../src/rules/durations.ts';

export interface Stoppable {
  /** Aborts when the end was asked for: end what was started, and return what came of it. */
  readonly stop: AbortSignal;
  /** Aborts when this worker shuts down or Temporal lost sight of it: leave everything outside as it is. */
  readonly detached: AbortSignal;
  /** Kept with the next heartbeat. */
  readonly note: (details: unknown) => void;
}

/**
 * Runs `work` with heartbeats. Other than `withHeartbeat`, the work's result counts also after a cancellation:
 * a stopped attempt has a checkpoint, a cost and an end to tell of.
 */
export async function stoppable<T>(work: (context: Stoppable) => Promise<T>): Promise<T> {
  const activity = Context.current();
  const stop = new AbortController();
  const detach = new AbortController();
  let details: unknown = activity.info.heartbeatDetails;
  const beat = (): void => {
    activity.heartbeat(details);
  };
  const interval = Math.min(GRACES.watcherHeartbeatLongestMs, (activity.info.heartbeatTimeoutMs ?? Number.POSITIVE_INFINITY) / 4);
  const timer = setInterval(beat, interval);
  beat();
  let ended = false;
  const leaving = new Promise<never>((_, reject) => {
    activity.cancelled.catch(() => {
      if (ended) return;
      if (activity.cancellationDetails?.cancelRequested) return stop.abort();
      detach.abort();
      reject(
        ApplicationFailure.create({
          type: 'Unavailable',
          message: 'this worker goes; the next one adopts the Job',
          nextRetryDelay: GRACES.handedOverMs,
          category: ApplicationFailureCategory.BENIGN,
        }),
      );
    });
  });
  leaving.catch(() => undefined);
  const running = work({ stop: stop.signal, detached: detach.signal, note: (next) => (details = next) });
  running.catch(() => undefined);
  try {
    return await Promise.race([running, leaving]);
  } finally {
    ended = true;
    clearInterval(timer);
  }
}

/** Resolves after the time, or at once when one of the signals aborts. */
export function pause(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
  const any = AbortSignal.any([...signals]);
  if (any.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      any.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    any.addEventListener('abort', done);
  });
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
