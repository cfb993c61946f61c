/** How much time a deadline leaves to lose, to wait, and to look for something cheaper. Pure. */
import type { Placement } from '../contract/profile.ts';
import { WAITS } from './durations.ts';

export interface Progress {
  /** ms since 1970 */
  readonly now: number;
  readonly deadlineAt: number | null;
  /** Seconds of training that are left, as far as known. */
  readonly remainingSeconds: number | null;
  /** Seconds of training that the estimate of `remainingSeconds` comes from; without them it counts as it is. */
  readonly trainedSeconds?: number;
}

/** Of the work that is left: a pace is known no better, and more preemptions mean more checkpoints. */
const PACE_RESERVE_SHARE = 0.01;
/** An estimate counts once so much of the time to the deadline was trained. */
const KNOWN_SHARE = 1 / 200;
/** Of the time to the deadline, to wait for spot before the length of the work is known. */
const BLIND_SHARE = 0.1;

/** Seconds that may still be lost before only on-demand ends in time; null without a deadline. */
export function spareSeconds(progress: Progress): number | null {
  if (progress.deadlineAt === null) return null;
  const left = (progress.deadlineAt - progress.now) / 1000;
  if (progress.remainingSeconds === null || !isKnown(progress)) return left;
  return left - progress.remainingSeconds * (1 + PACE_RESERVE_SHARE) - WAITS.restartReserveSeconds;
}

/**
 * So long may be waited for spot with nothing running. Waiting costs only time, but some of what may be lost is kept for later, less and less
 * towards the deadline, so that on-demand does its share of the work early and spot can be used whenever it comes back: each move there and
 * back takes two starts. The idea of Uniform Progress (Wu et al., "Can't Be Late", NSDI '24, §5.2). Before anything is known, a tenth of
 * the time to the deadline may go.
 *
 * @param keptShare of the time that may be lost, kept at first
 */
export function idleSeconds(
  progress: Progress,
  { deadlineSeconds }: Pick<Placement, 'deadlineSeconds'>,
  spare: number | null,
  keptShare: number,
): number {
  if (spare === null || spare <= 0 || progress.deadlineAt === null || deadlineSeconds === undefined) return 0;
  if (progress.remainingSeconds === null || !isKnown(progress)) return Math.max(0, spare - (1 - BLIND_SHARE) * deadlineSeconds);
  const atFirst = deadlineSeconds - (progress.trainedSeconds ?? 0) - progress.remainingSeconds;
  const keptPerSecondLeft = (Math.max(0, atFirst) * keptShare) / deadlineSeconds;
  const kept = (keptPerSecondLeft * (progress.deadlineAt - progress.now)) / 1000;
  // A second of waiting takes one from `spare`, and `keptPerSecondLeft` from `kept`.
  return Math.max(0, (spare - kept) / (1 - keptPerSecondLeft));
}

/** The first minutes of training may be slow, and would make the rest seem many times as long as it is. */
function isKnown({ now, deadlineAt, remainingSeconds, trainedSeconds = Infinity }: Progress): boolean {
  return remainingSeconds !== null && deadlineAt !== null && trainedSeconds >= ((deadlineAt - now) / 1000) * KNOWN_SHARE;
}

/** Rest of the work by the share done; null while unknown. */
export function remainingSeconds(done: number | null, trainedSeconds: number): number | null {
  return done === null || done <= 0 ? null : (trainedSeconds * (1 - done)) / done;
}
