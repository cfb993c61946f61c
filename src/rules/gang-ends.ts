/** Which of several machines' ends is that of their attempt. Pure. */
import type { JobEnd } from '../contract/jobs.ts';
import { isSysexit, SIGKILL_EXIT, SIGTERM_EXIT } from './attempt-ends.ts';
import { GRACES } from './durations.ts';

type Signs = Pick<
  JobEnd,
  | 'state'
  | 'exitCode'
  | 'disruption'
  | 'nodeLost'
  | 'outOfMemory'
  | 'outOfDisk'
  | 'deadlineExceeded'
  | 'deletedByOther'
  | 'notStarted'
  | 'endedAt'
>;

/** It says nothing of why: a rank whose peers are gone ends so as well. */
export const isPlain = (end: Signs): boolean =>
  end.disruption === null &&
  !end.nodeLost &&
  !end.outOfMemory &&
  end.outOfDisk === null &&
  !end.deadlineExceeded &&
  !end.deletedByOther &&
  end.notStarted === null &&
  !isSysexit(end.exitCode);

/** The more an end tells of its cause, the less; of ends at the same moment the one that tells most counts. */
function order(end: Signs): number {
  if (end.disruption !== null || end.nodeLost) return 0;
  if (!isPlain(end)) return end.deletedByOther ? 2 : 1;
  // Nobody is killed because of another in the moment in which that one ends; asked to end it may be.
  return end.exitCode === SIGKILL_EXIT ? 3 : end.exitCode === SIGTERM_EXIT ? 5 : 4;
}

/**
 * Index of the failure that counts: one that the machine was to blame for, whenever it was told; else the first by time, since the others may
 * have failed because of it; of several in the same second the one that tells most, then the lowest rank.
 *
 * @returns -1 where nothing failed
 */
export function firstEnd(ends: readonly Signs[]): number {
  const failed = ends.flatMap((end, index) => (end.state === 'succeeded' ? [] : [{ end, index }]));
  const byMachine = failed.filter(({ end }) => order(end) === 0);
  const candidates = byMachine.length > 0 ? byMachine : failed;
  const first = Math.min(...candidates.map(({ end }) => end.endedAt));
  const atOnce = candidates.filter(({ end }) => end.endedAt < first + GRACES.podTimeResolutionMs);
  return atOnce.sort((a, b) => order(a.end) - order(b.end) || a.index - b.index)[0]?.index ?? -1;
}
