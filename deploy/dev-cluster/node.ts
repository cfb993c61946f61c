import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { createCgroup, killCgroup, removeCgroup } from './cgroups.ts';
import { cgroupOf, kubeconfigOf, logOf, nodeDirectory, pkiOf, serverOf } from './layout.ts';
import type { NodePlace } from './layout.ts';
import { connectNode, disconnectNode, nodeAddress, setLink } from './network.ts';
import {
  baseSpec,
  baseSpecFile,
  cniConfig,
  containerdConfig,
  dbusConfig,
  DBUS_SOCKET,
  kubeletConfig,
  kubeProxyConfig,
  machineMemoryMb,
} from './node-config.ts';
import { childOf, end, isAlive, send, startDetached, tail } from './processes.ts';
import { ClusterError, HopelessError, run, tryRun, until } from './shell.ts';
import type { Entered, NodeSpec, NodeState } from './state.ts';

const NAMESPACES = ['--mount', '--net', '--uts', '--ipc', '--pid'];

/** Arguments of nsenter for whatever is to run "on" a node. */
const entering = (init: Entered): readonly string[] => ['--target', String(init.process.pid), ...NAMESPACES, '--'];

/** Starts a program of the node; its process in there, and the nsenter around it. */
async function startInside(place: NodePlace, init: Entered, name: string, command: readonly string[]): Promise<Entered> {
  const log = logOf(place.layout, `${place.spec.name}-${name}`);
  const wrapper = await startDetached('nsenter', [...entering(init), ...command], {
    log,
    env: { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${DBUS_SOCKET}` },
  });
  return { wrapper, process: await childOf(wrapper, log) };
}

/**
 * Makes the machine of a node: mount, network, process, host name and IPC namespaces of its own, held by one
 * process. When that one dies the kernel ends everything else in there, as with a VM, and nothing is left over.
 */
export async function boot(place: NodePlace): Promise<Entered> {
  const directory = nodeDirectory(place);
  for (const folder of ['kubelet', 'cni-state', 'log', 'containerd', 'opt', 'cni', 'plugins'])
    mkdirSync(join(directory, folder), { recursive: true, mode: 0o711 });
  createCgroup(cgroupOf(place));
  const log = logOf(place.layout, `${place.spec.name}-init`);
  const unshare = [
    ...NAMESPACES,
    '--fork',
    '--kill-child',
    '--mount-proc',
    '--propagation',
    'private',
    join(place.layout.programs, 'pause'),
  ];
  const wrapper = await startDetached('unshare', unshare, { log });
  const init = { wrapper, process: await childOf(wrapper, log) };
  const setUp = `set -e
    mount --make-rshared /
    mount -t tmpfs -o mode=755 run /run
    mount --bind '${join(directory, 'kubelet')}' /var/lib/kubelet
    mount --bind '${join(directory, 'cni-state')}' /var/lib/cni
    mount --bind '${join(directory, 'log')}' /var/log
    mkdir -p /run/lock
    hostname '${place.spec.name}'`;
  // unshare's child is there a moment before it has its own /proc.
  await until(`namespaces of node ${place.spec.name}`, async () => {
    if (!isAlive(init.process)) throw new HopelessError(`the namespaces of node ${place.spec.name} ended`);
    return (await tryRun('nsenter', [...entering(init), 'test', '-d', '/proc/1/task/1'])) === undefined ? undefined : true;
  });
  await run('nsenter', [...entering(init), 'sh', '-c', setUp]);
  await connectNode(place.layout.subnet, place.index, init.process);
  return init;
}

/** containerd, with the images that every node has. */
export async function startContainerd(place: NodePlace, init: Entered, images: readonly string[]): Promise<void> {
  const directory = nodeDirectory(place);
  writeFileSync(baseSpecFile(place), baseSpec(place, await run('ctr', ['oci', 'spec'])));
  writeFileSync(join(directory, 'containerd.toml'), containerdConfig(place));
  writeFileSync(join(directory, 'cni', '10-pods.conflist'), cniConfig(place));
  const { process: containerd } = await startInside(place, init, 'containerd', [
    'containerd',
    '--config',
    join(directory, 'containerd.toml'),
  ]);
  await until(`containerd of node ${place.spec.name}`, async () => {
    const log = logOf(place.layout, `${place.spec.name}-containerd`);
    if (!isAlive(containerd)) throw new HopelessError(`containerd of node ${place.spec.name} ended:\n${tail(log)}`);
    return (await tryRun('nsenter', [...entering(init), 'ctr', 'version'])) === undefined ? undefined : true;
  });
  for (const image of images) await importImage(init, image);
}

/** Unpacks a docker or OCI archive into the node's image store. */
export async function importImage(init: Entered, archive: string): Promise<void> {
  await run('nsenter', [...entering(init), 'ctr', '-n', 'k8s.io', 'images', 'import', '--digests=false', archive]);
}

/** Certificates of the node and its kubelet's identity: the Node authorizer lets it see its own pods only. */
export async function issueIdentity(place: NodePlace): Promise<void> {
  const { layout, spec, index } = place;
  const pki = pkiOf(layout);
  await Promise.all([
    pki.issue({ name: `node-${spec.name}`, commonName: `system:node:${spec.name}`, organization: 'system:nodes' }),
    pki.issue({ name: `serving-${spec.name}`, commonName: spec.name, serves: `DNS:${spec.name},IP:${nodeAddress(layout.subnet, index)}` }),
  ]);
  pki.kubeconfig(`node-${spec.name}`, serverOf(layout), kubeconfigOf(layout, `node-${spec.name}`));
}

/** The private D-Bus on which the kubelet hears that its machine is about to be taken away. */
export async function startLogind(place: NodePlace, init: Entered): Promise<Entered> {
  const config = join(nodeDirectory(place), 'dbus.conf');
  writeFileSync(config, dbusConfig());
  const dbus = await startInside(place, init, 'dbus', ['dbus-daemon', `--config-file=${config}`, '--nofork', '--nopidfile']);
  await until(`D-Bus of node ${place.spec.name}`, async () => {
    if (!isAlive(dbus.process))
      throw new HopelessError(`D-Bus of node ${place.spec.name} ended:\n${tail(logOf(place.layout, `${place.spec.name}-dbus`))}`);
    return (await tryRun('nsenter', [...entering(init), 'test', '-S', DBUS_SOCKET])) === undefined ? undefined : true;
  });
  const logind = await startInside(place, init, 'logind', [join(place.layout.programs, 'logind'), `unix:path=${DBUS_SOCKET}`]);
  const log = logOf(place.layout, `${place.spec.name}-logind`);
  await until(`logind of node ${place.spec.name}`, async () => {
    if (!isAlive(logind.process)) throw new HopelessError(`logind of node ${place.spec.name} ended:\n${tail(log)}`);
    return tail(log).includes('ready') ? true : undefined;
  });
  return logind;
}

export async function startKubelet(place: NodePlace, init: Entered): Promise<Entered> {
  const { layout, spec } = place;
  const config = join(nodeDirectory(place), 'kubelet.json');
  writeFileSync(config, JSON.stringify(kubeletConfig(place), null, 2));
  const labels = Object.entries(spec.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return await startInside(place, init, 'kubelet', [
    join(layout.programs, 'kubelet'),
    `--config=${config}`,
    `--kubeconfig=${kubeconfigOf(layout, `node-${spec.name}`)}`,
    `--hostname-override=${spec.name}`,
    `--node-ip=${nodeAddress(layout.subnet, place.index)}`,
    '--root-dir=/var/lib/kubelet',
    `--node-labels=${labels.join()}`,
  ]);
}

/** Service addresses on this node. */
export async function startProxy(place: NodePlace, init: Entered): Promise<void> {
  const config = join(nodeDirectory(place), 'kube-proxy.json');
  writeFileSync(config, JSON.stringify(kubeProxyConfig(place, kubeconfigOf(place.layout, 'kube-proxy')), null, 2));
  await startInside(place, init, 'kube-proxy', [join(place.layout.programs, 'kube-proxy'), `--config=${config}`]);
}

/** The machine vanishes: no packet leaves it any more, its kubelet does nothing, its containers are gone. */
export async function freezeNode(place: NodePlace, node: NodeState): Promise<void> {
  await setLink(place.layout.subnet, place.index, 'down');
  if (node.kubelet !== null) send(node.kubelet.process, 'SIGSTOP');
  await killCgroup(cgroupOf(place));
}

export async function thawNode(place: NodePlace, node: NodeState): Promise<void> {
  await setLink(place.layout.subnet, place.index, 'up');
  // nsenter stops itself when its child stops.
  if (node.kubelet !== null) for (const part of [node.kubelet.wrapper, node.kubelet.process]) send(part, 'SIGCONT');
}

export async function stopKubelet(kubelet: Entered): Promise<void> {
  for (const part of [kubelet.wrapper, kubelet.process]) send(part, 'SIGCONT');
  await end(kubelet.process, 'SIGKILL');
}

/** Pulls the plug and clears up what was the node's. */
export async function destroy(place: NodePlace, { init, kubelet }: NodeState): Promise<void> {
  // The first process of a namespace cannot end before all others are reaped, and the wrapper of a frozen kubelet stands still.
  if (kubelet !== null) await stopKubelet(kubelet);
  if (init !== null) for (const part of [init.process, init.wrapper]) await end(part);
  await disconnectNode(place.layout.subnet, place.index);
  await removeCgroup(cgroupOf(place));
  rmSync(nodeDirectory(place), { recursive: true, force: true, maxRetries: 5 });
}

/** @throws ClusterError when the node is to have more than the machine. */
export function checkSpec(spec: NodeSpec): void {
  const invalid = (path: string, expected: string, found: unknown): ClusterError =>
    new ClusterError(`node ${spec.name}: ${path}: expected ${expected}, found ${String(found)}`);
  if (!/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/.test(spec.name))
    throw invalid('name', 'lower case letters, digits and dashes, at most 42', JSON.stringify(spec.name));
  if (spec.cpu !== undefined && !(spec.cpu > 0 && spec.cpu <= cpus().length))
    throw invalid('cpu', `more than 0 and at most the machine's ${cpus().length} cores`, spec.cpu);
  if (spec.memoryMb !== undefined && !(spec.memoryMb > 0 && spec.memoryMb <= machineMemoryMb())) {
    throw invalid('memoryMb', `more than 0 and at most the machine's ${machineMemoryMb()} MiB`, spec.memoryMb);
  }
  if (spec.gpus !== undefined && !(Number.isInteger(spec.gpus) && spec.gpus >= 0)) throw invalid('gpus', 'a whole number', spec.gpus);
}
