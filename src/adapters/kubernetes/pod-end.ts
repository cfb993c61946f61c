/** How a pod's attempt ended, judged from its main container, at any age and beside any other container. Pure. */
import type { V1Pod } from '@kubernetes/client-node';
import { UNKNOWN_END, type JobEnd } from '../../contract/jobs.ts';
import { GRACES } from '../../rules/durations.ts';
import type { Snapshot } from './jobs-view.ts';
import {
  containerOf,
  deletionAskedAt,
  endOfMain,
  imageOf,
  isTerminal,
  lastTransition,
  runningBeside,
  startOf,
  time,
  wasAsked,
} from './pod-parts.ts';

export type End = Omit<JobEnd, 'logTail'>;

/** Reasons of a pod that a kubelet turned away before anything ran: another node may take it. */
const TURNED_AWAY = /^(?:OutOf|NodeShutdown|NodeAffinity|UnexpectedAdmissionError|Preempting|Evicted$)/;
/** The kubelet's own sign of a disruption: it is written when all is over, not before. */
export const BY_KUBELET = 'TerminationByKubelet';
/** The kubelet came back and the container is not there any more: its node went under it, whatever the exit code says. */
const CONTAINER_LOST = 'ContainerStatusUnknown';
const SIGNAL_EXITS = new Set([137, 143]);
const SKEW_MS = GRACES.clockSkewSeconds * 1000;

/**
 * @param now ms since 1970 by the API server's clock
 */
export function podEnd(snapshot: Snapshot, pod: V1Pod, nodeLost: boolean, now: number): End {
  const phase = pod.status?.phase;
  const reason = pod.status?.reason;
  const terminated = endOfMain(pod);
  const lost = terminated?.reason === CONTAINER_LOST;
  const exitCode = lost ? null : (terminated?.exitCode ?? null);
  const asked = wasAsked(pod);
  const disruption = disruptionOf(snapshot, pod);
  const turnedAway = !terminated && TURNED_AWAY.test(reason ?? '') ? (reason ?? null) : null;
  return {
    state: (terminated && !lost ? exitCode === 0 : phase === 'Succeeded') ? 'succeeded' : 'failed',
    exitCode,
    signal: null,
    disruption: disruption ?? turnedAway,
    deletedByOther: isDeleted(pod) && disruption === null && !asked,
    // Of a child that the container could do without, the kubelet says it too.
    outOfMemory: terminated?.reason === 'OOMKilled' && exitCode !== 0,
    outOfDisk: exitCode === 0 ? null : diskWords(pod),
    deadlineExceeded: reason === 'DeadlineExceeded' && !asked && !endedBeforeDeadline(pod),
    ...(asked ? { askedToEnd: true } : {}),
    notStarted: null,
    nodeLost: nodeLost || lost,
    node: pod.spec?.nodeName ?? null,
    image: imageOf(pod),
    startedAt: startOf(pod),
    endedAt: time(terminated?.finishedAt) ?? lastTransition(pod) ?? now,
    message: endMessage(pod, exitCode, disruption, asked),
    lingering: lingering(snapshot, pod),
  };
}

/** The pod is not there any more, or its node is not, and nobody saw it end. */
export function unknownEnd(snapshot: Snapshot, pod: V1Pod, message: string, now: number): End {
  return {
    ...UNKNOWN_END,
    disruption: disruptionOf(snapshot, pod),
    node: pod.spec?.nodeName ?? null,
    image: imageOf(pod),
    startedAt: startOf(pod),
    endedAt: now,
    message,
    lingering: 'job',
  };
}

/** In seconds, how long to wait for the pod's own words on how and why its main container ended; null: they are all there. */
export function settleSeconds(snapshot: Snapshot, pod: V1Pod): number | null {
  if (disruptionOf(snapshot, pod) !== null) return null;
  // A kubelet may say that nothing in the pod runs any more a moment before it says how what ran has ended.
  if (isTerminal(pod) && containerOf(pod)?.state?.running) return GRACES.podEndAfterContainersSeconds;
  if (isTerminal(pod) || isDeleted(pod)) return null;
  const beside = runningBeside(pod);
  if (beside === 'none') return GRACES.podEndAfterContainersSeconds;
  const endedByKubelet = beside === 'sidecars' || SIGNAL_EXITS.has(endOfMain(pod)?.exitCode ?? 0);
  const grace = endedByKubelet ? (pod.spec?.terminationGracePeriodSeconds ?? 0) : 0;
  return grace + GRACES.sidecarEndSeconds;
}

/** A queue that took back what it had admitted admits it once more, if it is still there. */
function lingering({ job, podGone }: Snapshot, pod: V1Pod): End['lingering'] {
  if (job?.spec?.suspend) return 'job';
  // Its kubelet only has to say so.
  const isDone = endOfMain(pod)?.exitCode === 0 && runningBeside(pod) === 'none';
  return isTerminal(pod) || podGone || isDone ? null : 'rest';
}

export function disruptionOf({ job }: Snapshot, pod: V1Pod): string | null {
  const condition = pod.status?.conditions?.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True');
  if (condition && (condition.reason === BY_KUBELET || !endedBefore(pod, time(condition.lastTransitionTime))))
    return condition.reason ?? 'DisruptionTarget';
  // Kueue takes back what it admitted by suspending the Job, whose pods are then deleted.
  return job?.spec?.suspend && isDeleted(pod) ? 'JobSuspended' : null;
}

/** A pod that is deleted long after its main container ended by itself was not ended by that. */
const isDeleted = (pod: V1Pod): boolean => pod.metadata?.deletionTimestamp !== undefined && !endedBefore(pod, deletionAskedAt(pod));

function endedBefore(pod: V1Pod, cause: number | null): boolean {
  const finishedAt = time(endOfMain(pod)?.finishedAt);
  return finishedAt !== null && cause !== null && finishedAt < cause - SKEW_MS;
}

/** Both times are the node's. */
function endedBeforeDeadline(pod: V1Pod): boolean {
  const finishedAt = time(endOfMain(pod)?.finishedAt);
  const startedAt = time(pod.status?.startTime);
  const seconds = pod.spec?.activeDeadlineSeconds;
  return finishedAt !== null && startedAt !== null && seconds !== undefined && finishedAt < startedAt + (seconds - 1) * 1000;
}

/**
 * The kubelet's words on a disk that this pod filled: beyond its own limit, or, of a node whose disk is full, beyond what it asked for.
 * One that had to go because others filled the disk was preempted.
 */
function diskWords(pod: V1Pod): string | null {
  const reason = pod.status?.reason;
  const message = pod.status?.message;
  if (reason !== 'Evicted' || message === undefined) return null;
  const ownLimit = /ephemeral local storage usage exceeds|usage of EmptyDir volume .* exceeds|exceeded its local ephemeral storage limit/i;
  const full = /low on resource: (?:ephemeral-storage|inodes)/;
  const mine = /has larger consumption of (?:ephemeral-storage|inodes)/;
  return ownLimit.test(message) || (full.test(message) && mine.test(message)) ? message.trim() : null;
}

function endMessage(pod: V1Pod, exitCode: number | null, disruption: string | null, asked: boolean): string {
  const podReason = pod.status?.reason;
  const message = pod.status?.message;
  const reason = endOfMain(pod)?.reason;
  const code = exitCode === null ? 'ended without an exit code' : `exit code ${exitCode}`;
  const named = reason && reason !== 'Error' && reason !== 'Completed' ? `${code} (${reason})` : code;
  if (disruption) return message && diskWords(pod) ? `${named}, ${disruption}: ${message.trim()}` : `${named}, ${disruption}`;
  if (asked && exitCode !== 0) return `${named} after it was asked to end`;
  if (podReason === 'DeadlineExceeded' && exitCode !== 0) return `${named} after its deadline`;
  return exitCode !== 0 && (podReason || message) ? `${named}: ${[podReason, message?.trim()].filter(Boolean).join(', ')}` : named;
}
