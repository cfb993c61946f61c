/** Small parts of a pod that several readers want. Pure. */
import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import { MAIN_CONTAINER } from './job-manifest.ts';

export const containerOf = (pod: V1Pod): V1ContainerStatus | undefined =>
  pod.status?.containerStatuses?.find(({ name }) => name === MAIN_CONTAINER);

/** Objects of a watch have strings where client-node's types say `Date`. */
export function time(value: Date | string | null | undefined): number | null {
  return value === undefined || value === null ? null : new Date(value).getTime();
}
