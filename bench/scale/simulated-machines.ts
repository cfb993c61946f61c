/**
 * Machines that are only objects: Nodes of a real API server whose kubelet is this file. It says of each pod what a kubelet would say, and the
 * pod's trainer is a few lines (simulated-trainer.ts). Jobs, pods, scheduling, eviction and Kubernetes' controllers are real.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { Reflector } from '../../src/adapters/kubernetes/reflector.ts';
import { TRIAL_ENVIRONMENT } from '../../src/contract/names.ts';
import { SimulatedTrainer } from './simulated-trainer.ts';

const PODS_A_MACHINE = 100;
/** A kubelet renews its lease at this pace. */
const LEASE_MS = 10_000;
const RECORD_MS = 10_000;
const STATUS = 'application/merge-patch+json';

interface RunningTrial {
  readonly pod: string;
  readonly output: string;
  readonly attempt: number;
  /** ms since 1970 */
  readonly since: number;
}

interface Place {
  readonly trainer: SimulatedTrainer;
  readonly running: RunningTrial;
  ending: boolean;
  /** What was told last has arrived. */
  told: Promise<void>;
}

export class SimulatedMachines {
  readonly #client: KubeClient;
  readonly #names: readonly string[];
  readonly #places = new Map<string, Place>();
  readonly #pods: Reflector<V1Pod>;
  readonly #over = new AbortController();
  readonly #background: Promise<void>[];
  /** Requests that failed; none is expected. */
  readonly faults: string[] = [];

  private constructor(client: KubeClient, names: readonly string[]) {
    this.#client = client;
    this.#names = names;
    this.#pods = new Reflector<V1Pod>(client, {
      path: client.podsPath(),
      set: (pod) => this.#see(pod),
      delete: (pod) => void this.#places.delete(pod.metadata?.name ?? ''),
    });
    this.#background = [this.#renewLeases(), this.#train()];
  }

  /** As many as `pods` need when 30 % of them come back at once, all with these labels. */
  static async boot(client: KubeClient, pods: number, labels: Record<string, string>): Promise<SimulatedMachines> {
    const names = Array.from({ length: Math.ceil((pods * 1.4) / PODS_A_MACHINE) }, (_, index) => `simulated-${index + 1}`);
    for (const name of names) {
      await client.request('POST', '/api/v1/nodes', { body: { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } } });
      await client.request('PATCH', `/api/v1/nodes/${name}/status`, { body: { status: nodeStatus() }, contentType: STATUS });
    }
    return new SimulatedMachines(client, names);
  }

  get running(): readonly RunningTrial[] {
    return [...this.#places.values()].filter(({ ending }) => !ending).map(({ running }) => running);
  }

  /** All trainings end, now. */
  finish(): void {
    for (const [name, place] of this.#places) {
      if (place.ending) continue;
      place.ending = true;
      place.trainer.finish();
      void this.#tell(name, place, endOf(place, 'Succeeded', 0));
    }
  }

  async shutDown(): Promise<void> {
    this.#over.abort();
    await this.#pods.close();
    await Promise.all(this.#background);
  }

  #see(pod: V1Pod): void {
    const name = pod.metadata?.name ?? '';
    const place = this.#places.get(name);
    if (pod.metadata?.deletionTimestamp !== undefined) void this.#end(name, place);
    else if (!place && pod.status?.phase === 'Pending' && this.#names.includes(pod.spec?.nodeName ?? '')) this.#start(name, pod);
  }

  #start(name: string, pod: V1Pod): void {
    const env = new Map(pod.spec?.containers[0]?.env?.map(({ name: key, value }) => [key, value ?? '']));
    const output = env.get(TRIAL_ENVIRONMENT.output) ?? '';
    const attempt = Number(env.get(TRIAL_ENVIRONMENT.attempt));
    const running = { pod: name, output, attempt, since: Date.now() };
    const place: Place = { trainer: new SimulatedTrainer(output, attempt), running, ending: false, told: Promise.resolve() };
    this.#places.set(name, place);
    void this.#tell(name, place, { phase: 'Running', containerStatuses: [container({ running: { startedAt: iso(running.since) } })] });
  }

  /** SIGTERM: the trainer saves and exits with 143; then the kubelet lets the pod go. */
  async #end(name: string, place: Place | undefined): Promise<void> {
    if (place && !place.ending) {
      place.ending = true;
      place.trainer.save();
      await this.#tell(name, place, endOf(place, 'Failed', 143));
    }
    await this.#request('DELETE', this.#client.podsPath(name), { gracePeriodSeconds: 0 });
  }

  #tell(name: string, place: Place, status: object): Promise<void> {
    place.told = place.told.then(() => this.#request('PATCH', `${this.#client.podsPath(name)}/status`, { status }, STATUS));
    return place.told;
  }

  async #request(method: string, path: string, body: object, contentType?: string): Promise<void> {
    try {
      await this.#client.request(method, path, { body, timeoutMs: 60_000, ...(contentType === undefined ? {} : { contentType }) });
    } catch (error) {
      // The pod is gone already: told twice.
      if ((error as { status?: number }).status !== 404) this.faults.push(`${method} ${path}: ${String(error)}`);
    }
  }

  async #renewLeases(): Promise<void> {
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const lease = (): object => ({
      holderIdentity: 'simulated',
      leaseDurationSeconds: 40,
      renewTime: iso(Date.now()).replace('Z', '000Z'),
    });
    for (const name of this.#names)
      await this.#request('POST', leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name },
        spec: lease(),
      });
    while (await this.#wait(LEASE_MS))
      for (const name of this.#names) await this.#request('PATCH', `${leases}/${name}`, { spec: lease() }, STATUS);
  }

  async #train(): Promise<void> {
    while (await this.#wait(RECORD_MS)) for (const { trainer, ending } of this.#places.values()) if (!ending) trainer.record('train');
  }

  /** False: it is over. */
  async #wait(ms: number): Promise<boolean> {
    await delay(ms, undefined, { signal: this.#over.signal }).catch(() => undefined);
    return !this.#over.signal.aborted;
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();

const container = (state: object): object => ({ name: 'main', image: 'simulated', imageID: '', ready: false, restartCount: 0, state });

function endOf({ running }: Place, phase: 'Succeeded' | 'Failed', exitCode: number): object {
  const terminated = {
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    startedAt: iso(running.since),
    finishedAt: iso(Date.now()),
  };
  return { phase, containerStatuses: [container({ terminated })] };
}

function nodeStatus(): object {
  const resources = { cpu: String(PODS_A_MACHINE), memory: '1Ti', pods: String(PODS_A_MACHINE), 'ephemeral-storage': '1Ti' };
  const at = iso(Date.now());
  const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: '', lastHeartbeatTime: at, lastTransitionTime: at };
  return { capacity: resources, allocatable: resources, conditions: [ready] };
}
