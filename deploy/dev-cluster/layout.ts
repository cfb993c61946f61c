import { join } from 'node:path';
import { bridgeName, hostAddress } from './network.ts';
import type { Subnet } from './network.ts';
import { Pki } from './pki.ts';
import type { Mount, NodeSpec, Timing } from './state.ts';

export const API_PORT = 6443;

/** Where the parts of one cluster are. */
export interface Layout {
  readonly directory: string;
  readonly programs: string;
  readonly subnet: Subnet;
  readonly timing: Timing;
  readonly mounts: readonly Mount[];
}

export const pkiOf = (layout: Layout): Pki => new Pki(join(layout.directory, 'pki'));
export const kubeconfigOf = (layout: Layout, user = 'admin'): string => join(layout.directory, `${user}.kubeconfig`);
export const logOf = (layout: Layout, name: string): string => join(layout.directory, 'log', `${name}.log`);
export const serverOf = ({ subnet }: Layout): string => `https://${hostAddress(subnet)}:${API_PORT}`;

/** One node: its cluster, what it is, and the number its addresses are made from. */
export interface NodePlace {
  readonly layout: Layout;
  readonly index: number;
  readonly spec: NodeSpec;
}

export const nodeDirectory = ({ layout, spec }: NodePlace): string => join(layout.directory, 'nodes', spec.name);
/** Root of the node's pods, unique on the machine. */
export const cgroupOf = ({ layout, index }: NodePlace): string => `longhaul-${bridgeName(layout.subnet)}-${index}`;
