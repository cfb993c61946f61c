/** Trials and plain Jobs whose machines are taken away, and a clock beside them. */
import { readFile } from 'node:fs/promises';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { podOf } from '../../src/adapters/kubernetes/pods.ts';
import { attemptJobName, homeOf } from '../../src/contract/ids.ts';
import { ProgressRecord } from '../../src/contract/trial.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { TrialInput } from '../../src/contract/trial-run.ts';
import { SearchSpec } from '../../src/contract/steps.ts';
import { BUSYBOX_IMAGE } from '../../deploy/dev-cluster/index.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import type { TrialLab } from '../../test/cluster/trial-lab.ts';
import { serveNames } from '../../test/gang/names.ts';

export interface Recovery {
  /** Seconds from the sign, the first event of the API that shows what happened, to the replacement Job's creation. */
  readonly toJob: number;
  /** The same from the request that took the machine away. */
  readonly fromRequest: number;
  /** Seconds from the sign to the replacement's first word, when it has imported, built and restored. */
  readonly toStart: number;
  /** Seconds from the sign to its first record of training. */
  readonly toSample: number;
  /** Samples that had to be trained again. */
  readonly lost: number;
  /** Samples trained before the machine went. */
  readonly trained: number;
}

type Kind = 'evict' | 'preempt' | 'pod_deleted' | 'node_lost' | 'gang_evict';

/** Of the same trainer alone in a pod, from the request for that pod. */
export type Bare = Pick<Recovery, 'toStart' | 'toSample'>;

export interface Scene {
  recover(kind: Kind, run: string): Promise<Recovery>;
  /** The trainer of an attempt once more, in a pod that nobody watches, from its beginning. */
  bare(run: string): Promise<Bare>;
  /** The Job controller's own replacement after an eviction, with `podFailurePolicy: Ignore`. */
  jobController(number: number): Promise<number>;
  close(): Promise<void>;
}

const POOL_OF: Readonly<Record<Kind, string>> = {
  evict: 'spot',
  preempt: 'spot-small',
  pod_deleted: 'spot',
  node_lost: 'spot-lost',
  gang_evict: 'spot-gang',
};
const LOST_NODE = 'lost-1';
const GANG_NODES = 2;
/** It is cancelled when it has been measured. */
const GANG_STEPS = '1000000';
const POLL_MS = 20;
const PATIENCE_MS = 180_000;
/** Trained beyond the last regular checkpoint when the machine goes. */
const RECORDS_BEFORE = 3;

export async function openScene(cluster: Cluster, lab: TrialLab, namespace: string): Promise<Scene> {
  const config = { namespace, kubeconfig: cluster.kubeconfig };
  const client = openClient(config);
  const jobName = (run: string, attempt: number): string =>
    attemptJobName({ home: homeOf(lab.store.root), run, step: 'search' }, 0, attempt);
  for (const [name, value] of [['bench-high', 1000]] as const) await cluster.kubectl(['create', 'priorityclass', name, `--value=${value}`]);
  const over = new AbortController();
  const names = await serveNames(client, cluster.hostAddress);
  const profile = Profile.parse({ ...lab.profile, compute: { ...lab.profile.compute, podTemplate: names.podTemplate } });
  const script = await readFile(new URL('../../test/gang/trainer.py', import.meta.url), 'utf8');

  const recover = async (kind: Kind, run: string): Promise<Recovery> => {
    const pool = POOL_OF[kind];
    const handle = await lab.start(run, kind === 'gang_evict' ? gangOf(only(profile, pool), script) : { profile: only(lab.profile, pool) });
    await until(async () => (await trained(lab, run, 1)).length >= RECORDS_BEFORE);
    const pod = (await podOf(client, jobName(run, 1), kind === 'gang_evict' ? GANG_NODES - 1 : 0))?.metadata?.name ?? '';
    const jobs = watchJobs(client, jobName(run, 2), over.signal);
    const sign = kind === 'node_lost' ? nodeIsSilent(client, LOST_NODE, over.signal) : podIsToGo(client, pod, over.signal);
    const requestedAt = await act(kind, run, pod);
    const [signAt, createdAt] = await Promise.all([sign, jobs]);
    await afterwards(kind);
    const second = await firstWords(() => records(lab.store, lab.outputOf(run)), 2);
    const before = (await lab.records(run)).filter(({ attempt, kind: what }) => attempt === 1 && what !== 'start').at(-1);
    await handle.cancel();
    await handle.result();
    const since = (at: number): number => (at - signAt) / 1000;
    return {
      toJob: since(createdAt),
      fromRequest: (createdAt - requestedAt) / 1000,
      toStart: since(second.startAt),
      toSample: since(second.sampleAt),
      lost: Math.max(0, (before?.samples ?? 0) - second.samples),
      trained: before?.samples ?? 0,
    };
  };

  /** Takes the machine away; returns the moment of the request, ms since 1970. */
  const act = async (kind: Kind, run: string, pod: string): Promise<number> => {
    const at = Date.now();
    if (kind === 'evict' || kind === 'gang_evict') await evict(client, namespace, pod);
    else if (kind === 'pod_deleted') await client.request('DELETE', client.podsPath(pod));
    else if (kind === 'preempt') await client.request('POST', client.podsPath(), { body: intruder(run) });
    else await cluster.freeze(LOST_NODE);
    return at;
  };

  /** The manifest and the document of an attempt that was, with another output. */
  const bare = async (run: string): Promise<Bare> => {
    const name = jobName(run, 1);
    const handle = await lab.start(run, { profile: only(lab.profile, POOL_OF.evict) });
    await until(async () => (await trained(lab, run, 1)).length > 0);
    const { spec } = await client.request<Job>('GET', client.jobsPath(name));
    await handle.cancel();
    await handle.result();
    const [from, to] = [lab.outputOf(run), `${lab.outputOf(run)}-bare`];
    const document = await lab.store.read(`${from}/trial.json`);
    if (!document) throw new Error(`${from} has no trial.json`);
    await lab.store.write(`${to}/trial.json`, new TextDecoder().decode(document.data).replaceAll(from, to));
    const template = JSON.parse(JSON.stringify(spec.template.spec).replaceAll(from, to)) as object;
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: `bare-${run}`, labels: { bench: 'bare' } }, spec: template };
    const at = Date.now();
    await client.request('POST', client.podsPath(), { body: pod });
    const first = await firstWords(() => records(lab.store, to), 1);
    await client.request('DELETE', client.podsPath(`bare-${run}`), { query: { gracePeriodSeconds: 0 } });
    return { toStart: (first.startAt - at) / 1000, toSample: (first.sampleAt - at) / 1000 };
  };

  const afterwards = async (kind: Kind): Promise<void> => {
    if (kind === 'node_lost') {
      await cluster.thaw(LOST_NODE);
      await cluster.kubectl(['wait', '--for=condition=Ready', `node/${LOST_NODE}`, '--timeout=60s']);
    }
    if (kind === 'preempt') await cluster.kubectl(['-n', namespace, 'delete', 'pods', '-l', 'bench=intruder', '--wait=false']);
  };

  return {
    recover,
    bare,
    jobController: async (number) => {
      const name = `plain-${number}`;
      await client.request('POST', client.jobsPath(), { body: plainJob(name) });
      const query = { labelSelector: `job-name=${name}` };
      const pods = async (): Promise<readonly Pod[]> => (await client.request<{ items: Pod[] }>('GET', client.podsPath(), { query })).items;
      await until(async () => (await pods()).some(({ status }) => status?.phase === 'Running'));
      const first = (await pods())[0]?.metadata.name ?? '';
      const at = Date.now();
      await evict(client, namespace, first);
      await until(async () => (await pods()).some(({ metadata }) => metadata.name !== first));
      const seconds = (Date.now() - at) / 1000;
      await client.request('DELETE', client.jobsPath(name), { body: { propagationPolicy: 'Background' } });
      return seconds;
    },
    close: async () => {
      over.abort();
      await names[Symbol.asyncDispose]();
      await cluster.kubectl(['delete', 'priorityclass', 'bench-high', '--ignore-not-found']);
    },
  };
}

interface Job {
  readonly spec: { readonly template: { readonly spec: object } };
}

interface Words {
  /** ms since 1970, by the trainer's clock, which is this machine's. */
  readonly startAt: number;
  /** When the first record of training was seen, ms since 1970. */
  readonly sampleAt: number;
  /** With which it began. */
  readonly samples: number;
}

/** What comes before an attempt's start is told for the attempt before it: exports that were not seen in the store. */
async function firstWords(read: () => Promise<readonly ProgressRecord[]>, attempt: number): Promise<Words> {
  const found: Words[] = [];
  await until(async () => {
    const own = (await read()).filter((record) => record.attempt === attempt);
    const start = own.find(({ kind }) => kind === 'start');
    if (start === undefined || own.at(-1) === start) return false;
    return found.push({ startAt: start.time * 1000, sampleAt: Date.now(), samples: start.samples }) > 0;
  });
  const [words] = found;
  if (!words) throw new Error('no words of the trainer');
  return words;
}

async function records(store: TrialLab['store'], output: string): Promise<readonly ProgressRecord[]> {
  const found: ProgressRecord[] = [];
  for (let n = 1; ; n++) {
    const object = await store.read(`${output}/progress/${n}.json`);
    if (object === null) return found;
    found.push(ProgressRecord.parse(JSON.parse(new TextDecoder().decode(object.data))));
  }
}

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly phase?: string };
}

/** A trial on two machines, whose trainer takes no time to begin. */
const gangOf = (profile: Profile, script: string): Pick<TrialInput, 'profile' | 'spec'> => ({
  profile: { ...profile, silenceSeconds: 0 },
  spec: SearchSpec.parse({
    kind: 'search',
    command: ['python', '-u', '-c', script],
    env: { GANG_STEPS },
    objective: { metric: 'loss', goal: 'minimize' },
    space: {},
    trials: 1,
    resources: { nodes: GANG_NODES, cpu: 0.5, memoryMb: 300 },
    output: 'gs://lab/unused',
  }),
});

const only = (profile: Profile, pool: string): Profile => ({ ...profile, pools: profile.pools.filter(({ name }) => name === pool) });

/** What comes before an attempt's start is told for the attempt before it: exports that were not seen in the store. */
async function trained(lab: TrialLab, run: string, attempt: number): Promise<readonly ProgressRecord[]> {
  const own = (await lab.records(run)).filter((record) => record.attempt === attempt);
  const start = own.findIndex(({ kind }) => kind === 'start');
  return start < 0 ? [] : own.slice(start + 1);
}

const evict = (client: KubeClient, namespace: string, name: string): Promise<unknown> =>
  client.request('POST', `${client.podsPath(name)}/eviction`, {
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
  });

/** When the API server shows the Job, to the millisecond; creation timestamps are whole seconds. */
async function watchJobs(client: KubeClient, name: string, signal: AbortSignal): Promise<number> {
  const query = { watch: true, fieldSelector: `metadata.name=${name}` };
  for await (const _line of client.lines(client.jobsPath(), { query, signal, silenceMs: PATIENCE_MS })) return Date.now();
  throw new Error(`no Job ${name}`);
}

/** When the API server shows that a pod is to go, whoever asked for it. */
async function podIsToGo(client: KubeClient, pod: string, signal: AbortSignal): Promise<number> {
  const query = { watch: true, fieldSelector: `metadata.name=${pod}` };
  for await (const line of client.lines(client.podsPath(), { query, signal, silenceMs: PATIENCE_MS }))
    if (/"deletionTimestamp"|"type":"DisruptionTarget"|"type":"DELETED"/.test(line)) return Date.now();
  throw new Error(`pod ${pod} was never to go`);
}

async function nodeIsSilent(client: KubeClient, node: string, signal: AbortSignal): Promise<number> {
  const query = { watch: true, fieldSelector: `metadata.name=${node}` };
  for await (const line of client.lines('/api/v1/nodes', { query, signal, silenceMs: PATIENCE_MS }))
    if (/"type":"Ready","status":"Unknown"/.test(line)) return Date.now();
  throw new Error(`node ${node} never fell silent`);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; !(await holds());) {
    if (Date.now() > deadline) throw new Error(`it never came, in ${PATIENCE_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const restricted = { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } };
const container = (command: string, cpu: string): object => ({
  name: 'main',
  image: BUSYBOX_IMAGE,
  command: ['sh', '-c', command],
  resources: { requests: { cpu } },
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
});

/** Of higher priority, and too large to lie beside a trainer. */
const intruder = (run: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `intruder-${run}`, labels: { bench: 'intruder' } },
  spec: {
    priorityClassName: 'bench-high',
    nodeSelector: { pool: POOL_OF.preempt },
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    securityContext: restricted,
    containers: [container('sleep 300', '500m')],
  },
});

const plainJob = (name: string): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  spec: {
    backoffLimit: 6,
    podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }] },
    template: {
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 15,
        nodeSelector: { pool: 'spot' },
        securityContext: restricted,
        containers: [container("trap 'exit 143' TERM; while :; do sleep 0.1; done", '50m')],
      },
    },
  },
});
