/** What is read from one pod. Pure. */
import type { V1ContainerStateTerminated, V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import { LAUNCHER_CONTAINER, MAIN_CONTAINER } from './job-manifest.ts';
import { COMPLETION_INDEX, TERMINATE_REQUESTED } from './labels.ts';

/** Objects of a watch have strings where client-node's types say `Date`. */
export function time(value: Date | string | null | undefined): number | null {
  return value === undefined || value === null ? null : new Date(value).getTime();
}

/** Its number among the pods of its Job; 0 where there is one. */
export const rankOf = (pod: V1Pod): number => Number(pod.metadata?.labels?.[COMPLETION_INDEX] ?? 0);

export const isTerminal = (pod: V1Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export const containerOf = (pod: V1Pod): V1ContainerStatus | undefined =>
  pod.status?.containerStatuses?.find(({ name }) => name === MAIN_CONTAINER);

const createdAt = (pod: V1Pod): number => time(pod.metadata?.creationTimestamp) ?? 0;
const isGoing = (pod: V1Pod): boolean => pod.metadata?.deletionTimestamp !== undefined || isTerminal(pod);

/** Of two pods of one rank: was the second made after the first? Times are whole seconds; within one the pod that is not over came later. */
export function isLater(first: V1Pod, second: V1Pod): boolean {
  const between = createdAt(second) - createdAt(first);
  return between === 0 ? isGoing(first) && !isGoing(second) : between > 0;
}

/** How what fetches shipped code failed: the main container never begins then. */
export function endOfLauncher(pod: V1Pod): V1ContainerStateTerminated | undefined {
  const end = pod.status?.initContainerStatuses?.find(({ name }) => name === LAUNCHER_CONTAINER)?.state?.terminated;
  return end && end.exitCode !== 0 ? end : undefined;
}

/** How the main container ended, or what had to come before it. It is never restarted. */
export const endOfMain = (pod: V1Pod): V1ContainerStateTerminated | undefined => containerOf(pod)?.state?.terminated ?? endOfLauncher(pod);

export const hasStarted = (pod: V1Pod): boolean => {
  const state = containerOf(pod)?.state;
  return state?.running !== undefined || state?.terminated !== undefined;
};

export function startOf(pod: V1Pod): number | null {
  const state = containerOf(pod)?.state;
  return time(state?.running?.startedAt ?? state?.terminated?.startedAt);
}

/** To end, by us. */
export const wasAsked = (pod: V1Pod): boolean => pod.metadata?.annotations?.[TERMINATE_REQUESTED] !== undefined;

/** By digest; empty until the kubelet has pulled it. */
export const imageOf = (pod: V1Pod): string | null => containerOf(pod)?.imageID || null;

/** Containers beside the main one that still run: `sidecar` ones (init containers that are restarted) are ended by the kubelet itself. */
export function runningBeside(pod: V1Pod): 'none' | 'sidecars' | 'others' {
  const isRunning = ({ name, state }: V1ContainerStatus): boolean => name !== MAIN_CONTAINER && state?.running !== undefined;
  if (pod.status?.containerStatuses?.some(isRunning)) return 'others';
  return pod.status?.initContainerStatuses?.some(isRunning) ? 'sidecars' : 'none';
}

/** When somebody asked for the pod's deletion: Kubernetes keeps the time at which the grace is over. */
export function deletionAskedAt({ metadata }: V1Pod): number | null {
  const over = time(metadata?.deletionTimestamp);
  return over === null ? null : over - (metadata?.deletionGracePeriodSeconds ?? 0) * 1000;
}

export function lastTransition(pod: V1Pod): number | null {
  const times = (pod.status?.conditions ?? []).flatMap(({ lastTransitionTime }) => time(lastTransitionTime) ?? []);
  return times.length > 0 ? Math.max(...times) : null;
}
