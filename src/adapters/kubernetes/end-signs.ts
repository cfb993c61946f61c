/** What the objects of the API server say about a Job: waiting (for what), running, ended (how). Pure. */
import type { V1Job, V1JobCondition, V1Node, V1NodeCondition, V1Pod } from '@kubernetes/client-node';
import { UNKNOWN_END, type JobEnd } from '../../contract/jobs.ts';
import type { JobStatus } from '../../ports/compute.ts';
import { TERMINATE_REQUESTED } from './labels.ts';
import { DISRUPTION_RULE } from './job-manifest.ts';
import type { Snapshot } from './jobs-view.ts';
import { waitOf } from './wait-signs.ts';
import type { Wait } from './wait-signs.ts';
import { containerOf, time } from './pod-parts.ts';

export type End = Omit<JobEnd, 'logTail'>;
export type Observation =
  | { readonly kind: 'absent' }
  | { readonly kind: 'waiting'; readonly status: JobStatus; readonly wait: Wait }
  | { readonly kind: 'running'; readonly status: JobStatus }
  | { readonly kind: 'ended'; readonly status: JobStatus; readonly end: End; readonly log: LogSource };

/** Where the end of the log is: with the pod, or in its status, which holds the last 2 KiB of a container that failed. */
export type LogSource = { readonly pod: string } | { readonly text: string };

/** Reasons of a pod that a kubelet turned away before anything ran: another node may take it. */
const TURNED_AWAY = /^(?:OutOf|NodeShutdown|NodeAffinity|UnexpectedAdmissionError|Preempting|Evicted$)/;

export function observe(snapshot: Snapshot, now: number): Observation {
  const { job, pod } = snapshot;
  const gone = lostNode(snapshot);
  if (pod && isTerminal(pod)) return ended(snapshot, podEnd(snapshot, pod, gone !== null));
  if (pod && gone !== null) return ended(snapshot, { ...unknownEnd(snapshot, pod, gone, now), nodeLost: true });
  if (pod && snapshot.podGone) return ended(snapshot, vanished(snapshot, pod, now));
  if (!job) return pod ? running(pod) : { kind: 'absent' };
  const condition = finished(job);
  if (!pod && condition) return ended(snapshot, jobEnd(job, condition));
  const started = pod && containerOf(pod)?.state?.running;
  return started ? running(pod) : { kind: 'waiting', ...waitOf(snapshot) };
}

function ended({ pod, podGone }: Snapshot, end: End): Observation {
  const name = podGone || end.nodeLost || end.disruption !== null ? undefined : pod?.metadata?.name;
  return {
    kind: 'ended',
    log: name === undefined ? { text: (pod && containerOf(pod)?.state?.terminated?.message) ?? '' } : { pod: name },
    status: { phase: 'ended', message: end.message, node: pod?.spec?.nodeName ?? null, startedAt: end.startedAt },
    end,
  };
}

function running(pod: V1Pod): Observation {
  return {
    kind: 'running',
    status: { phase: 'running', message: null, node: pod.spec?.nodeName ?? null, startedAt: startOf(pod) },
  };
}

/**
 * In words, why the pod's machine is taken for lost. "Not ready" alone is none of the reasons: a node that shuts down in order says so
 * while its pods still save their work.
 */
export function lostNode({ pod, node, nodeGone }: Snapshot): string | null {
  const name = pod?.spec?.nodeName;
  if (!pod || name === undefined) return null;
  if (nodeGone) return `node ${name} was deleted`;
  if (!node) return null;
  const scheduledAt = time(
    pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'True')?.lastTransitionTime,
  );
  const bornAt = time(node.metadata?.creationTimestamp);
  if (scheduledAt !== null && bornAt !== null && bornAt > scheduledAt) return `node ${name} was replaced by a new one of the same name`;
  const ready = readiness(node);
  return ready?.status === 'Unknown' ? `node ${name} is silent: ${ready.message ?? ready.reason ?? 'Ready is Unknown'}` : null;
}

const readiness = (node: V1Node): V1NodeCondition | undefined => node.status?.conditions?.find(({ type }) => type === 'Ready');

function podEnd(snapshot: Snapshot, pod: V1Pod, nodeLost: boolean): End {
  const phase = pod.status?.phase;
  const reason = pod.status?.reason;
  const message = pod.status?.message;
  const terminated = containerOf(pod)?.state?.terminated;
  const asked = pod.metadata?.annotations?.[TERMINATE_REQUESTED] !== undefined;
  const disruption = disruptionOf(snapshot, pod);
  const deadlineExceeded = reason === 'DeadlineExceeded' && !asked;
  const turnedAway = !terminated && TURNED_AWAY.test(reason ?? '') ? (reason ?? null) : null;
  return {
    state: phase === 'Succeeded' ? 'succeeded' : 'failed',
    exitCode: terminated?.exitCode ?? null,
    signal: null,
    disruption: disruption ?? turnedAway,
    deletedByOther: pod.metadata?.deletionTimestamp !== undefined && disruption === null && !asked,
    // Of a child that the container could do without, the kubelet says it too.
    outOfMemory: terminated?.reason === 'OOMKilled' && terminated.exitCode !== 0,
    deadlineExceeded,
    notStarted: null,
    nodeLost,
    node: pod.spec?.nodeName ?? null,
    image: imageOf(pod),
    startedAt: startOf(pod),
    endedAt: time(terminated?.finishedAt) ?? lastTransition(pod) ?? Date.now(),
    message: endMessage({ exitCode: terminated?.exitCode, reason: terminated?.reason, disruption, asked, podReason: reason, message }),
  };
}

function endMessage(facts: {
  exitCode: number | undefined;
  reason: string | undefined;
  disruption: string | null;
  asked: boolean;
  podReason: string | undefined;
  message: string | undefined;
}): string {
  const { exitCode, reason, disruption, asked, podReason, message } = facts;
  const code = exitCode === undefined ? 'ended without an exit code' : `exit code ${exitCode}`;
  const named = reason && reason !== 'Error' && reason !== 'Completed' ? `${code} (${reason})` : code;
  if (disruption) return `${named}, ${disruption}`;
  if (asked) return `${named} after it was asked to end`;
  if (podReason === 'DeadlineExceeded') return `${named} after its deadline`;
  return podReason || message ? `${named}: ${[podReason, message].filter(Boolean).join(', ')}` : named;
}

/** The pod is not there any more and nobody saw it end. */
function vanished(snapshot: Snapshot, pod: V1Pod, now: number): End {
  const { job } = snapshot;
  const disruption = disruptionOf(snapshot, pod);
  const removed = !job || job.metadata?.deletionTimestamp !== undefined;
  const message = removed ? 'the Job was removed' : `pod ${pod.metadata?.name ?? ''} was removed before it ended`;
  return { ...unknownEnd(snapshot, pod, message, now), deletedByOther: disruption === null };
}

function unknownEnd(snapshot: Snapshot, pod: V1Pod, message: string, now: number): End {
  return {
    ...UNKNOWN_END,
    disruption: disruptionOf(snapshot, pod),
    node: pod.spec?.nodeName ?? null,
    image: imageOf(pod),
    startedAt: startOf(pod),
    endedAt: now,
    message,
  };
}

/** From the Job's own status, which keeps the sign when the pod is gone (`FAILURE_RULES`). */
function jobEnd(job: V1Job, condition: V1JobCondition): End {
  const text = condition.message ?? '';
  const rule = /rule at index (\d+)/.exec(text)?.[1];
  const exitCode = /with exit code (\d+)/.exec(text)?.[1];
  const succeeded = condition.type === 'Complete' || condition.type === 'SuccessCriteriaMet';
  return {
    ...UNKNOWN_END,
    state: succeeded ? 'succeeded' : 'failed',
    exitCode: succeeded ? 0 : exitCode === undefined ? null : Number(exitCode),
    disruption: rule === String(DISRUPTION_RULE) && exitCode === undefined ? 'DisruptionTarget' : null,
    // Failed without a rule: its pod was deleted before it could end.
    deletedByOther: !succeeded && rule === undefined,
    startedAt: time(job.status?.startTime),
    endedAt: time(job.status?.completionTime) ?? time(condition.lastTransitionTime) ?? Date.now(),
    message: text || (condition.reason ?? condition.type),
  };
}

/** The Job controller's verdict, also while it still removes pods. */
export const finished = (job: V1Job): V1JobCondition | undefined =>
  job.status?.conditions?.find(
    ({ type, status }) => status === 'True' && ['Complete', 'Failed', 'SuccessCriteriaMet', 'FailureTarget'].includes(type),
  );

export const isTerminal = (pod: V1Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** Empty until the kubelet has pulled it. */
const imageOf = (pod: V1Pod): string | null => containerOf(pod)?.imageID || null;

function disruptionOf({ job }: Snapshot, pod: V1Pod): string | null {
  const condition = pod.status?.conditions?.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True');
  if (condition) return condition.reason ?? 'DisruptionTarget';
  // Kueue takes back what it admitted by suspending the Job, whose pods are then deleted.
  return job?.spec?.suspend && pod.metadata?.deletionTimestamp !== undefined ? 'JobSuspended' : null;
}

function startOf(pod: V1Pod): number | null {
  const state = containerOf(pod)?.state;
  return time(state?.running?.startedAt ?? state?.terminated?.startedAt);
}

function lastTransition(pod: V1Pod): number | null {
  const times = (pod.status?.conditions ?? []).flatMap(({ lastTransitionTime }) => time(lastTransitionTime) ?? []);
  return times.length > 0 ? Math.max(...times) : null;
}
