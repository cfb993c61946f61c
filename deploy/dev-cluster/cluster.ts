import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { signalCgroup } from './cgroups.ts';
import { startApiServer } from './control-plane.ts';
import { exposePort } from './expose.ts';
import type { Exposed } from './expose.ts';
import { standardImages } from './images.ts';
import { cgroupOf, kubeconfigOf, logOf, pkiOf } from './layout.ts';
import type { Layout, NodePlace } from './layout.ts';
import { removeIfEmpty, unregister } from './machine.ts';
import { bridgeName, hostAddress, MAX_NODES, releaseSubnet, routeBetween } from './network.ts';
import * as machine from './node.ts';
import { end, isAlive, send, tail } from './processes.ts';
import { ClusterError, HANGS_AFTER_SECONDS, HopelessError, run, until } from './shell.ts';
import { readState, writeState } from './state.ts';
import type { ClusterState, NodeSpec, NodeState, Taint } from './state.ts';
import { nodeStatus, parseNodes } from './status.ts';
import type { ClusterStatus } from './status.ts';
import { unnamedClusters } from './tools.ts';

/** A kubelet that has ended is noticed after so long. */
const KUBELET_LOOK_SECONDS = 10;

/** A cluster in a folder; any number of these may stand for the same one, in any process. */
export class Cluster {
  readonly directory: string;
  readonly #layout: Layout;

  /** Use `startCluster` or `openCluster`. */
  constructor(directory: string) {
    this.directory = directory;
    const { subnet, timing, programs, mounts } = readState(directory);
    this.#layout = { directory, programs, subnet, timing, mounts };
  }

  /** Path of the administrator's kubeconfig. */
  get kubeconfig(): string {
    return kubeconfigOf(this.#layout);
  }

  /** The machine's address as every pod sees it. Bind a service to it, or `expose` one that is on loopback. */
  get hostAddress(): string {
    return hostAddress(this.#layout.subnet);
  }

  /** Path of the kubectl of the cluster's version. */
  get kubectlProgram(): string {
    return join(this.#layout.programs, 'kubectl');
  }

  /** Runs that kubectl as administrator. */
  async kubectl(args: readonly string[], input?: string): Promise<string> {
    return await run(
      join(this.#layout.programs, 'kubectl'),
      ['--kubeconfig', this.kubeconfig, ...args],
      input === undefined ? {} : { input },
    );
  }

  isUp(): boolean {
    return Object.values(this.#state.components).some(isAlive);
  }

  /** Boots a node and waits until it is Ready. With `apiServer`, its kubelet starts only after that. */
  async addNode(spec: NodeSpec, apiServer: Promise<void> = Promise.resolve()): Promise<void> {
    machine.checkSpec(spec);
    const { nodes } = this.#state;
    if (nodes.some((node) => node.spec.name === spec.name)) throw new ClusterError(`there is a node ${spec.name} already`);
    const index = firstFree(nodes.map((node) => node.index));
    this.#update((state) => ({
      ...state,
      nodes: [...state.nodes, { spec, index, init: null, kubelet: null, logind: null, frozen: false }],
    }));
    await this.#startNode({ layout: this.#layout, index, spec }, apiServer);
  }

  /** What `kubectl drain` does: cordons the node and evicts its pods by the Eviction API. */
  async drain(name: string, options: { readonly graceSeconds?: number; readonly timeoutSeconds?: number } = {}): Promise<void> {
    const grace = options.graceSeconds === undefined ? [] : [`--grace-period=${options.graceSeconds}`];
    const flags = [
      '--force',
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      `--timeout=${options.timeoutSeconds ?? HANGS_AFTER_SECONDS}s`,
    ];
    await this.kubectl(['drain', this.#node(name).spec.name, ...flags, ...grace]);
  }

  /** Lets pods be scheduled on a drained node again. */
  async uncordon(name: string): Promise<void> {
    await this.kubectl(['uncordon', this.#node(name).spec.name]);
  }

  async taint(name: string, taint: Taint): Promise<void> {
    await this.kubectl(['taint', 'node', this.#node(name).spec.name, formatTaint(taint), '--overwrite']);
  }

  async untaint(name: string, taint: Pick<Taint, 'key' | 'effect'>): Promise<void> {
    await this.kubectl(['taint', 'node', this.#node(name).spec.name, `${taint.key}:${taint.effect}-`]);
  }

  /** The node's VM vanishes: network cut, kubelet silent, containers killed. The API server finds out by the silence. */
  async freeze(name: string): Promise<void> {
    const node = this.#node(name);
    await machine.freezeNode(this.#place(node), node);
    this.#updateNode(name, { frozen: true });
  }

  /** Brings a frozen or shut down node back; its pods of before are dead. */
  async thaw(name: string): Promise<void> {
    const node = this.#node(name);
    await machine.thawNode(this.#place(node), node);
    if (node.logind !== null) send(node.logind.process, 'SIGUSR2');
    this.#updateNode(name, { frozen: false });
  }

  /** The notice before a spot VM is taken: the kubelet ends its pods within 15 s and says that it shuts down. Then `freeze` or `thaw`. */
  async shutdown(name: string): Promise<void> {
    const { logind } = this.#node(name);
    if (logind === null) throw new ClusterError(`node ${name} is off`);
    send(logind.process, 'SIGUSR1');
    await Promise.resolve();
  }

  /** Starts the node's kubelet again, which also registers a node whose object was deleted. */
  async restartNode(name: string): Promise<void> {
    const node = this.#node(name);
    const place = this.#place(node);
    if (node.init === null || !isAlive(node.init.process))
      throw new ClusterError(`the machine of node ${name} is off; delete it and add it again`);
    if (node.frozen) await this.thaw(name);
    if (node.kubelet !== null) await machine.stopKubelet(node.kubelet);
    this.#updateNode(name, { kubelet: await machine.startKubelet(place, node.init) });
    await this.#whenReady(node.spec);
  }

  /** Deletes only the Node object, as a cloud does some time after its VM has gone. */
  async deleteNodeObject(name: string): Promise<void> {
    await this.kubectl(['delete', 'node', name, '--ignore-not-found', '--wait=false']);
  }

  /** Pulls the plug, deletes the Node object and forgets the node. */
  async removeNode(name: string): Promise<void> {
    const node = this.#node(name);
    await this.#destroyNode(node);
    await this.deleteNodeObject(name);
    this.#update((state) => ({ ...state, nodes: state.nodes.filter((other) => other.spec.name !== name) }));
  }

  /** How many `nvidia.com/gpu` the node claims to have. */
  async setGpus(name: string, count: number): Promise<void> {
    const operations = ['capacity', 'allocatable'].map((list) => ({
      op: 'add',
      path: `/status/${list}/nvidia.com~1gpu`,
      value: String(count),
    }));
    await this.kubectl(['patch', 'node', name, '--subresource=status', '--type=json', '-p', JSON.stringify(operations)]);
  }

  /** SIGKILL: an orderly end would let open watches go on for a minute. */
  async stopApiServer(): Promise<void> {
    const api = this.#state.components['kube-apiserver'];
    if (api !== undefined) await end(api);
  }

  async startApiServer(): Promise<void> {
    const api = this.#state.components['kube-apiserver'];
    if (api !== undefined && isAlive(api)) return;
    this.setComponents({ 'kube-apiserver': await startApiServer(this.#layout) });
  }

  async restartApiServer(): Promise<void> {
    await this.stopApiServer();
    await this.startApiServer();
  }

  /** All of it stands still, as if its region were cut off: nothing answers, and nothing in it ends. */
  suspend(): void {
    this.#signal('SIGSTOP');
  }

  /** It goes on where it stood, with all that ran in it. */
  resume(): void {
    this.#signal('SIGCONT');
  }

  #signal(signal: NodeJS.Signals): void {
    const { components, nodes } = this.#state;
    for (const component of Object.values(components)) send(component, signal);
    for (const node of nodes) {
      // nsenter stops itself when its child stops.
      if (node.kubelet !== null) for (const part of [node.kubelet.wrapper, node.kubelet.process]) send(part, signal);
      signalCgroup(cgroupOf(this.#place(node)), signal);
    }
  }

  /** Puts an image (docker or OCI archive) on the named nodes, or on all. */
  async loadImage(archive: string, nodes: readonly string[] = this.#state.nodes.map((node) => node.spec.name)): Promise<void> {
    await Promise.all(
      nodes.map(async (name) => {
        const { init } = this.#node(name);
        if (init === null) throw new ClusterError(`node ${name} is off`);
        await machine.importImage(init, archive);
      }),
    );
  }

  /** Lets pods reach a port of this machine's loopback, as long as this process lives. */
  async expose(port: number): Promise<Exposed> {
    return await exposePort(this.hostAddress, port);
  }

  async status(): Promise<ClusterStatus> {
    const { components, nodes } = this.#state;
    const api = components['kube-apiserver'];
    const answers = api !== undefined && isAlive(api);
    const objects = answers ? parseNodes(await this.kubectl(['get', 'nodes', '-o', 'json', '--request-timeout=5s'])) : undefined;
    return {
      directory: this.directory,
      kubeconfig: this.kubeconfig,
      hostAddress: this.hostAddress,
      components: Object.fromEntries(Object.entries(components).map(([name, record]) => [name, isAlive(record) ? 'running' : 'ended'])),
      nodes: nodes.map((node) => nodeStatus(this.#place(node), node, objects)),
    };
  }

  /** Ends everything, gives the machine back as it was, and removes the folder. */
  async stop(): Promise<void> {
    const { components, nodes, subnet } = this.#state;
    const control = Object.values(components).map(async (record) => await end(record));
    await Promise.all([...control, ...nodes.map(async (node) => await this.#destroyNode(node))]);
    await releaseSubnet(subnet);
    unregister(bridgeName(subnet));
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
    removeIfEmpty(unnamedClusters());
  }

  /** Notes processes of the control plane. */
  setComponents(components: ClusterState['components']): void {
    this.#update((state) => ({ ...state, components: { ...state.components, ...components } }));
  }

  async #startNode(place: NodePlace, apiServer: Promise<void>): Promise<void> {
    const { name } = place.spec;
    const images = await standardImages(place.layout.programs);
    const init = await machine.boot(place);
    this.#updateNode(name, { init });
    for (const other of this.#state.nodes) {
      if (other.init === null || other.index === place.index || !isAlive(other.init.process)) continue;
      await routeBetween(place.layout.subnet, { index: place.index, init: init.process }, { index: other.index, init: other.init.process });
    }
    const [logind] = await Promise.all([machine.startLogind(place, init), machine.startContainerd(place, init, images)]);
    this.#updateNode(name, { logind });
    await apiServer;
    await machine.issueIdentity(place);
    this.#updateNode(name, { kubelet: await machine.startKubelet(place, init) });
    await machine.startProxy(place, init);
    await this.#whenReady(place.spec);
  }

  async #whenReady(spec: NodeSpec): Promise<void> {
    // A kubelet forgets what it does not know itself when it starts.
    for (const condition of ['create', 'condition=Ready'])
      await until(`node ${spec.name}`, async () => {
        const { kubelet } = this.#node(spec.name);
        if (kubelet && !isAlive(kubelet.process))
          throw new HopelessError(`the kubelet of node ${spec.name} ended:\n${tail(logOf(this.#layout, `${spec.name}-kubelet`))}`);
        return await this.kubectl(['wait', `--for=${condition}`, `node/${spec.name}`, `--timeout=${KUBELET_LOOK_SECONDS}s`]);
      });
    if (spec.gpus !== undefined) await this.setGpus(spec.name, spec.gpus);
  }

  async #destroyNode(node: NodeState): Promise<void> {
    const place = this.#place(node);
    await machine.destroy(place, node);
    const pki = pkiOf(this.#layout);
    const files = [`node-${node.spec.name}`, `serving-${node.spec.name}`].flatMap((name) => [pki.certificate(name), pki.key(name)]);
    for (const file of [...files, kubeconfigOf(this.#layout, `node-${node.spec.name}`)]) rmSync(file, { force: true });
  }

  get #state(): ClusterState {
    return readState(this.directory);
  }

  /** Read, change and write without a pause in between, so that parallel calls keep each other's changes. */
  #update(change: (state: ClusterState) => ClusterState): void {
    writeState(this.directory, change(this.#state));
  }

  #updateNode(name: string, change: Partial<NodeState>): void {
    this.#update((state) => ({ ...state, nodes: state.nodes.map((node) => (node.spec.name === name ? { ...node, ...change } : node)) }));
  }

  #node(name: string): NodeState {
    const { nodes } = this.#state;
    const node = nodes.find(({ spec }) => spec.name === name);
    if (node === undefined)
      throw new ClusterError(`no node ${name}; there are: ${nodes.map(({ spec }) => spec.name).join(', ') || 'none'}`);
    return node;
  }

  #place(node: NodeState): NodePlace {
    return { layout: this.#layout, index: node.index, spec: node.spec };
  }
}

export const formatTaint = ({ key, value, effect }: Taint): string => `${key}${value === undefined ? '' : `=${value}`}:${effect}`;

function firstFree(used: readonly number[]): number {
  for (let index = 1; index <= MAX_NODES; index++) if (!used.includes(index)) return index;
  throw new ClusterError(`a cluster has at most ${MAX_NODES} nodes`);
}
