/** Heartbeats for work that may last, and the two ways in which such work is interrupted. */
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import type { JobContext } from '../src/ports/warehouse.ts';
import { GRACES } from '../src/rules/durations.ts';
import { heartbeatIfCancelled } from './stop-requests.ts';

/** A short limit is for work that is to hear quickly; a long one is there to save heartbeats, each of which Temporal Cloud bills. */
const SHARE_OF_SHORT = 0.25;
const SHARE_OF_LONG = 0.8;
const isLong = (timeoutMs: number): boolean => timeoutMs >= GRACES.heartbeatTimeoutOfDaysMs;

/** @param timeoutMs of the activity's heartbeats; absent: it has none, and beats to no one */
export function beatIntervalMs(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return GRACES.heartbeatLongestMs;
  if (isLong(timeoutMs)) return timeoutMs * SHARE_OF_LONG;
  return Math.min(GRACES.heartbeatLongestMs, timeoutMs * SHARE_OF_SHORT);
}

export interface Interruptible extends JobContext {
  /** Aborts when someone asked for the end: what the work started outside is to be ended too. */
  readonly signal: AbortSignal;
  /** Aborts also when only this worker stops (shutdown, lost heartbeat): what was started goes on, the next worker adopts it. */
  readonly detached: AbortSignal;
  /** Asks Temporal, where news from outside may come of a cancellation: it is known before the next heartbeat tells. */
  readonly look: () => Promise<void>;
}

/**
 * Runs `work` with heartbeats. A cancellation that was asked for aborts `signal` and waits for the work to clean up;
 * any other (the worker shuts down, a heartbeat got lost) leaves the work's outside part alone and lets Temporal try again.
 */
export async function withHeartbeat<T>(work: (context: Interruptible) => Promise<T>): Promise<T> {
  const activity = Context.current();
  const cancel = new AbortController();
  const detach = new AbortController();
  let details: unknown = activity.info.heartbeatDetails ?? null;
  const beat = (): void => activity.heartbeat(details);
  const timeoutMs = activity.info.heartbeatTimeoutMs;
  const timer = timeoutMs ? setInterval(beat, beatIntervalMs(timeoutMs)) : undefined;
  const running = work({
    signal: cancel.signal,
    detached: detach.signal,
    progress: (progress) => {
      details = progress;
      if (timer && !isLong(timeoutMs ?? 0)) beat();
    },
    look: async () => {
      if (!cancel.signal.aborted && !detach.signal.aborted) await heartbeatIfCancelled(activity, beat);
    },
  });
  const cleanedUp = running.then(
    () => undefined,
    () => undefined,
  );
  const interrupted = activity.cancelled.catch(async (reason: unknown): Promise<never> => {
    if (activity.cancellationDetails?.cancelRequested ?? true) {
      cancel.abort(reason);
      await cleanedUp;
      throw reason;
    }
    detach.abort(reason);
    throw reason;
  });
  try {
    return await Promise.race([running, interrupted]);
  } catch (error) {
    // The work may have been quicker to fail of its abortion than we were to notice it.
    if (cancel.signal.aborted) throw new CancelledFailure('cancelled', undefined, error instanceof Error ? error : undefined);
    if (detach.signal.aborted)
      throw ApplicationFailure.create({
        type: 'Unavailable',
        message: 'this worker stops; another one goes on',
        nextRetryDelay: GRACES.activityRetryFirstMs,
      });
    throw error;
  } finally {
    clearInterval(timer);
    interrupted.catch(() => undefined);
  }
}
