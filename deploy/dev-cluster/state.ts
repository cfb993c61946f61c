import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Subnet } from './network.ts';
import type { ProcessRecord } from './processes.ts';

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

export interface NodeSpec {
  /** DNS-1123 label. */
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  /** Cores that pods may request; all of the machine's when absent. It cannot be more. */
  readonly cpu?: number;
  /** MiB that pods may request; all of the machine's when absent. */
  readonly memoryMb?: number;
  /** `nvidia.com/gpu` that the node claims to have; nothing is behind it. */
  readonly gpus?: number;
}

/** A folder of this machine that every container of a cluster sees, read-only. */
export interface Mount {
  readonly from: string;
  readonly to: string;
}

/** A process in a node's namespaces, and the nsenter or unshare outside that waits for it. */
export interface Entered {
  readonly process: ProcessRecord;
  readonly wrapper: ProcessRecord;
}

export interface NodeState {
  readonly spec: NodeSpec;
  /** 1, 2, …: what its addresses are made from. */
  readonly index: number;
  /** null until it has booted. */
  readonly init: Entered | null;
  readonly kubelet: Entered | null;
  readonly logind: Entered | null;
  readonly frozen: boolean;
}

/** How fast a cluster notices things, in seconds. */
export interface Timing {
  /** Silence of a kubelet until its node is Ready=Unknown. Kubernetes: 50. */
  readonly nodeMonitorGrace: number;
  /** Time until pods are evicted from a node that is NotReady or unreachable, where they do not say themselves. Kubernetes: 300. */
  readonly unreachableToleration: number;
}

export type Component = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kueue';

/** All that another process needs to go on with a cluster; DIR/cluster.json. */
export interface ClusterState {
  readonly version: 1;
  /** Folder of the programs it was started with. */
  readonly programs: string;
  readonly subnet: Subnet;
  readonly timing: Timing;
  readonly mounts: readonly Mount[];
  /** Ends with this process, if any: `stopAbandoned` stops a cluster whose owner is gone. */
  readonly owner: ProcessRecord | null;
  readonly components: Readonly<Partial<Record<Component, ProcessRecord>>>;
  readonly nodes: readonly NodeState[];
}

const fileOf = (directory: string): string => join(directory, 'cluster.json');

export const hasState = (directory: string): boolean => existsSync(fileOf(directory));

export const readState = (directory: string): ClusterState => JSON.parse(readFileSync(fileOf(directory), 'utf8')) as ClusterState;

export function writeState(directory: string, state: ClusterState): void {
  const draft = `${fileOf(directory)}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, fileOf(directory));
}
