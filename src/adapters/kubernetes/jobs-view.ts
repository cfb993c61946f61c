import type { CoreV1Event, V1Job, V1Node, V1Pod } from '@kubernetes/client-node';
import type { WatchOptions } from '../../ports/compute.ts';
import { GRACES } from '../../rules/durations.ts';
import type { KubeClient } from './client.ts';
import { hasStatus } from './errors.ts';
import { JOB_NAME, selector } from './labels.ts';
import { hasStarted, isLater, rankOf, time } from './pod-parts.ts';
import type { PodUse } from './pod-metrics.ts';
import { isQueued, QueueWords } from './queue-words.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorOptions } from './reflector.ts';
import type { Workloads } from './workloads.ts';

/** What is known of one Job, or of one of the pods of a Job that has several, at one moment. */
export interface Snapshot {
  readonly job: V1Job | null;
  /** The latest pod; its last state when it is not there any more. None where a queue took it back before it began. */
  readonly pod: V1Pod | null;
  readonly podGone: boolean;
  /** Null: not known, or we may not read nodes. */
  readonly node: V1Node | null;
  /** The node object of the pod is not there. */
  readonly nodeGone: boolean;
  /** Most nodes are silent at once: perhaps it is not them. Null: they are not. */
  readonly silentCluster: { readonly patienceSeconds: number } | null;
  /** The last warning about Job or pod. */
  readonly warning: { readonly reason: string; readonly message: string } | null;
  /** Why the queue that the Job waits in has not admitted it. */
  readonly queueWords: string | null;
}

export interface JobsViewOptions {
  readonly log?: (message: string) => void;
  /** For tests of broken and silent connections. */
  readonly silenceMs?: number;
  readonly relistMs?: number;
  readonly listMs?: number;
}

interface Sources {
  readonly workloads: Workloads;
  readonly podUse: PodUse;
}

/** Reasons of events that tell a person why a Job does not start. */
const TELLING = new Set([
  'FailedCreate',
  'FailedMount',
  'FailedAttachVolume',
  'FailedScheduling',
  'NotTriggerScaleUp',
  'FailedCreatePodSandBox',
]);
/** Of all nodes; `--unhealthy-zone-threshold` of the node controller. */
const SILENT_SHARE = 0.55;
/** Far more than the Jobs of one worker; the oldest are forgotten. */
const MAX_WARNINGS = 5_000;

interface Known {
  readonly pod: V1Pod;
  readonly gone: boolean;
  /** Its Job was suspended after it had got it: the Job's next start makes another. */
  readonly isTakenBack: boolean;
}

/** One list + watch of Jobs, pods, nodes and events for all Jobs that a worker process watches. */
export class JobsView {
  /** What concerns no Job alone, for people. */
  readonly log: (message: string) => void;
  readonly #client: KubeClient;
  readonly #jobs = new Map<string, V1Job>();
  /** By the name of their Job, then by rank. */
  readonly #pods = new Map<string, Map<number, Known>>();
  readonly #nodes = new Map<string, V1Node>();
  readonly #silentNodes = new Set<string>();
  readonly #goneNodes = new Set<string>();
  readonly #askedNodes = new Set<string>();
  readonly #warnings = new Map<string, { reason: string; message: string }>();
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #queueWords: QueueWords;
  readonly #podUse: PodUse;
  readonly #jobReflector: Reflector<V1Job>;
  readonly #podReflector: Reflector<V1Pod>;
  readonly #nodeReflector: Reflector<V1Node>;
  readonly #eventReflector: Reflector<CoreV1Event>;

  constructor(client: KubeClient, options: JobsViewOptions & Sources) {
    this.#client = client;
    this.#podUse = options.podUse;
    this.#queueWords = new QueueWords(options.workloads, {
      waiting: () => this.#waitingInQueues(),
      tell: (name) => this.#tell(name),
    });
    this.log = options.log ?? ((message) => process.stderr.write(`kubernetes: ${message}\n`));
    const reflector = <T extends object>(what: string, own: Pick<ReflectorOptions<T>, 'path' | 'query' | 'set' | 'delete'>): Reflector<T> =>
      new Reflector<T>(client, {
        ...own,
        silenceMs: options.silenceMs,
        relistMs: options.relistMs,
        listMs: options.listMs,
        forbidden: (error) => this.log(`${what} cannot be watched, their signs are missed: ${error.message}`),
      });
    const labelSelector = selector();
    this.#jobReflector = reflector<V1Job>('Jobs', {
      path: client.jobsPath(),
      query: { labelSelector },
      set: (job) => this.#setJob(job),
      delete: (job) => this.#deleteJob(job),
    });
    this.#podReflector = reflector<V1Pod>('pods', {
      path: client.podsPath(),
      query: { labelSelector },
      set: (pod) => this.#setPod(pod, false),
      delete: (pod) => this.#setPod(pod, true),
    });
    this.#nodeReflector = reflector<V1Node>('nodes', {
      path: '/api/v1/nodes',
      set: (node) => this.#setNode(node),
      delete: (node) => this.#deleteNode(node.metadata?.name ?? ''),
    });
    this.#eventReflector = reflector<CoreV1Event>('events', {
      path: `/api/v1/namespaces/${client.namespace}/events`,
      set: (event) => this.#setEvent(event),
      // Events end an hour later by themselves; what they told stays true.
      delete: () => undefined,
    });
  }

  /** Resolves when Jobs and pods were listed. */
  async synced(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      const abort = (): void => reject(signal.reason as Error);
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
    await Promise.race([Promise.all([this.#jobReflector.synced, this.#podReflector.synced]), aborted]);
  }

  /** Calls back on every change of the Job, its pod, its node or a warning about them. */
  subscribe(name: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    this.#queueWords.look();
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      this.#listeners.delete(name);
      if (!this.#jobs.has(name)) this.#forget(name);
    };
  }

  /** Of each rank; of one pod alone where the Job has one. */
  snapshots(name: string): readonly Snapshot[] {
    const job = this.#jobs.get(name) ?? null;
    const ranks = [...(this.#pods.get(name)?.keys() ?? [])];
    const isIndexed = job?.spec?.completionMode === 'Indexed';
    const count = job ? (isIndexed ? (job.spec?.completions ?? 1) : 1) : Math.max(1, ...ranks.map((rank) => rank + 1));
    return Array.from({ length: count }, (_, rank) => this.#snapshot(name, job, rank));
  }

  #snapshot(name: string, job: V1Job | null, rank: number): Snapshot {
    const known = this.#pods.get(name)?.get(rank);
    const pod = known === undefined || (known.isTakenBack && !hasStarted(known.pod)) ? null : known.pod;
    const nodeName = pod?.spec?.nodeName;
    return {
      job,
      pod,
      podGone: pod !== null && known?.gone === true,
      node: nodeName === undefined ? null : (this.#nodes.get(nodeName) ?? null),
      nodeGone: nodeName !== undefined && this.#goneNodes.has(nodeName),
      silentCluster: this.#isSilent() ? { patienceSeconds: GRACES.silentClusterSeconds } : null,
      warning: this.#warnings.get(pod?.metadata?.name ?? '') ?? this.#warnings.get(name) ?? null,
      queueWords: this.#queueWords.of(job),
    };
  }

  /** UIDs and names of Jobs that somebody watches and that their queue has not admitted. */
  #waitingInQueues(): ReadonlyMap<string, string> {
    const found = [...this.#listeners.keys()].flatMap((name): [string, string][] => {
      const job = this.#jobs.get(name);
      return job && isQueued(job) ? [[job.metadata?.uid ?? '', name]] : [];
    });
    return new Map(found);
  }

  /** What its main container uses while it runs. @returns what ends it */
  measure(name: string, { isWanted, tell }: NonNullable<WatchOptions['use']>): () => void {
    const running = (): string | null => {
      const known = this.#pods.get(name)?.get(0);
      return isWanted() && known && !known.gone && hasStarted(known.pod) ? (known.pod.metadata?.name ?? null) : null;
    };
    return this.#podUse.measure({ pod: running, tell });
  }

  /** What an answer of the API server told us before the watch does. */
  takeJob(job: V1Job): void {
    this.#jobReflector.take(job);
  }

  async close(): Promise<void> {
    this.#queueWords.close();
    this.#podUse.close();
    await Promise.all([this.#jobReflector, this.#podReflector, this.#nodeReflector, this.#eventReflector].map((each) => each.close()));
  }

  #setJob(job: V1Job): void {
    const name = job.metadata?.name ?? '';
    const before = this.#jobs.get(name);
    this.#jobs.set(name, job);
    const ranks = this.#pods.get(name);
    if (ranks && before && isTakenBack(before, job)) for (const [rank, known] of ranks) ranks.set(rank, { ...known, isTakenBack: true });
    this.#queueWords.look();
    this.#tell(name);
  }

  #deleteJob(job: V1Job): void {
    const name = job.metadata?.name ?? '';
    this.#jobs.delete(name);
    this.#tell(name);
    if (!this.#listeners.has(name)) this.#forget(name);
  }

  #setPod(pod: V1Pod, gone: boolean): void {
    const name = pod.metadata?.labels?.[JOB_NAME];
    if (name === undefined) return;
    const ranks = this.#pods.get(name) ?? new Map<number, Known>();
    const rank = rankOf(pod);
    const known = ranks.get(rank);
    const isKnown = known !== undefined && known.pod.metadata?.uid === pod.metadata?.uid;
    if (known !== undefined && !isKnown && (gone || !isLater(known.pod, pod))) return;
    this.#pods.set(name, ranks.set(rank, { pod, gone, isTakenBack: isKnown && known.isTakenBack }));
    if (!gone) void this.#askForNode(pod.spec?.nodeName);
    this.#tell(name);
    if (gone && !this.#jobs.has(name) && !this.#listeners.has(name)) this.#forget(name);
  }

  /** The share at which Kubernetes itself stops to believe it. */
  #isSilent(): boolean {
    return this.#silentNodes.size > 1 && this.#silentNodes.size >= this.#nodes.size * SILENT_SHARE;
  }

  #setNode(node: V1Node): void {
    const name = node.metadata?.name ?? '';
    this.#goneNodes.delete(name);
    this.#nodes.set(name, node);
    const isSilent = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'Unknown') ?? false;
    if (isSilent) this.#silentNodes.add(name);
    else this.#silentNodes.delete(name);
    this.#tellOnNode(name);
  }

  #deleteNode(name: string): void {
    this.#nodes.delete(name);
    this.#silentNodes.delete(name);
    this.#goneNodes.add(name);
    this.#tellOnNode(name);
  }

  /** A pod's node that we do not know has gone before we looked, or is so new that its event comes after the pod's. */
  async #askForNode(name: string | undefined): Promise<void> {
    if (name === undefined || !this.#nodeReflector.isSynced) return;
    if (this.#nodes.has(name) || this.#goneNodes.has(name) || this.#askedNodes.has(name)) return;
    this.#askedNodes.add(name);
    try {
      await this.#client.request('GET', `/api/v1/nodes/${name}`);
    } catch (error) {
      if (hasStatus(error, 404) && !this.#nodes.has(name)) this.#deleteNode(name);
    } finally {
      this.#askedNodes.delete(name);
    }
  }

  #setEvent(event: CoreV1Event): void {
    const { involvedObject, reason, message } = event;
    const name = involvedObject.name;
    if (name === undefined || reason === undefined || message === undefined || !TELLING.has(reason)) return;
    this.#warnings.delete(name);
    this.#warnings.set(name, { reason, message });
    if (this.#warnings.size > MAX_WARNINGS) this.#warnings.delete(this.#warnings.keys().next().value ?? '');
    this.#tell(name);
    if (involvedObject.kind !== 'Pod') return;
    const job = name.replace(/-[a-z0-9]{5}$/, '');
    this.#tell(job);
    this.#tell(job.replace(/-[0-9]+$/, ''));
  }

  #tellOnNode(node: string): void {
    for (const name of this.#listeners.keys())
      if ([...(this.#pods.get(name)?.values() ?? [])].some(({ pod }) => pod.spec?.nodeName === node)) this.#tell(name);
  }

  #tell(name: string): void {
    for (const listener of this.#listeners.get(name) ?? []) listener();
  }

  #forget(name: string): void {
    this.#warnings.delete(name);
    if ([...(this.#pods.get(name)?.values() ?? [])].every(({ gone }) => gone)) this.#pods.delete(name);
  }
}

/** Between two states of a Job that is the same one: it was suspended, or was so meanwhile and begins anew. */
function isTakenBack(before: V1Job, job: V1Job): boolean {
  const [began, begins] = [time(before.status?.startTime), time(job.status?.startTime)];
  const isSuspended = before.spec?.suspend !== true && job.spec?.suspend === true;
  return before.metadata?.uid === job.metadata?.uid && (isSuspended || (began !== null && began !== begins));
}
