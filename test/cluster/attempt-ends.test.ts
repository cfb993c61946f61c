/** Every way in which an attempt ends, made to happen on real nodes, and what the adapter and `classifyEnd` say of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUSYBOX_IMAGE } from '../../deploy/dev-cluster/index.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { podOf as findPod } from '../../src/adapters/kubernetes/pods.ts';
import { classifyEnd } from '../../src/rules/attempt-ends.ts';
import { GRACES } from '../../src/rules/durations.ts';
import type { AttemptVerdict, JobEnd, JobSpec } from '../../src/contract/jobs.ts';
import type { Compute, JobStatus } from '../../src/ports/compute.ts';
import { until } from '../workflow/environment.ts';
import { clusterCanRun, kubernetesConfig, makeNamespace, POLITE, poolOf, removeNamespace, sharedCluster, shellJob } from './harness.ts';
import { NO_EVIDENCE } from '../support/end-evidence.ts';

const NAMESPACE = 'attempt-ends';
/** Longer than any case here takes. */
const FOREVER = `trap 'exit 143' TERM; echo ready; while :; do sleep 0.1; done`;
/** What an end is given whose cause is not told: one with a sign does not wait for it. How quickly it is replaced is for `bench -- recovery`. */
const PATIENCE_MS = GRACES.podEndAfterContainersSeconds * 1000;

const verdictOf = (end: JobEnd, committed = false): AttemptVerdict =>
  classifyEnd(end, { ...NO_EVIDENCE, latest: committed ? { attempt: 1, reason: 'sigterm', samples: 1 } : null }).verdict;

describe.skipIf(!clusterCanRun())('an attempt on a cluster', () => {
  let cluster: Cluster;
  let compute: Compute;
  let client: KubeClient;

  beforeAll(async () => {
    cluster = sharedCluster();
    await Promise.all([
      makeNamespace(cluster, NAMESPACE),
      cluster.addNode({ name: 'rough-1', labels: { pool: 'rough' } }),
      cluster.addNode({ name: 'lost-1', labels: { pool: 'lost' } }),
      cluster.addNode({ name: 'small-1', labels: { pool: 'small' }, cpu: 0.5, memoryMb: 512 }),
    ]);
    const config = kubernetesConfig(cluster, NAMESPACE);
    client = openClient(config);
    compute = await openKubernetesCompute(config, { patience: { recoverySeconds: 5 } });
  });
  afterAll(async () => {
    await compute.close();
    await removeNamespace(cluster, NAMESPACE);
    for (const node of ['rough-1', 'lost-1', 'small-1']) await cluster.removeNode(node).catch(() => undefined);
  });

  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl(['-n', NAMESPACE, ...args]);
  const watch = (spec: JobSpec, noCapacitySeconds = 60, onStatus?: (status: JobStatus) => void): Promise<JobEnd> =>
    compute.watch(spec.name, { signal: new AbortController().signal, noCapacitySeconds, onStatus });
  const podOf = async ({ name }: JobSpec): Promise<string> => (await findPod(client, name))?.metadata?.name ?? '';
  /** Created, and running on a node. */
  const begin = async (script: string, changes: Partial<JobSpec> = {}): Promise<{ spec: JobSpec; watching: Promise<JobEnd> }> => {
    const spec = shellJob(script, changes);
    await compute.create(spec);
    let watching!: Promise<JobEnd>;
    await new Promise<void>((resolve, reject) => {
      watching = watch(spec, 60, ({ phase }) => {
        if (phase !== 'pending') resolve();
      });
      watching.catch(reject);
    });
    // PID 1 sets its trap a moment after it runs.
    for await (const line of compute.logs(spec.name, { follow: true })) if (line === 'ready') break;
    return { spec, watching };
  };
  const finish = async (script: string, changes: Partial<JobSpec> = {}): Promise<JobEnd> => {
    const spec = shellJob(script, changes);
    await compute.create(spec);
    return watch(spec);
  };
  const evict = (pod: string): Promise<unknown> =>
    client.request('POST', `${client.podsPath(pod)}/eviction`, {
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace: NAMESPACE } },
    });

  /** The end, and the milliseconds from when the API server first showed the sign to the created replacement. */
  const replaced = async (
    { spec, watching }: { spec: JobSpec; watching: Promise<JobEnd> },
    act: () => Promise<unknown>,
    sign: 'pod' | 'node' = 'pod',
  ): Promise<{ end: JobEnd; afterSignMs: number }> => {
    const over = new AbortController();
    const node = (await findPod(client, spec.name))?.spec?.nodeName ?? '';
    const signAt = sign === 'pod' ? podEnds(spec, over.signal) : nodeIsSilent(node, over.signal);
    await act();
    const end = await watching;
    await compute.create({ ...spec, name: `${spec.name}-next`, command: ['true'], pool: poolOf('on-demand') });
    const createdAt = Date.now();
    const afterSignMs = createdAt - (await signAt);
    over.abort();
    return { end, afterSignMs };
  };
  const podEnds = (spec: JobSpec, signal: AbortSignal): Promise<number> =>
    first(client.podsPath(), { labelSelector: `job-name=${spec.name}` }, signal, (pod) => /"phase":"(Failed|Succeeded)"/.test(pod));
  const nodeIsSilent = (node: string, signal: AbortSignal): Promise<number> =>
    first('/api/v1/nodes', { fieldSelector: `metadata.name=${node}` }, signal, (text) =>
      /"type":"Ready","status":"Unknown"|"type":"DELETED"/.test(text),
    );
  const first = async (path: string, query: object, signal: AbortSignal, matches: (line: string) => boolean): Promise<number> => {
    for await (const line of client.lines(path, { query: { ...query, watch: true }, signal, silenceMs: 120_000 }))
      if (matches(line)) return Date.now();
    throw new Error('the watch ended without the sign');
  };

  describe.concurrent('is replaced at the sign', () => {
    it('when its pod is evicted by the Eviction API', async () => {
      const begun = await begin(POLITE);
      const { end, afterSignMs } = await replaced(begun, async () => evict(await podOf(begun.spec)));
      expect(end).toMatchObject({ state: 'failed', exitCode: 143, disruption: 'EvictionByEvictionAPI', deletedByOther: false });
      expect(verdictOf(end)).toBe('preempted');
      expect(end.logTail).toContain('saved');
      expect(afterSignMs).toBeLessThan(PATIENCE_MS);
    });

    it('when the scheduler makes room for one of higher priority', async () => {
      for (const [name, value] of [['low', 10], ['high', 1000]] as const) await kubectl('create', 'priorityclass', name, `--value=${value}`); // prettier-ignore
      const resources = { cpu: 0.3, memoryMb: 64, gpu: 0 };
      const begun = await begin(POLITE, { pool: poolOf('small'), resources });
      const important = await openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE, { priorityClass: 'high' }));
      const intruder = shellJob('sleep 1', { pool: poolOf('small'), resources });
      const { end, afterSignMs } = await replaced(begun, () => important.create(intruder));
      expect(end).toMatchObject({ exitCode: 143, disruption: 'PreemptionByScheduler', node: 'small-1' });
      expect(verdictOf(end)).toBe('preempted');
      expect(afterSignMs).toBeLessThan(PATIENCE_MS);
      await important.close();
    });

    it('when its node gets a NoExecute taint, is drained, or is shut down', async () => {
      const rough = { pool: poolOf('rough') };
      const tainted = await begin(POLITE, rough);
      const taint = { key: 'maintenance', value: 'now', effect: 'NoExecute' } as const;
      const byTaint = await replaced(tainted, () => cluster.taint('rough-1', taint));
      await cluster.untaint('rough-1', taint);
      expect(byTaint.end).toMatchObject({ exitCode: 143, disruption: 'DeletionByTaintManager' });

      const drained = await begin(POLITE, rough);
      let draining = Promise.resolve();
      const byDrain = await replaced(drained, () => {
        draining = cluster.drain('rough-1');
        return Promise.resolve();
      });
      await draining;
      await cluster.uncordon('rough-1');
      expect(byDrain.end).toMatchObject({ exitCode: 143, disruption: 'EvictionByEvictionAPI' });

      const noticed = await begin(POLITE, rough);
      const byShutdown = await replaced(noticed, () => cluster.shutdown('rough-1'));
      expect(byShutdown.end).toMatchObject({ exitCode: 143, disruption: 'TerminationByKubelet' });
      expect(byShutdown.end.logTail).toContain('saved');

      for (const { end, afterSignMs } of [byTaint, byDrain, byShutdown]) {
        expect(verdictOf(end)).toBe('preempted');
        expect(afterSignMs).toBeLessThan(PATIENCE_MS);
      }
    });

    it('when its node falls silent, and also when the node is then deleted', async () => {
      const lost = { pool: poolOf('lost') };
      const [silent, other] = await Promise.all([begin(FOREVER, lost), begin(FOREVER, lost)]);
      const bySilence = await replaced(silent, () => cluster.freeze('lost-1'), 'node');
      expect(bySilence.end).toMatchObject({ state: 'lost', nodeLost: true, exitCode: null, node: 'lost-1' });
      expect(bySilence.end.message).toMatch(/node lost-1 is silent/);
      expect(verdictOf(bySilence.end)).toBe('preempted');
      expect(bySilence.afterSignMs).toBeLessThan(PATIENCE_MS);
      expect(await other.watching).toMatchObject({ nodeLost: true });

      await cluster.deleteNodeObject('lost-1');
      // Also for a worker that comes only now.
      const saysSo = async (): Promise<boolean> => /node lost-1 was deleted|not there|removed/.test((await watch(silent.spec)).message);
      await until(saysSo, 'a worker that comes later to hear of the node');
    });

    it('when its pod is deleted by hand', async () => {
      const begun = await begin(POLITE);
      const { end, afterSignMs } = await replaced(begun, async () => kubectl('delete', 'pod', await podOf(begun.spec), '--wait=false'));
      expect(end).toMatchObject({ exitCode: 143, disruption: null, deletedByOther: true });
      expect([verdictOf(end), verdictOf(end, true)]).toEqual(['deleted', 'preempted']);
      expect(afterSignMs).toBeLessThan(PATIENCE_MS);
    });
  });

  describe.concurrent('tells', () => {
    it('a SIGTERM from inside, which is a preemption only with a committed checkpoint', async () => {
      const end = await finish(`trap 'exit 143' TERM; kill -TERM $$; while :; do sleep 0.1; done`);
      expect(end).toMatchObject({ exitCode: 143, disruption: null, deletedByOther: false });
      expect([verdictOf(end), verdictOf(end, true)]).toEqual(['crashed', 'preempted']);
    });

    it('a SIGKILL', async () => {
      const end = await finish(`sh -c 'kill -9 $$'; exit $?`);
      expect(end).toMatchObject({ exitCode: 137, outOfMemory: false });
      expect(verdictOf(end)).toBe('crashed');
    });

    it('a container that is killed for its memory', async () => {
      const end = await finish(`head -c 100000000 /dev/zero | tail -c 100000000 > /dev/null; exit $?`, {
        resources: { cpu: 0.05, memoryMb: 24, gpu: 0 },
      });
      expect(end).toMatchObject({ exitCode: 137, outOfMemory: true });
      expect(verdictOf(end)).toBe('out-of-memory');
    });

    it('exit codes, with the end of the log', async () => {
      const [crash, data] = await Promise.all([finish('echo why; exit 3'), finish('echo bad part; exit 65')]);
      expect([verdictOf(crash), crash.logTail]).toEqual(['crashed', 'why\n']);
      expect([verdictOf(data), data.logTail]).toEqual(['bad-input', 'bad part\n']);
    });

    it('an end of its own, however late it comes, and beside a container that goes on', async () => {
      const mesh = { name: 'mesh', image: BUSYBOX_IMAGE, command: ['sh', '-c', FOREVER] };
      const security = { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } };
      const beside = { spec: { securityContext: { runAsUser: 65534 }, containers: [{ ...mesh, ...security }] } };
      // Older than the patience with a container that starts, as a training is after half an hour.
      const patience = { startingSeconds: 8 };
      const [alone, accompanied] = await Promise.all([
        openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE), { patience }),
        openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE, { podTemplate: beside }), { patience }),
      ]);
      const endOf = async (by: Compute, script: string): Promise<JobEnd> => {
        const spec = shellJob(script);
        await by.create(spec);
        return by.watch(spec.name, { signal: new AbortController().signal, noCapacitySeconds: 60 });
      };
      const [done, crashed, withMesh] = await Promise.all([
        endOf(alone, 'sleep 10; exit 0'),
        endOf(alone, 'sleep 10; echo why; exit 3'),
        endOf(accompanied, 'sleep 10; echo why; exit 3'),
      ]);
      expect(done).toMatchObject({ state: 'succeeded', exitCode: 0, notStarted: null, lingering: null });
      expect(crashed).toMatchObject({ exitCode: 3, notStarted: null, logTail: 'why\n', lingering: null });
      expect(withMesh).toMatchObject({ exitCode: 3, notStarted: null, logTail: 'why\n', lingering: 'rest' });
      await Promise.all([alone.close(), accompanied.close()]);
    });

    it('the deadline, with the log', async () => {
      const end = await finish(FOREVER, { deadlineSeconds: 2 });
      expect(end).toMatchObject({ exitCode: 143, deadlineExceeded: true, deletedByOther: false, logTail: 'ready\n' });
      expect(verdictOf(end)).toBe('crashed');
    });

    it('an image that cannot be pulled, as nobody answers for its registry', async () => {
      const end = await finish('true', { image: 'dev-cluster.local/no-such-image:1' });
      expect(end.notStarted).toMatchObject({ reason: 'image', message: expect.stringMatching(/no-such-image/) as string, passes: true });
      expect(verdictOf(end)).toBe('no-capacity');
    });

    it('a pull policy that forbids to pull it, at once', async () => {
      const never = await openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE, { imagePullPolicy: 'Never' }));
      const spec = shellJob('true', { image: 'dev-cluster.local/no-such-image:1' });
      await never.create(spec);
      expect((await watch(spec)).notStarted).toMatchObject({
        reason: 'image',
        message: expect.stringMatching(/ErrImageNeverPull/) as string,
      });
      await never.close();
    });

    it('that no node fits, in the scheduler’s words', async () => {
      const spec = shellJob('true', { resources: { cpu: 0.05, memoryMb: 32, gpu: 8 } });
      await compute.create(spec);
      const end = await watch(spec, 1);
      expect(end.notStarted).toMatchObject({
        reason: 'no-capacity',
        message: expect.stringMatching(/0\/\d+ nodes are available.*Insufficient nvidia.com\/gpu.*longer than 1 s/) as string,
      });
      expect(verdictOf(end)).toBe('no-capacity');
    });

    it('that the user of the image is root, at once', async () => {
      const strict = await openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE, { podTemplate: undefined }));
      const spec = shellJob('true');
      await strict.create(spec);
      expect((await watch(spec)).notStarted).toMatchObject({
        reason: 'rejected',
        message: expect.stringMatching(/runAsNonRoot/) as string,
      });
      await strict.close();
    });

    it('a quota that is used up', async () => {
      const namespace = `${NAMESPACE}-quota`;
      await makeNamespace(cluster, namespace);
      await cluster.kubectl(['-n', namespace, 'create', 'quota', 'no-pods', '--hard=pods=0']);
      const limited = await openKubernetesCompute(kubernetesConfig(cluster, namespace));
      const spec = shellJob('true');
      await limited.create(spec);
      const end = await limited.watch(spec.name, { signal: new AbortController().signal, noCapacitySeconds: 2 });
      expect(end.notStarted).toMatchObject({ reason: 'quota', message: expect.stringMatching(/exceeded quota: no-pods/) as string });
      expect(verdictOf(end)).toBe('no-capacity');
      await limited.remove(spec.name);
      await limited.close();
      await removeNamespace(cluster, namespace);
    });

    it('what Pod Security refuses, at once', async () => {
      const overlay = { spec: { containers: [{ name: 'main', securityContext: { allowPrivilegeEscalation: true } }] } };
      const loose = await openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE, { podTemplate: overlay }));
      const spec = shellJob('true');
      await loose.create(spec);
      expect((await watch(spec)).notStarted).toMatchObject({
        reason: 'rejected',
        message: expect.stringMatching(/violates PodSecurity "restricted/) as string,
      });
      await loose.close();
    });

    it('that its namespace is being deleted: the attempt as deleted, the next one as refused', async () => {
      const namespace = `${NAMESPACE}-terminating`;
      await makeNamespace(cluster, namespace);
      const doomed = await openKubernetesCompute(kubernetesConfig(cluster, namespace));
      const spec = shellJob(`trap 'sleep 2; exit 143' TERM; echo ready; while :; do sleep 0.1; done`, { graceSeconds: 5 });
      await doomed.create(spec);
      const running = until(async () => (await doomed.list())[0]?.phase === 'running', `${spec.name} to run`);
      const watching = doomed.watch(spec.name, { signal: new AbortController().signal, noCapacitySeconds: 60 });
      await running;
      await removeNamespace(cluster, namespace);
      await expect(doomed.create(shellJob('true'))).rejects.toMatchObject({
        type: 'InvalidInput',
        message: expect.stringMatching(new RegExp(`namespace ${namespace} is being deleted`)) as string,
      });
      expect(verdictOf(await watching)).toBe('deleted');
      await doomed.close();
    });

    it('a namespace that is not there', async () => {
      const nowhere = await openKubernetesCompute(kubernetesConfig(cluster, 'nowhere'));
      await expect(nowhere.create(shellJob('true'))).rejects.toMatchObject({
        type: 'InvalidInput',
        message: expect.stringMatching(/there is no namespace nowhere.*kubectl create namespace nowhere/) as string,
      });
      await nowhere.close();
    });

    it('an eviction also to a worker that comes when the pod is gone', async () => {
      const { spec, watching } = await begin(POLITE);
      await evict(await podOf(spec));
      await watching;
      await until(async () => (await podOf(spec)) === '', 'the pod to be gone');
      await kubectl('wait', '--for=condition=Failed', `job/${spec.name}`, '--timeout=600s');
      const late = await openKubernetesCompute(kubernetesConfig(cluster, NAMESPACE));
      const end = await late.watch(spec.name, { signal: new AbortController().signal, noCapacitySeconds: 60 });
      expect(end).toMatchObject({ state: 'failed', disruption: 'DisruptionTarget', deletedByOther: false });
      expect(verdictOf(end)).toBe('preempted');
      await late.close();
    });
  });
});
