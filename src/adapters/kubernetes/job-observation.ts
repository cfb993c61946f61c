/** What the objects of the API server say about a Job: waiting (for what), running, ended (how). Pure. */
import type { V1Job, V1JobCondition, V1Node, V1NodeCondition, V1Pod } from '@kubernetes/client-node';
import { UNKNOWN_END, type NodeEnd } from '../../contract/jobs.ts';
import type { JobStatus } from '../../ports/compute.ts';
import { DISRUPTION_RULE } from './job-manifest.ts';
import type { Snapshot } from './jobs-view.ts';
import { disruptionOf, podEnd, settleSeconds, unknownEnd } from './pod-end.ts';
import type { End } from './pod-end.ts';
import { endOfLauncher, endOfMain, hasStarted, imageOf, isTerminal, startOf, time } from './pod-parts.ts';
import { waitOf } from './wait-reasons.ts';
import type { Wait } from './wait-reasons.ts';

export type Observation =
  | { readonly kind: 'absent' }
  | { readonly kind: 'waiting'; readonly status: JobStatus; readonly wait: Wait; readonly nodes?: readonly NodeEnd[] }
  | { readonly kind: 'running'; readonly status: JobStatus; readonly going?: Going }
  /** The end is as good as told: it counts when nothing better was heard for so long. */
  | {
      readonly kind: 'ending';
      readonly status: JobStatus;
      readonly end: End;
      readonly log: LogSource;
      readonly settleSeconds: number;
      readonly going?: Going;
    }
  | { readonly kind: 'ended'; readonly status: JobStatus; readonly end: End; readonly log: LogSource };

/** Of several machines one is to go, and not all have told of their end: as what it ends where it turns out to have let go. */
interface Going {
  readonly end: End;
  readonly log: LogSource;
}

/** Where the end of the log is: with the pod, or in its status, which holds the last 2 KiB of a container that failed. */
export type LogSource = { readonly pod: string } | { readonly text: string };

/** @param now ms since 1970 by the API server's clock */
export function observe(snapshot: Snapshot, now: number): Observation {
  const { job, pod } = snapshot;
  const gone = lostNode(snapshot);
  if (job?.spec?.suspend && !(pod && hasStarted(pod))) return { kind: 'waiting', ...waitOf(snapshot, now) };
  if (pod && (isTerminal(pod) || endOfMain(pod))) {
    const end = podEnd(snapshot, pod, gone !== null, now);
    const seconds = gone === null && !snapshot.podGone ? settleSeconds(snapshot, pod) : null;
    return seconds === null ? ended(snapshot, end) : { ...ended(snapshot, end), kind: 'ending', settleSeconds: seconds };
  }
  if (pod && snapshot.podGone) return ended(snapshot, vanished(snapshot, pod, now));
  if (pod && gone !== null) {
    const end = { ...unknownEnd(snapshot, pod, gone.message, now), nodeLost: true };
    const lost = ended(snapshot, end);
    return gone.settleSeconds === 0 ? lost : { ...lost, kind: 'ending', settleSeconds: gone.settleSeconds };
  }
  if (!job && !pod) return { kind: 'absent' };
  const condition = job && finished(job);
  if (!pod && condition) return ended(snapshot, jobEnd(job, condition, now));
  return pod && hasStarted(pod) ? running(pod) : { kind: 'waiting', ...waitOf(snapshot, now) };
}

function ended({ pod, podGone }: Snapshot, end: End): Extract<Observation, { kind: 'ended' }> {
  const untold = podGone || end.nodeLost || end.disruption !== null || (pod && endOfLauncher(pod) !== undefined);
  const name = untold ? undefined : pod?.metadata?.name;
  return {
    kind: 'ended',
    log: name === undefined ? { text: (pod && endOfMain(pod)?.message) ?? '' } : { pod: name },
    status: { phase: 'ended', message: end.message, node: pod?.spec?.nodeName ?? null, startedAt: end.startedAt },
    end,
  };
}

function running(pod: V1Pod): Observation {
  const image = imageOf(pod);
  return {
    kind: 'running',
    status: {
      phase: 'running',
      message: null,
      node: pod.spec?.nodeName ?? null,
      ...(image === null ? {} : { image }),
      startedAt: startOf(pod),
    },
  };
}

interface LostNode {
  /** In words, why the pod's machine is taken for lost. */
  readonly message: string;
  /** 0: it surely is. */
  readonly settleSeconds: number;
}

/** "Not ready" alone is none of the reasons: a node that shuts down in order says so while its pods still save their work. */
function lostNode({ pod, node, nodeGone, silentCluster }: Snapshot): LostNode | null {
  const name = pod?.spec?.nodeName;
  if (!pod || name === undefined) return null;
  if (nodeGone) return { message: `node ${name} was deleted`, settleSeconds: 0 };
  if (!node) return null;
  const scheduledAt = time(
    pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'True')?.lastTransitionTime,
  );
  const bornAt = time(node.metadata?.creationTimestamp);
  if (scheduledAt !== null && bornAt !== null && bornAt > scheduledAt)
    return { message: `node ${name} was replaced by a new one of the same name`, settleSeconds: 0 };
  const ready = readiness(node);
  if (ready?.status !== 'Unknown') return null;
  // Told to go by name, it is not coming back for us.
  const surely = pod.metadata?.deletionTimestamp !== undefined;
  return {
    message: `node ${name} is silent: ${ready.message ?? ready.reason ?? 'Ready is Unknown'}`,
    settleSeconds: silentCluster !== null && !surely ? silentCluster.patienceSeconds : 0,
  };
}

const readiness = (node: V1Node): V1NodeCondition | undefined => node.status?.conditions?.find(({ type }) => type === 'Ready');

/** The pod is not there any more and nobody saw it end. */
function vanished(snapshot: Snapshot, pod: V1Pod, now: number): End {
  const { job } = snapshot;
  const removed = !job || job.metadata?.deletionTimestamp !== undefined;
  const message = removed ? 'the Job was removed' : `pod ${pod.metadata?.name ?? ''} was removed before it ended`;
  return { ...unknownEnd(snapshot, pod, message, now), deletedByOther: disruptionOf(snapshot, pod) === null };
}

/** From the Job's own status, which keeps the sign when the pod is gone (`FAILURE_RULES`). */
function jobEnd(job: V1Job, condition: V1JobCondition, now: number): End {
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
    endedAt: time(job.status?.completionTime) ?? time(condition.lastTransitionTime) ?? now,
    message: text || (condition.reason ?? condition.type),
  };
}

/** The Job controller's verdict, also while it still removes pods. */
export const finished = (job: V1Job): V1JobCondition | undefined =>
  job.status?.conditions?.find(
    ({ type, status }) => status === 'True' && ['Complete', 'Failed', 'SuccessCriteriaMet', 'FailureTarget'].includes(type),
  );
