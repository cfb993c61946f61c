import type { NodePlace } from './layout.ts';
import { nodeAddress } from './network.ts';
import { isAlive } from './processes.ts';
import type { Component, NodeState, Taint } from './state.ts';

interface NodeStatus {
  readonly name: string;
  readonly address: string;
  /** `frozen` and `off` are what we did to it, the rest is what the API server says. */
  readonly state: 'ready' | 'not-ready' | 'unknown' | 'deleted' | 'frozen' | 'off';
  readonly schedulable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
}

export interface ClusterStatus {
  readonly directory: string;
  readonly kubeconfig: string;
  readonly hostAddress: string;
  readonly components: Readonly<Partial<Record<Component, 'running' | 'ended'>>>;
  readonly nodes: readonly NodeStatus[];
}

/** As much of the API's Node as `status` shows. */
interface NodeObject {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly unschedulable?: boolean; readonly taints?: readonly Taint[] };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

export const parseNodes = (list: string): readonly NodeObject[] => (JSON.parse(list) as { items: readonly NodeObject[] }).items;

/** `objects` is undefined while the API server does not answer. */
export function nodeStatus(place: NodePlace, node: NodeState, objects: readonly NodeObject[] | undefined): NodeStatus {
  const object = objects?.find(({ metadata }) => metadata.name === node.spec.name);
  const deleted = objects !== undefined && object === undefined;
  const off = node.init === null || !isAlive(node.init.process);
  return {
    name: node.spec.name,
    address: nodeAddress(place.layout.subnet, node.index),
    state: off ? 'off' : node.frozen ? 'frozen' : deleted ? 'deleted' : readiness(object),
    schedulable: object !== undefined && object.spec.unschedulable !== true,
    labels: node.spec.labels ?? {},
    taints: object?.spec.taints ?? [],
  };
}

function readiness(object: NodeObject | undefined): 'ready' | 'not-ready' | 'unknown' {
  const condition = object?.status.conditions?.find(({ type }) => type === 'Ready')?.status;
  if (condition === 'True') return 'ready';
  return condition === 'False' ? 'not-ready' : 'unknown';
}
