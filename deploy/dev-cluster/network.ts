import { ClusterError, run, tryRun } from './shell.ts';
import type { ProcessRecord } from './processes.ts';

/**
 * Addresses of one cluster, all derived from one number, so that several clusters never meet:
 *
 *     10.N.0.1       the machine as pods see it, and the API server's address
 *     10.N.0.10+i    node i            10.N.i.0/24   its pods
 *     10.N.255.0/24  services          127.64.N.1    etcd and the controllers' own ports
 */
export interface Subnet {
  readonly number: number;
}

const FIRST = 64;
const COUNT = 128;
/** Of a /24 with node addresses from .11 on. */
export const MAX_NODES = 200;

export const hostAddress = ({ number }: Subnet): string => `10.${number}.0.1`;
export const loopbackAddress = ({ number }: Subnet): string => `127.64.${number}.1`;
export const nodeAddress = ({ number }: Subnet, index: number): string => `10.${number}.0.${10 + index}`;
export const podRange = ({ number }: Subnet, index: number): string => `10.${number}.${index}.0/24`;
export const clusterRange = ({ number }: Subnet): string => `10.${number}.0.0/16`;
export const serviceRange = ({ number }: Subnet): string => `10.${number}.255.0/24`;
export const firstService = ({ number }: Subnet): string => `10.${number}.255.1`;
export const bridgeName = ({ number }: Subnet): string => `lh${number}`;
const linkName = ({ number }: Subnet, index: number): string => `lh${number}n${index}`;

/** Takes a range that no interface or route of the machine uses; making its bridge is what reserves it. */
export async function reserveSubnet(): Promise<Subnet> {
  const used = `${await run('ip', ['-4', '-o', 'addr'])}\n${await run('ip', ['-4', 'route'])}`;
  const start = Math.floor(Math.random() * COUNT);
  for (let tried = 0; tried < COUNT; tried++) {
    const subnet = { number: FIRST + ((start + tried) % COUNT) };
    if (used.includes(` 10.${subnet.number}.`) || used.includes(`\n10.${subnet.number}.`)) continue;
    const bridge = bridgeName(subnet);
    if ((await tryRun('ip', ['link', 'add', bridge, 'type', 'bridge'])) === undefined) continue;
    await run('ip', ['addr', 'add', `${hostAddress(subnet)}/24`, 'dev', bridge]);
    await run('ip', ['link', 'set', bridge, 'up']);
    return subnet;
  }
  throw new ClusterError(`no free range between 10.${FIRST}.0.0/16 and 10.${FIRST + COUNT - 1}.0.0/16, or no right to make a bridge`);
}

export async function releaseSubnet(subnet: Subnet): Promise<void> {
  await tryRun('ip', ['link', 'del', bridgeName(subnet)]);
}

/** Connects a node's network namespace to the cluster's bridge and tells the machine where its pods are. */
export async function connectNode(subnet: Subnet, index: number, init: ProcessRecord): Promise<void> {
  const link = linkName(subnet, index);
  const address = nodeAddress(subnet, index);
  // A namespace that is still going away may hold the name.
  await tryRun('ip', ['link', 'del', link]);
  await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(init.pid)]);
  await run('ip', ['link', 'set', link, 'master', bridgeName(subnet), 'up']);
  const inside = ['link set lo up', `addr add ${address}/24 dev eth0`, 'link set eth0 up', `route add default via ${hostAddress(subnet)}`];
  await run('nsenter', ['-t', String(init.pid), '-n', 'ip', '-batch', '-'], { input: inside.join('\n') });
  await run('nsenter', ['-t', String(init.pid), '-n', '-p', '-m', 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  await run('ip', ['route', 'replace', podRange(subnet, index), 'via', address]);
}

/** Gives two nodes the way to each other's pods, so that the machine itself need not forward. */
export async function routeBetween(
  subnet: Subnet,
  one: { index: number; init: ProcessRecord },
  other: { index: number; init: ProcessRecord },
): Promise<void> {
  const route = async (from: typeof one, to: typeof one): Promise<void> => {
    const args = ['route', 'replace', podRange(subnet, to.index), 'via', nodeAddress(subnet, to.index)];
    await run('nsenter', ['-t', String(from.init.pid), '-n', 'ip', ...args]);
  };
  await Promise.all([route(one, other), route(other, one)]);
}

/** The kernel removes the link of an ended namespace too, but some time later. */
export async function disconnectNode(subnet: Subnet, index: number): Promise<void> {
  await tryRun('ip', ['link', 'del', linkName(subnet, index)]);
  await tryRun('ip', ['route', 'del', podRange(subnet, index)]);
}

export async function setLink(subnet: Subnet, index: number, state: 'up' | 'down'): Promise<void> {
  await run('ip', ['link', 'set', linkName(subnet, index), state]);
}
