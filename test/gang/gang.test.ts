/** Trials of two and three real pods that lose machines end with the bits of the undisturbed ones, and leave nothing behind. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Job, V1Pod } from '@kubernetes/client-node';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { newestPods, podOf } from '../../src/adapters/kubernetes/pods.ts';
import { archiveOf } from '../../src/compile/code/archive.ts';
import { sha256 } from '../../src/contract/canonical-json.ts';
import { codeUri } from '../../src/contract/code.ts';
import { attemptJobName, homeOf, jobEndingWorkflowId } from '../../src/contract/ids.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { TrialSummary } from '../../src/contract/trial-run.ts';
import { SearchSpec } from '../../src/contract/steps.ts';
import { openPorts } from '../../src/adapters/open.ts';
import { readKeptLog } from '../../src/present/kept-logs.ts';
import { clusterCanRun, kubernetesConfig, sharedCluster } from '../cluster/harness.ts';
import { trainerImage } from '../cluster/images.ts';
import { openTrialLab } from '../cluster/trial-lab.ts';
import type { TrialLab } from '../cluster/trial-lab.ts';
import type { trial } from '../../workflows/index.ts';
import { serveNames } from './names.ts';
import type { Names } from './names.ts';

const NAMESPACE = 'gang';
const LOOKS = { interval: 200 };
/** The trial that is to find too few machines gives up soon, the others wait for as long as a busy machine takes. */
const NO_CAPACITY_SECONDS = { soon: 10, patient: 300 };
/** One rank fits on each node of these pools, and none beside it. */
const RANK_CPU = 0.5;
const NODE_CPU = 0.9;
const NODES = ['pair-1', 'pair-2', 'wide-1', 'wide-2', 'wide-3'];
const MEMORY_MB = { plain: 300, tensorflow: 1500 };
const SCRIPTS = '../../python/tests/sdk/scripts';
/** Files of this folder, by their names in the archive. */
const TEN_LINES = {
  sockets: {
    files: { 'train.py': 'ten_lines.py', 'sockets.py': `${SCRIPTS}/sockets.py` },
    metric: 'loss',
    epochs: 8,
    memoryMb: MEMORY_MB.plain,
  },
  tensorflow: {
    files: { 'train.py': `${SCRIPTS}/gang_tensorflow.py` },
    metric: 'validation_ndcg_at_10',
    epochs: 20,
    memoryMb: MEMORY_MB.tensorflow,
  },
} as const;

interface Wanted {
  /** Changes of the profile. */
  readonly pools?: object;
  /** Changes of the spec. */
  readonly program?: object;
}

describe.skipIf(!clusterCanRun())('a trial on several machines', () => {
  let cluster: Cluster;
  let client: KubeClient;
  let lab: TrialLab;
  let names: Names;
  let profile: Profile;
  let script: string;

  beforeAll(async () => {
    cluster = sharedCluster();
    client = openClient(kubernetesConfig(cluster, NAMESPACE));
    lab = await openTrialLab(cluster, { namespace: NAMESPACE, pools: ['pair', 'wide'], parts: 1 });
    await Promise.all(NODES.map(addNode));
    await cluster.loadImage((await trainerImage()).archive, NODES);
    names = await serveNames(client, cluster.hostAddress);
    const { compute, placement } = lab.profile;
    profile = Profile.parse({
      ...lab.profile,
      compute: { ...compute, podTemplate: names.podTemplate },
      placement: { ...placement, noCapacitySeconds: NO_CAPACITY_SECONDS.patient },
      silenceSeconds: 0,
    });
    script = await readFile(join(import.meta.dirname, 'trainer.py'), 'utf8');
  });
  afterAll(async () => {
    await lab.close();
    await names[Symbol.asyncDispose]();
    for (const node of NODES) await cluster.removeNode(node).catch(() => undefined);
  });

  const addNode = (name: string): Promise<void> => cluster.addNode({ name, labels: { pool: name.split('-')[0] ?? '' }, cpu: NODE_CPU });
  const start = (run: string, nodes: number, { pools = {}, program = {} }: Wanted = {}): Promise<WorkflowHandle<typeof trial>> =>
    lab.start(run, {
      profile: Profile.parse({ ...profile, ...pools }),
      spec: SearchSpec.parse({
        kind: 'search',
        command: ['python', '-u', '-c', script],
        objective: { metric: 'loss', goal: 'minimize' },
        space: {},
        trials: 1,
        resources: { nodes, cpu: RANK_CPU, memoryMb: MEMORY_MB.plain },
        output: 'gs://lab/unused',
        ...program,
      }),
    });
  const inWide = (): Wanted => ({ pools: { placement: { ...profile.placement, order: ['wide'] } } });
  /** Shipped, and started by the launcher, with `longhaul.trial()` in it. */
  const tenLines = async (name: keyof typeof TEN_LINES): Promise<object> => {
    const { files, metric, epochs, memoryMb } = TEN_LINES[name];
    const read = async (path: string, file: string) => ({ path, data: await readFile(join(import.meta.dirname, file)), executable: false });
    const archive = archiveOf(await Promise.all(Object.entries(files).map(([path, file]) => read(path, file))));
    const code = { sha256: sha256(archive), bytes: archive.byteLength, files: Object.keys(files).length, from: 'trainer' };
    await lab.store.write(codeUri(lab.store.root, code), archive);
    return {
      code,
      command: ['python', '-u', 'train.py'],
      env: { LONGHAUL_STEP_DELAY_SECONDS: '0.02' },
      objective: { metric, goal: 'minimize' },
      epochs,
      checkpoint: { minSeconds: 1, maxSeconds: 2 },
      resources: { nodes: 2, cpu: RANK_CPU, memoryMb },
    };
  };
  const jobName = (run: string, attempt: number): string =>
    attemptJobName({ home: homeOf(lab.store.root), run, step: 'search' }, 0, attempt);
  /** The undisturbed trial of so many ranks, trained once, and alone: two at a time would take machines from each other. */
  const calm = new Map<string, Promise<TrialSummary>>();
  const undisturbed = (nodes: number, name = `calm-${nodes}`, program: object = {}): Promise<TrialSummary> => {
    const made = calm.get(name) ?? start(name, nodes, { program, ...(nodes > 2 ? inWide() : {}) }).then((handle) => handle.result());
    calm.set(name, made);
    return made;
  };
  const trains = (run: string, attempt: number): Promise<void> =>
    expect.poll(async () => (await lab.records(run)).some((one) => one.attempt === attempt && one.kind !== 'start'), LOOKS).toBe(true);
  /** It has a checkpoint to go on from. */
  const hasSaved = (run: string, attempt: number): Promise<void> =>
    expect.poll(async () => (await lab.latest(run))?.attempt, LOOKS).toBe(attempt);
  const podName = async (run: string, attempt: number, rank: number): Promise<string> =>
    (await podOf(client, jobName(run, attempt), rank))?.metadata?.name ?? '';
  const evict = (pod: string): Promise<unknown> =>
    client.request('POST', `${client.podsPath(pod)}/eviction`, {
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace: NAMESPACE } },
    });
  /** As the kernel would, without a word: containers of the cluster are processes of this machine. */
  const kill = async (run: string, rank: number): Promise<void> => {
    const wanted = [`LONGHAUL_OUTPUT=${lab.outputOf(run)}`, `LONGHAUL_NODE_RANK=${rank}`];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const variables = (await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')).split('\0');
      if (wanted.every((each) => variables.includes(each))) process.kill(Number(pid), 'SIGKILL');
    }
  };
  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl(['-n', NAMESPACE, ...args]);
  const rowsOf = async (table: 'attempts' | 'attempt_nodes', run: string): Promise<readonly Record<string, unknown>[]> => {
    await using ports = openPorts();
    return await (await ports.warehouse(profile)).ledger(table, { run });
  };
  const attempts = (run: string): Promise<readonly Record<string, unknown>[]> => rowsOf('attempts', run);
  const nodeRows = (run: string): Promise<readonly Record<string, unknown>[]> => rowsOf('attempt_nodes', run);

  /** Same bits as undisturbed, nothing that runs, a Service only where there is its Job, and money for each machine. */
  const endsLike = async (
    run: string,
    nodes: number,
    handle: WorkflowHandle<typeof trial>,
    calmOne: TrialSummary,
  ): Promise<TrialSummary> => {
    const summary = await handle.result();
    expect(summary.reason).toBeNull();
    expect(calmOne.weightsSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(summary).toMatchObject({ status: 'succeeded', weightsSha256: calmOne.weightsSha256 });
    const { items: pods } = await client.request<{ items: V1Pod[] }>('GET', client.podsPath());
    const own = pods.filter(({ metadata }) => metadata?.labels?.['longhaul.dev/run'] === run);
    expect(own.filter(({ status, spec }) => status?.phase === 'Running' && !LOST.has(spec?.nodeName ?? ''))).toEqual([]);
    const rows = await attempts(run);
    const machines = await nodeRows(run);
    for (const { attempt, cost } of rows) {
      const parts = machines.filter((each) => each['attempt'] === attempt);
      expect(parts.map(({ rank }) => Number(rank)).sort()).toEqual(Array.from({ length: nodes }, (_, rank) => rank));
      expect(parts.reduce((sum, each) => sum + Number(each['cost']), 0)).toBeCloseTo(Number(cost), 9);
    }
    const { items: jobs } = await client.request<{ items: V1Job[] }>('GET', client.jobsPath());
    for (const job of jobs.filter(({ metadata }) => metadata?.labels?.['longhaul.dev/run'] === run))
      await lab.compute.remove(job.metadata?.name ?? '', { waitSeconds: 5 });
    // Kubernetes' garbage collector takes each Service with its Job.
    await expect.poll(() => kubectl('get', 'services', '-l', `longhaul.dev/run=${run}`, '-o', 'name'), LOOKS).toBe('');
    return summary;
  };
  const LOST = new Set<string>();
  const verdicts = async (run: string): Promise<unknown[]> => (await attempts(run)).map(({ verdict }) => verdict);

  it('runs as ranks that find each other, and keeps the log of each', async () => {
    expect(await undisturbed(2)).toMatchObject({ status: 'succeeded', carried: { attempts: 1, preemptions: 0 } });
    const job = await client.request<V1Job>('GET', client.jobsPath(jobName('calm-2', 1)));
    expect(job.spec).toMatchObject({ completionMode: 'Indexed', completions: 2, parallelism: 2, backoffLimit: 0 });
    for (const rank of [0, 1]) {
      const lines: string[] = [];
      for await (const { text } of readKeptLog(lab.store, lab.outputOf('calm-2'), 1, undefined, rank)) lines.push(text);
      expect(lines[0]).toBe(`rank ${rank} of 2 begins at step 0`);
    }
    const machines = await nodeRows('calm-2');
    expect(new Set(machines.map(({ node }) => node)).size).toBe(2);
  });

  it.each([0, 1])('goes on with equal bits when rank %i is evicted', async (rank) => {
    const calmOne = await undisturbed(2);
    const run = `evicted-${rank}`;
    const handle = await start(run, 2);
    await trains(run, 1);
    await evict(await podName(run, 1, rank));
    const signAt = Date.now();
    await expect
      .poll(
        () =>
          client.request('GET', client.jobsPath(jobName(run, 2))).then(
            () => true,
            () => false,
          ),
        { interval: 20 },
      )
      .toBe(true);
    const afterMs = Date.now() - signAt;
    const summary = await endsLike(run, 2, handle, calmOne);
    expect(summary.carried).toMatchObject({ attempts: 2, preemptions: 1, crashes: 0, lostCost: 0 });
    expect(await verdicts(run)).toEqual(['preempted', 'succeeded']);
    // Mostly it lets go before its machines have told of their end, and is seen to its end by somebody else.
    const ending = handle.client.getHandle(jobEndingWorkflowId({ run, step: 'search', trial: 0 }, 'attempt', 1)).describe();
    const handedOver = await ending.then(
      ({ status }) => status.name,
      () => null,
    );
    process.stderr.write(`gang: rank ${rank} of 2 evicted, the next Job after ${afterMs} ms, ${handedOver ? '' : 'not '}handed over\n`);
    expect(['COMPLETED', null]).toContain(handedOver);
    expect((await attempts(run))[0]).toMatchObject({ attempt: 1, exit_code: 143 });
  });

  it.each(Object.keys(TEN_LINES) as (keyof typeof TEN_LINES)[])(
    'goes on with equal bits with the ten lines of longhaul.trial(): %s, one rank evicted',
    async (name) => {
      const program = await tenLines(name);
      const run = `ten-${name}`;
      const calmOne = await undisturbed(2, `${run}-calm`, program);
      const handle = await start(run, 2, { program });
      await trains(run, 1);
      await evict(await podName(run, 1, 1));
      const summary = await endsLike(run, 2, handle, calmOne);
      expect(summary.carried).toMatchObject({ attempts: 2, preemptions: 1, crashes: 0, lostCost: 0 });
      expect(await verdicts(run)).toEqual(['preempted', 'succeeded']);
      // Both ranks said so, by the launcher that started them.
      expect(await lab.latest(run)).toMatchObject({ world: 2 });
    },
  );

  it('goes on when a rank is killed, which costs a retry', async () => {
    const calmOne = await undisturbed(2);
    const handle = await start('killed', 2);
    await hasSaved('killed', 1);
    await kill('killed', 1);
    await endsLike('killed', 2, handle, calmOne);
    expect(await verdicts('killed')).toEqual(['crashed', 'succeeded']);
    expect((await attempts('killed'))[0]?.['cause']).toMatch(/killed \(exit code 137\)/);
  });

  it('waits for the last of three, and goes where all fit, without holding a part of them', async () => {
    const calmOne = await undisturbed(3);
    const handle = await start('too-few', 3, {
      pools: { placement: { ...profile.placement, noCapacitySeconds: NO_CAPACITY_SECONDS.soon } },
    });
    const summary = await endsLike('too-few', 3, handle, calmOne);
    expect(summary.carried).toMatchObject({ attempts: 2, crashes: 0 });
    const rows = await attempts('too-few');
    expect(rows.map(({ verdict, pool }) => [verdict, pool])).toEqual([
      ['no-capacity', 'pair'],
      ['succeeded', 'wide'],
    ]);
    expect(rows[0]?.['cause']).toMatch(/1 of 3 pods wait: .*nodes are available/);
  });

  it('goes on when all nodes are drained at once', async () => {
    const calmOne = await undisturbed(3);
    const handle = await start('drained', 3, inWide());
    await trains('drained', 1);
    const wide = NODES.filter((name) => name.startsWith('wide'));
    await Promise.all(wide.map((name) => cluster.drain(name)));
    await Promise.all(wide.map((name) => cluster.uncordon(name)));
    const summary = await endsLike('drained', 3, handle, calmOne);
    expect(summary.carried).toMatchObject({ preemptions: 1, crashes: 0, lostCost: 0 });
  });

  it('goes on when a node vanishes: the rest is ended at once', async () => {
    const calmOne = await undisturbed(2);
    const handle = await start('vanished', 2);
    await hasSaved('vanished', 1);
    const [, second] = await newestPods(client, jobName('vanished', 1));
    const node = second?.spec?.nodeName ?? '';
    LOST.add(node);
    await cluster.freeze(node);
    await expect.poll(() => verdicts('vanished'), LOOKS).toEqual(['preempted']);
    expect((await attempts('vanished'))[0]?.['cause']).toMatch(new RegExp(`on ${node}`));
    // Its peer is not left in a sum that nobody answers.
    await expect
      .poll(async () => (await newestPods(client, jobName('vanished', 1))).filter(({ spec }) => spec?.nodeName !== node), LOOKS)
      .toEqual([]);
    await addNode('pair-3');
    NODES.push('pair-3');
    await cluster.loadImage((await trainerImage()).archive, ['pair-3']);
    const summary = await endsLike('vanished', 2, handle, calmOne);
    expect(summary.carried).toMatchObject({ preemptions: 1, crashes: 0 });
    await cluster.thaw(node);
  });
});
