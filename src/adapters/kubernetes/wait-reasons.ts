/** Why a Job has not started, and whose patience counts. Pure. */
import type { V1ContainerStateWaiting, V1Job, V1Pod } from '@kubernetes/client-node';
import type { JobEnd } from '../../contract/jobs.ts';
import type { JobStatus } from '../../ports/compute.ts';
import { KUEUE_QUEUE } from './labels.ts';
import { containerOf, time } from './pod-parts.ts';
import type { Snapshot } from './jobs-view.ts';

export interface Wait {
  readonly reason: NonNullable<JobEnd['notStarted']>['reason'];
  /** `capacity`: the profile's `noCapacity`; `queue`: its `queueTimeout`, if it has any; `none`: waiting does not help. */
  readonly patience: 'capacity' | 'queue' | 'recovery' | 'starting' | 'none';
  /** ms since 1970, by the API server's clock */
  readonly since: number;
  /** Of an image: why it is not there. `untold`: the kubelet does not repeat the reason that it gave before. */
  readonly image?: 'wrong' | 'away' | 'untold';
}

interface Waiting {
  readonly status: JobStatus;
  readonly wait: Wait;
}

/** A person has to fix these; some pass by themselves (a registry that is away, a secret that is still to come). */
const IMAGE_TROUBLE = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'RegistryUnavailable']);
const CONTAINER_TROUBLE = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError', 'PreCreateHookError']);
/** Events that a pod on a machine has behind it. */
const BEFORE_A_MACHINE = new Set(['FailedScheduling', 'NotTriggerScaleUp', 'FailedCreate']);
const NEVER_PASSES = /InvalidImageName|ErrImageNeverPull/;
const SURELY_WRONG =
  /not found|manifest unknown|no match(?:ing manifest)? for|unauthorized|denied|forbidden|authentication required|runAsNonRoot/i;
/** It may say `denied` or `not found` beside that, of what it then asked for without an account. */
const SURELY_AWAY =
  /time(?:d )?-?out|deadline exceeded|connection refused|connection reset|broken pipe|no such host|no route to host|unreachable|misbehaving|\bEOF\b|too ?many ?requests|rate limit|quota exceeded|\b(?:429|5\d\d) [a-z]/i;
const BACK_OFF_ALONE = /^Back-off pulling image[^:]*$/;

export function waitOf(snapshot: Snapshot, now: number): Waiting {
  const { job, pod } = snapshot;
  if (job?.spec?.suspend) return waitInQueue(snapshot, job, now);
  const createdAt = admittedAt(snapshot, now);
  if (pod) return waitOfPod(snapshot, pod, createdAt);
  const { reason, message = null } = snapshot.warning ?? {};
  if (reason !== 'FailedCreate' || message === null) return waiting('no-capacity', 'capacity', createdAt, message);
  if (/exceeded quota/.test(message)) return waiting('quota', 'capacity', createdAt, message);
  const refused = /forbidden|is invalid|denied the request/.test(message);
  return waiting(refused ? 'rejected' : 'no-capacity', refused ? 'none' : 'capacity', createdAt, message);
}

/** Its place in the queue is the older the better: it is nobody's business but the queue's how long that takes. */
function waitInQueue({ queueWords }: Snapshot, job: V1Job, now: number): Waiting {
  const queue = job.metadata?.labels?.[KUEUE_QUEUE];
  const since = time(job.metadata?.creationTimestamp) ?? now;
  const place = queue === undefined ? 'suspended: waiting to be admitted by its queue' : `waiting in queue ${queue}`;
  return waiting('quota', 'queue', since, queueWords === null ? place : `${place}: ${queueWords}`);
}

/** From here on it asks for a machine: what it waited in a queue before is not the machine's fault. */
function admittedAt({ job, pod }: Snapshot, now: number): number {
  const startedAt = time(job?.status?.startTime);
  if (startedAt !== null) return startedAt;
  // Admitted this moment, and the Job controller has not said so yet.
  if (job?.metadata?.labels?.[KUEUE_QUEUE] !== undefined) return now;
  return time(job?.metadata?.creationTimestamp ?? pod?.metadata?.creationTimestamp) ?? now;
}

function waitOfPod({ warning }: Snapshot, pod: V1Pod, createdAt: number): Waiting {
  const node = pod.spec?.nodeName ?? null;
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (node === null) {
    const scaling = warning?.reason === 'NotTriggerScaleUp' ? warning.message : null;
    const message = [scheduled?.message ?? (warning?.reason === 'FailedScheduling' ? warning.message : null), scaling];
    return waiting('no-capacity', 'capacity', createdAt, message.filter(Boolean).join('; ') || null);
  }
  const since = time(scheduled?.lastTransitionTime) ?? createdAt;
  const held = heldBy(pod);
  const reason = held?.reason ?? '';
  const message = held?.message ?? '';
  const text = [reason, message].filter(Boolean).join(': ');
  if (IMAGE_TROUBLE.has(reason)) {
    const image = whyNoImage(reason, withoutNames(pod, message));
    // The first refusal may be a registry's bad moment; a second one of the same kind is not.
    const hopeless = NEVER_PASSES.test(reason) || (reason === 'ImagePullBackOff' && image === 'wrong');
    const { status, wait } = waiting('image', hopeless ? 'none' : 'recovery', since, text, node);
    return { status: image === 'away' ? { ...status, waitingFor: 'the registry' } : status, wait: { ...wait, image } };
  }
  if (CONTAINER_TROUBLE.has(reason)) return waiting('rejected', SURELY_WRONG.test(message) ? 'none' : 'recovery', since, text, node);
  const telling = warning !== null && !BEFORE_A_MACHINE.has(warning.reason) ? `${warning.reason}: ${warning.message}` : null;
  return waiting('rejected', 'starting', since, (telling ?? text) || null, node);
}

/** What keeps the pod: the main container waits for those that come before it, and its image for theirs. */
function heldBy(pod: V1Pod): V1ContainerStateWaiting | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const inTrouble = [...initContainerStatuses, ...containerStatuses]
    .map(({ state }) => state?.waiting)
    .find((waits) => IMAGE_TROUBLE.has(waits?.reason ?? '') || CONTAINER_TROUBLE.has(waits?.reason ?? ''));
  return inTrouble ?? containerOf(pod)?.state?.waiting;
}

function whyNoImage(reason: string, message: string): NonNullable<Wait['image']> {
  if (NEVER_PASSES.test(reason)) return 'wrong';
  if (reason === 'RegistryUnavailable' || SURELY_AWAY.test(message)) return 'away';
  if (SURELY_WRONG.test(message)) return 'wrong';
  return message === '' || BACK_OFF_ALONE.test(message) ? 'untold' : 'away';
}

/** An image may be called `registry/denied-503`. */
const withoutNames = ({ spec }: V1Pod, message: string): string =>
  [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].reduce(
    (text, { image = '' }) => (image === '' ? text : text.replaceAll(image, 'image')),
    message,
  );

function waiting(
  reason: Wait['reason'],
  patience: Wait['patience'],
  since: number,
  message: string | null,
  node: string | null = null,
): Waiting {
  return { status: { phase: 'pending', message, node, startedAt: null, waitingSince: since }, wait: { reason, patience, since } };
}
