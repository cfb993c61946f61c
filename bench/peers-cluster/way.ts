/** What is compared, and what every way of running containers is asked to run. */
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import type { Pods } from './pods.ts';

export interface Way {
  /** The figures' prefix. */
  readonly name: string;
  readonly client: KubeClient;
  readonly pods: Pods;
  /** So many steps that do nothing, each begun when the one before is known to have ended. @returns ms a step */
  readonly chain: (name: string, steps: number) => Promise<number>;
  /** So many steps at once. */
  readonly start: (name: string, steps: number, command: readonly string[]) => Promise<Started>;
}

interface Started {
  /** Resolves when it is known of all that they have ended. */
  readonly ended: Promise<unknown>;
  /** Takes them back, and what they left. */
  readonly end: () => Promise<void>;
}

export const NOTHING = ['true'];
/** Saves and ends when it is asked to, as a trainer does. */
export const POLITE = ['sh', '-c', "trap 'exit 143' TERM; echo ready; while :; do sleep 0.1; done"];
export const READY = 'ready';
/** Where every container sees the folder of the gate. */
export const GATE = '/gate';
/** Ends when the gate is open. Looks seldom: a hundred of them share the machine with what is measured. */
export const PATIENT = ['sh', '-c', `until [ -e ${GATE}/open ]; do sleep 2; done`];

export const RESOURCES = { cpu: 0.01, memoryMb: 16 };
export const GRACE_SECONDS = 15;
/** The image's user is root. */
export const USER = 65534;
export const POOL = { pool: 'spot' };
