/** Trials and plain Jobs whose machines are taken away, and a clock beside them. */
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { podOf } from '../../src/adapters/kubernetes/pods.ts';
import { attemptJobName, homeOf } from '../../src/contract/ids.ts';
import type { ProgressRecord } from '../../src/contract/trial.ts';
import type { Profile } from '../../src/contract/profile.ts';
import { BUSYBOX_IMAGE } from '../../deploy/dev-cluster/index.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import type { TrialLab } from '../../test/cluster/trial-lab.ts';

export interface Recovery {
  /** Seconds to the replacement Job's creation. */
  readonly toJob: number;
  /** Seconds to its first record of training. */
  readonly toSample: number;
  /** Samples that had to be trained again. */
  readonly lost: number;
}

type Kind = 'evict' | 'preempt' | 'pod_deleted' | 'node_lost';

export interface Scene {
  recover(kind: Kind, run: string): Promise<Recovery>;
  /** The Job controller's own replacement after an eviction, with `podFailurePolicy: Ignore`. */
  jobController(number: number): Promise<number>;
  close(): Promise<void>;
}

const POOL_OF: Readonly<Record<Kind, string>> = { evict: 'spot', preempt: 'spot-small', pod_deleted: 'spot', node_lost: 'spot-lost' };
const LOST_NODE = 'lost-1';
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

  const recover = async (kind: Kind, run: string): Promise<Recovery> => {
    const pool = POOL_OF[kind];
    const handle = await lab.start(run, { profile: only(lab.profile, pool) });
    await until(async () => (await trained(lab, run, 1)).length >= RECORDS_BEFORE);
    const jobs = watchJobs(client, jobName(run, 2), over.signal);
    const since = await act(kind, run);
    const createdAt = await jobs;
    await afterwards(kind);
    await until(async () => (await trained(lab, run, 2)).length > 0);
    const sampleAt = Date.now();
    const before = (await lab.records(run)).filter(({ attempt, kind: what }) => attempt === 1 && what !== 'start').at(-1);
    const start = (await lab.records(run)).find(({ attempt, kind: what }) => attempt === 2 && what === 'start');
    await handle.cancel();
    await handle.result();
    const lost = Math.max(0, (before?.samples ?? 0) - (start?.samples ?? 0));
    return { toJob: (createdAt - since) / 1000, toSample: (sampleAt - since) / 1000, lost };
  };

  /** Takes the machine away; returns the moment that counts, ms since 1970. */
  const act = async (kind: Kind, run: string): Promise<number> => {
    const pod = (await podOf(client, jobName(run, 1)))?.metadata?.name ?? '';
    const at = Date.now();
    if (kind === 'evict') await evict(client, namespace, pod);
    else if (kind === 'pod_deleted') await client.request('DELETE', client.podsPath(pod));
    else if (kind === 'preempt') await client.request('POST', client.podsPath(), { body: intruder(run) });
    else {
      const silent = nodeIsSilent(client, LOST_NODE, over.signal);
      await cluster.freeze(LOST_NODE);
      return silent;
    }
    return at;
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
      await cluster.kubectl(['delete', 'priorityclass', 'bench-high', '--ignore-not-found']);
    },
  };
}

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly phase?: string };
}

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
