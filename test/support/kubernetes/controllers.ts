/** What the Job controller, the scheduler and Kueue do, as far as Longhaul meets them. */
import type { Kubelet } from './kubelet.ts';
import { stamp } from './objects.ts';
import type { Change, Objects, Thing } from './objects.ts';

const JOB_NAME = 'batch.kubernetes.io/job-name';
const INDEX = 'batch.kubernetes.io/job-completion-index';
const QUEUE = 'kueue.x-k8s.io/queue-name';
const JOB_UID = 'kueue.x-k8s.io/job-uid';

/** Makes, places and ends pods of Jobs; starts with the first Job. */
export class Controllers {
  readonly closedPools = new Set<string>();
  readonly #objects: Objects;
  readonly #kubelet: Kubelet;
  readonly #stop: () => void;
  #pods = 0;

  constructor(objects: Objects, kubelet: Kubelet) {
    this.#objects = objects;
    this.#kubelet = kubelet;
    this.#stop = objects.subscribe(objects.version, (change) => queueMicrotask(() => this.#act(change)));
  }

  close(): void {
    this.#stop();
  }

  open(pool: string): void {
    this.closedPools.delete(pool);
    for (const pod of this.#objects.list('pods')) if (pod.status['phase'] === 'Pending') this.#place(pod);
  }

  /** One pod alone gets a machine of a pool that has no more. */
  place(name: string): void {
    const pod = this.#objects.get('pods', name);
    if (pod) this.#kubelet.start(pod, 'node-1');
  }

  /** As the API server does it: with the grace of the pod. */
  deletePod(name: string, condition?: object): void {
    const pod = this.#objects.change('pods', name, ({ metadata, spec, status }) => {
      metadata.deletionGracePeriodSeconds = (spec['terminationGracePeriodSeconds'] as number | undefined) ?? 30;
      metadata.deletionTimestamp ??= stamp(Date.now() + metadata.deletionGracePeriodSeconds * 1000);
      if (condition) status['conditions'] = [...((status['conditions'] as object[] | undefined) ?? []), condition];
    });
    if (!pod) return;
    if (this.#kubelet.isRunning(name)) this.#kubelet.end(name, {});
    else this.#objects.remove('pods', name);
  }

  /** The pod's kubelet looks at its containers now and then only. @returns what has it told how the pod ended */
  keepToItself(name: string): () => void {
    return this.#kubelet.keepToItself(name);
  }

  evict(name: string): void {
    const lastTransitionTime = stamp();
    this.deletePod(name, { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', lastTransitionTime });
  }

  podOf(job: string, rank?: number): Thing | undefined {
    const index = rank === undefined ? '' : `,${INDEX}=${rank}`;
    return this.#objects.list('pods', `${JOB_NAME}=${job}${index}`).at(-1);
  }

  deleteJob(name: string, foreground: boolean): void {
    const pods = this.#objects.list('pods', `${JOB_NAME}=${name}`);
    if (foreground && pods.length > 0) {
      this.#objects.change('jobs', name, ({ metadata }) => {
        metadata.deletionTimestamp ??= stamp();
      });
    } else this.#objects.remove('jobs', name);
    for (const pod of pods) this.deletePod(pod.metadata.name);
  }

  #act({ resource, type, object }: Change): void {
    if (resource === 'jobs' && type !== 'DELETED') this.#reconcile(object.metadata.name);
    if (resource === 'pods') {
      const job = object.metadata.labels?.[JOB_NAME] ?? '';
      if (type === 'DELETED') this.#podGone(job, object);
      else if (object.status['phase'] === 'Succeeded' || object.status['phase'] === 'Failed') this.#podEnded(job, object);
    }
  }

  #reconcile(name: string): void {
    const job = this.#objects.get('jobs', name);
    if (!job || job.metadata.deletionTimestamp !== undefined || isFinished(job)) return;
    const pods = this.#objects.list('pods', `${JOB_NAME}=${name}`);
    if (job.spec['suspend'] === true) {
      if (job.status['startTime'] !== undefined) this.#objects.change('jobs', name, ({ status }) => delete status['startTime']);
      for (const pod of pods) if (pod.metadata.deletionTimestamp === undefined) this.deletePod(pod.metadata.name);
      return;
    }
    if (job.status['startTime'] === undefined) {
      this.#objects.change('jobs', name, ({ status }) => (status['startTime'] = stamp()));
      return;
    }
    if (job.spec['completionMode'] !== 'Indexed') {
      if (pods.length === 0) this.#makePod(job);
      return;
    }
    for (let rank = 0; rank < Number(job.spec['completions']); rank++) if (!this.podOf(name, rank)) this.#makePod(job, rank);
  }

  #makePod(job: Thing, rank?: number): void {
    const template = job.spec['template'] as { metadata?: { labels?: Record<string, string> }; spec: Record<string, unknown> };
    const index: Record<string, string> = rank === undefined ? {} : { [INDEX]: String(rank) };
    const labels = { ...template.metadata?.labels, [JOB_NAME]: job.metadata.name, ...index };
    const readable = rank === undefined ? job.metadata.name : `${job.metadata.name}-${rank}`;
    const name = `${readable}-${String(++this.#pods).padStart(5, '0')}`;
    const metadata = { name, labels, annotations: index };
    this.#place(this.#objects.add('pods', { metadata, spec: template.spec, status: { phase: 'Pending' } }));
  }

  #place(pod: Thing): void {
    const pool = (pod.spec['nodeSelector'] as Record<string, string> | undefined)?.['pool'];
    if (pool === undefined || !this.closedPools.has(pool)) return this.#kubelet.start(pod, 'node-1');
    const message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
    this.#objects.change('pods', pod.metadata.name, ({ status }) => {
      status['conditions'] = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime: stamp() }];
    });
  }

  #podEnded(name: string, pod: Thing): void {
    const job = this.#objects.get('jobs', name);
    // A pod that is deleted because its Job was suspended does not count.
    if (!job || isFinished(job) || job.spec['suspend'] === true) return;
    const statuses = pod.status['containerStatuses'] as { name: string; state: { terminated?: { exitCode: number } } }[];
    const exitCode = statuses.find((each) => each.name === 'main')?.state.terminated?.exitCode ?? 0;
    const disrupted = JSON.stringify(pod.status['conditions'] ?? []).includes('DisruptionTarget');
    const rule = disrupted ? 0 : 1;
    const message = disrupted
      ? `Pod ns/${pod.metadata.name} has condition DisruptionTarget matching FailJob rule at index ${rule}`
      : `Container main for pod ns/${pod.metadata.name} failed with exit code ${exitCode} matching FailJob rule at index ${rule}`;
    const isDone = pod.status['phase'] === 'Succeeded';
    const all = this.#objects.list('pods', `${JOB_NAME}=${name}`);
    if (isDone && all.filter(({ status }) => status['phase'] === 'Succeeded').length < Number(job.spec['completions'] ?? 1)) return;
    const condition = isDone
      ? { type: 'Complete', status: 'True', lastTransitionTime: stamp() }
      : { type: 'Failed', status: 'True', reason: 'PodFailurePolicy', message, lastTransitionTime: stamp() };
    this.#objects.change('jobs', name, ({ status }) => (status['conditions'] = [condition]));
    // The other pods of a Job that has failed are deleted, without a word of why.
    for (const { metadata, status } of all)
      if (status['phase'] !== 'Succeeded' && status['phase'] !== 'Failed' && metadata.deletionTimestamp === undefined)
        this.deletePod(metadata.name);
  }

  #podGone(name: string, pod: Thing): void {
    const job = this.#objects.get('jobs', name);
    if (!job) return;
    if (job.metadata.deletionTimestamp !== undefined) {
      if (this.#objects.list('pods', `${JOB_NAME}=${name}`).length === 0) this.#objects.remove('jobs', name);
      return;
    }
    if (job.spec['suspend'] === true || isFinished(job)) return this.#reconcile(name);
    const phase = pod.status['phase'];
    if (phase !== 'Succeeded' && phase !== 'Failed') {
      const condition = { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: '', lastTransitionTime: stamp() };
      this.#objects.change('jobs', name, ({ status }) => (status['conditions'] = [condition]));
    }
  }
}

export const isFinished = (job: Thing): boolean =>
  ((job.status['conditions'] as { type: string }[] | undefined) ?? []).some(({ type }) => type === 'Complete' || type === 'Failed');

/** A queue that admits Jobs in the order of their creation, so many at once, and takes back what it admitted. */
export class Queue {
  readonly #objects: Objects;
  readonly #stop: () => void;
  /** Names in the order in which they were admitted; the same one again after it was taken back. */
  readonly admitted: string[] = [];
  /** The resource flavor of what it admits from now on. */
  flavor = 'any';
  /** What it says of the Jobs that wait. */
  shortage = 'insufficient unused quota for cpu in flavor any, 1 more needed';
  #places: number;

  constructor(objects: Objects, places: number) {
    this.#objects = objects;
    this.#places = places;
    this.#stop = objects.subscribe(0, ({ resource }) => {
      if (resource === 'jobs') queueMicrotask(() => this.#admit());
    });
  }

  set places(places: number) {
    this.#places = places;
    this.#admit();
  }

  /** Something more urgent came: the Job goes back to its old place. */
  preempt(name: string): void {
    this.#places -= 1;
    this.#objects.change('workloads', name, ({ status }) => delete status['admission']);
    this.#objects.change('jobs', name, ({ spec }) => (spec['suspend'] = true));
  }

  close(): void {
    this.#stop();
  }

  #admit(): void {
    const jobs = this.#objects.list('jobs').filter((job) => job.metadata.labels?.[QUEUE] !== undefined && !isFinished(job));
    const busy = jobs.filter(({ spec }) => spec['suspend'] !== true).length;
    const waiting = jobs.filter(({ spec, metadata }) => spec['suspend'] === true && metadata.deletionTimestamp === undefined);
    // Listed in the order of creation.
    const next = busy < this.#places ? waiting.shift() : undefined;
    for (const job of waiting) this.#pending(job);
    if (!next) return;
    this.admitted.push(next.metadata.name);
    this.#workload(next, { podSetAssignments: [{ name: 'main', flavors: { cpu: this.flavor, memory: this.flavor } }] });
    this.#objects.change('jobs', next.metadata.name, ({ spec }) => (spec['suspend'] = false));
  }

  /** What Kueue keeps of a Job, and says before the Job may begin. */
  #workload(job: Thing, admission: object): void {
    this.#workloadOf(job);
    this.#objects.change('workloads', job.metadata.name, ({ status }) => {
      status['admission'] = admission;
      status['conditions'] = ['QuotaReserved', 'Admitted'].map((type) => ({ type, status: 'True', lastTransitionTime: stamp() }));
    });
  }

  #pending(job: Thing): void {
    const { status } = this.#workloadOf(job);
    const message = `couldn't assign flavors to pod set main: ${this.shortage}`;
    if (JSON.stringify(status['conditions'] ?? []).includes(message)) return;
    const conditions = [{ type: 'QuotaReserved', status: 'False', reason: 'Pending', message, lastTransitionTime: stamp() }];
    this.#objects.change('workloads', job.metadata.name, (workload) => (workload.status['conditions'] = conditions));
  }

  #workloadOf({ metadata: { name, uid } }: Thing): Thing {
    return (
      this.#objects.get('workloads', name) ?? this.#objects.add('workloads', { metadata: { name, labels: { [JOB_UID]: uid } }, spec: {} })
    );
  }
}
