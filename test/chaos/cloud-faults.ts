/** Breaks machines, the API server and the emulators of a cloud world, and mends them again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { send } from '../../deploy/dev-cluster/processes.ts';
import { readState } from '../../deploy/dev-cluster/state.ts';
import type { Emulators } from '../../src/stack/emulators/index.ts';
import type { Fault as HttpFault, FaultProxy } from '../support/fault-proxy.ts';
import { runningQueries } from './cloud-leftovers.ts';
import { jobProcesses, signal } from './processes.ts';
import type { Fault } from './schedule.ts';

/** Longer than a node's silence until it is taken for lost, and until the next attempt has begun. */
const FROZEN_NODE_MS = 16_000;
const SILENT_API_MS = 4000;
const ERRORS_MS = 3000;
const RESETS_MS = 2000;
const SLOW_MS = 4000;
const LATE_MS = 700;
const CUT_AFTER_BYTES = 100;
const STATUS_IN_TURN = [429, 500, 503];
const MEND_AGAIN_MS = 300;
/** What was let in before is by then a job that shows. */
const LET_IN_MS = 100;

/** Of each container: the node that it is on. */
export const NODE_VARIABLE = 'LONGHAUL_CHAOS_NODE';

type Service = 'gcs' | 'bigquery' | 'kubernetes';

interface CloudParts {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** Archive of the image that a new node needs. */
  readonly image: string;
  readonly mark: string;
  readonly emulators: Emulators;
  readonly proxies: Readonly<Record<Service, FaultProxy>>;
}

interface Pod {
  readonly name: string;
  readonly node: string;
}

export class CloudFaults {
  readonly #parts: CloudParts;
  /** What is done to machines is done one after another: half a node cannot be frozen. */
  #machines: Promise<void> = Promise.resolve();

  constructor(parts: CloudParts) {
    this.#parts = parts;
  }

  inflict({ kind, ms }: Fault): Promise<void> | null {
    const { cluster, emulators, mark } = this.#parts;
    switch (kind) {
      case 'kill-pod':
        for (const pid of jobProcesses(mark)) signal(pid, 'SIGKILL');
        return Promise.resolve();
      case 'delete-pod':
        return this.#withPod(({ name }) => this.#kubectl('delete', 'pod', name, '--wait=false'));
      case 'evict-pod':
        return this.#withPod((pod) => this.#evict(pod));
      case 'drain-node':
        return this.#inTurn(({ node }) => this.#drain(node));
      case 'freeze-node':
        return this.#inTurn(({ node }) => this.#freeze(node));
      case 'delete-node':
        return this.#inTurn(({ node }) => this.#replace(node));
      case 'kill-kubernetes':
        return this.#afterMachines(() => cluster.restartApiServer());
      case 'silence-kubernetes':
        return this.#afterMachines(() => this.#silence());
      case 'kill-gcs':
        signal(emulators.pids().gcs, 'SIGKILL');
        return Promise.resolve();
      case 'kill-bigquery':
        return this.#killBigQuery();
      default: {
        const [verb = '', service = ''] = kind.split('-');
        return service in this.#parts.proxies ? disturb(this.#parts.proxies[service as Service], verb, ms) : null;
      }
    }
  }

  /** The emulator never ends a job that it was at when it was killed, BigQuery does: nothing more is let in, and the kill comes between jobs. */
  async #killBigQuery(): Promise<void> {
    const { emulators, proxies } = this.#parts;
    const closed = (): HttpFault => ({ kind: 'status', status: 503 });
    proxies.bigquery.fault = closed;
    do await delay(LET_IN_MS);
    while ((await runningQueries(emulators.bigquery ?? '').catch(() => ['it does not answer yet'])).length > 0);
    signal(emulators.pids().bigquery, 'SIGKILL');
    if (proxies.bigquery.fault === closed) proxies.bigquery.fault = () => undefined;
  }

  #kubectl(...args: string[]): Promise<string> {
    return this.#parts.cluster.kubectl(['-n', this.#parts.namespace, ...args]);
  }

  /** The first pod that runs; nothing happens where none does, or the API server is away. */
  async #withPod(act: (pod: Pod) => Promise<unknown>): Promise<void> {
    const text = await this.#kubectl('get', 'pods', '--field-selector=status.phase=Running', '-o', 'json').catch(() => null);
    if (text === null) return;
    const { items } = JSON.parse(text) as { items: { metadata: { name: string }; spec: { nodeName: string } }[] };
    const pod = items[0];
    if (pod) await act({ name: pod.metadata.name, node: pod.spec.nodeName }).catch(() => undefined);
  }

  #afterMachines(act: () => Promise<void>): Promise<void> {
    this.#machines = this.#machines.then(act);
    return this.#machines;
  }

  #inTurn(act: (pod: Pod) => Promise<void>): Promise<void> {
    return this.#afterMachines(() => this.#withPod(act));
  }

  async #evict({ name }: Pod): Promise<void> {
    const { cluster, namespace } = this.#parts;
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`;
    await cluster.kubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(eviction));
  }

  async #drain(node: string): Promise<void> {
    const { cluster } = this.#parts;
    await cluster.drain(node).catch(() => undefined);
    await mended(() => cluster.uncordon(node));
  }

  /** The zombie: nobody hears of the node, a new attempt begins elsewhere, and then the old one goes on. */
  async #freeze(node: string): Promise<void> {
    const { cluster, mark } = this.#parts;
    const kubelet = readState(cluster.directory).nodes.find(({ spec }) => spec.name === node)?.kubelet;
    const frozen = jobProcesses(mark, `${NODE_VARIABLE}=${node}`);
    for (const pid of frozen) signal(pid, 'SIGSTOP');
    if (kubelet) send(kubelet.process, 'SIGSTOP');
    await delay(FROZEN_NODE_MS);
    // nsenter stops itself when its child stops.
    if (kubelet) for (const part of [kubelet.wrapper, kubelet.process]) send(part, 'SIGCONT');
    for (const pid of frozen) signal(pid, 'SIGCONT');
  }

  async #replace(node: string): Promise<void> {
    const { cluster, image } = this.#parts;
    await cluster.removeNode(node);
    await cluster.addNode({ name: node, labels: { pool: 'spot' } });
    await cluster.loadImage(image, [node]);
  }

  async #silence(): Promise<void> {
    const api = readState(this.#parts.cluster.directory).components['kube-apiserver'];
    if (!api) return;
    send(api, 'SIGSTOP');
    await delay(SILENT_API_MS);
    send(api, 'SIGCONT');
  }
}

/** What was taken away for a while must come back, also where the API server was killed meanwhile. */
async function mended(act: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await act();
      return;
    } catch {
      await delay(MEND_AGAIN_MS);
    }
  }
}

/** Disturbances that overlap: the later one counts until it ends, then all is well. */
async function disturb(proxy: FaultProxy, verb: string, wanted?: number): Promise<void> {
  const [fault, usual] = disturbanceOf(verb);
  const decide = ({ index }: { readonly index: number }): HttpFault => fault(index);
  if (verb === 'reset') proxy.cut();
  proxy.fault = decide;
  await delay(wanted ?? usual);
  if (proxy.fault === decide) proxy.fault = () => undefined;
}

function disturbanceOf(verb: string): readonly [fault: (index: number) => HttpFault, ms: number] {
  switch (verb) {
    case 'errors':
      return [(index) => ({ kind: 'status', status: STATUS_IN_TURN[index % STATUS_IN_TURN.length] ?? 503 }), ERRORS_MS];
    case 'expire':
      return [() => ({ kind: 'status', status: 401 }), ERRORS_MS];
    case 'reset':
      return [(index) => ({ kind: index % 2 === 0 ? 'reset' : 'lost-answer' }), RESETS_MS];
    case 'slow':
      return [() => ({ kind: 'delay', ms: LATE_MS }), SLOW_MS];
    case 'cut':
      return [() => ({ kind: 'cut', bytes: CUT_AFTER_BYTES }), ERRORS_MS];
    default:
      throw new Error(`no disturbance ${verb}`);
  }
}
