/** Watching work that ends in an orderly way when someone asks for it, and is left alone when only this worker goes. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { GRACES } from '../src/rules/durations.ts';
import { beatIntervalMs } from './heartbeat.ts';
import { heartbeatIfCancelled } from './stop-requests.ts';

export interface Stoppable {
  /** Aborts when the end was asked for: end what was started, and return what came of it. */
  readonly stop: AbortSignal;
  /** Aborts when this worker shuts down or Temporal lost sight of it: leave everything outside as it is. */
  readonly detached: AbortSignal;
  /** Kept with the next heartbeat. */
  readonly note: (details: unknown) => void;
  /** Asks Temporal, where news from outside may come of a stop: it is known before the next heartbeat tells. */
  readonly look: () => Promise<void>;
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
  const timer = setInterval(beat, beatIntervalMs(activity.info.heartbeatTimeoutMs));
  beat();
  let ended = false;
  const { promise: leaving, reject } = Promise.withResolvers<never>();
  const leave = (): void => {
    detach.abort();
    reject(
      ApplicationFailure.create({
        type: 'Unavailable',
        message: 'this worker goes; the next one adopts the Job',
        nextRetryDelay: GRACES.handedOverMs,
        category: ApplicationFailureCategory.BENIGN,
      }),
    );
  };
  activity.cancelled.catch(() => {
    if (ended) return;
    if (activity.cancellationDetails?.cancelRequested) stop.abort();
    else leave();
  });
  const look = async (): Promise<void> => {
    if (stop.signal.aborted || detach.signal.aborted) return;
    await heartbeatIfCancelled(activity, beat);
  };
  leaving.catch(() => undefined);
  const running = work({ stop: stop.signal, detached: detach.signal, note: (next) => (details = next), look });
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
