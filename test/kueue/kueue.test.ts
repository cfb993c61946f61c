/** Trials in queues of the real Kueue: in order, within quota, taken back and gone on with the same bits, and nothing left of what is cancelled. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Job, V1Pod } from '@kubernetes/client-node';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { PERMISSIONS, QUEUE_PERMISSIONS } from '../../src/adapters/kubernetes/permissions.ts';
import { openPorts } from '../../src/adapters/open.ts';
import { attemptJobName, homeOf } from '../../src/contract/ids.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { TrialSummary } from '../../src/contract/trial-run.ts';
import { SearchSpec } from '../../src/contract/steps.ts';
import type { JobStatus } from '../../src/ports/compute.ts';
import { attemptsOf, placeOf } from '../../src/present/charts/views.ts';
import type { trial } from '../../workflows/index.ts';
import { clusterCanRun, kubernetesConfig, sharedCluster } from '../cluster/harness.ts';
import { grant, kubeconfigAs } from '../cluster/rights.ts';
import { openTrialLab } from '../cluster/trial-lab.ts';
import type { TrialLab } from '../cluster/trial-lab.ts';
import { serveNames } from '../gang/names.ts';
import type { Names } from '../gang/names.ts';
import { openQueues } from './queues.ts';
import type { Queues } from './queues.ts';

const NAMESPACE = 'kueue';
const ACCOUNT = 'workers';
const LOOKS = { interval: 200 };
/** Of a machine, from admission on; `patient` is as long as a busy machine takes. */
const NO_CAPACITY_SECONDS = { soon: 10, patient: 300 };
/** Of each rank, and so of a trial on one machine. */
const CPU = 0.4;
/** Longer than `soon`, so that who waits for this one waits longer than a machine may take. */
const LONG_STEPS = '700';
const ALONE = { LONGHAUL_NODE_RANK: '0', LONGHAUL_NODES: '1', LONGHAUL_COORDINATOR: 'localhost:29500' };
const POOL = { name: 'machines', spot: true, pricePerHour: 1 };

/** ms since 1970 */
interface Span {
  readonly from: number;
  readonly to: number;
}
interface Wanted {
  readonly nodes?: number;
  readonly pools?: readonly object[];
  readonly noCapacitySeconds?: number;
  readonly env?: Readonly<Record<string, string>>;
}

describe.skipIf(!clusterCanRun())('a trial in a queue of Kueue', () => {
  let cluster: Cluster;
  let client: KubeClient;
  let lab: TrialLab;
  let names: Names;
  let queues: Queues;
  let script: string;

  beforeAll(async () => {
    cluster = sharedCluster();
    client = openClient(kubernetesConfig(cluster, NAMESPACE));
    lab = await openTrialLab(cluster, { namespace: NAMESPACE, pools: [POOL.name], parts: 1 });
    await cluster.kubectl(['-n', NAMESPACE, 'create', 'serviceaccount', ACCOUNT]);
    await grant(cluster, NAMESPACE, { [ACCOUNT]: [...PERMISSIONS, ...QUEUE_PERMISSIONS] });
    names = await serveNames(client, cluster.hostAddress);
    queues = await openQueues(cluster, NAMESPACE);
    script = await readFile(join(import.meta.dirname, '../gang/trainer.py'), 'utf8');
  });
  afterAll(async () => {
    await lab.close();
    await names[Symbol.asyncDispose]();
  });

  /** Its workers have the rights that the chart gives them. */
  const start = (run: string, queue: string, { nodes = 1, pools = [POOL], noCapacitySeconds, env }: Wanted = {}) =>
    lab.start(run, {
      profile: Profile.parse({
        ...lab.profile,
        compute: {
          ...lab.profile.compute,
          kubeconfig: kubeconfigAs(cluster, NAMESPACE, ACCOUNT),
          queue,
          podTemplate: names.podTemplate,
          env: { ...(nodes === 1 ? ALONE : {}), ...env },
        },
        pools,
        placement: { ...lab.profile.placement, noCapacitySeconds: noCapacitySeconds ?? NO_CAPACITY_SECONDS.patient },
        silenceSeconds: 0,
      }),
      spec: SearchSpec.parse({
        kind: 'search',
        command: ['python', '-u', '-c', script],
        objective: { metric: 'loss', goal: 'minimize' },
        space: {},
        trials: 1,
        resources: { nodes, cpu: CPU, memoryMb: 300 },
        output: 'gs://lab/unused',
      }),
    });
  /** The undisturbed trial of so many ranks, trained once. */
  const calm = new Map<number, Promise<TrialSummary>>();
  const undisturbed = (nodes: number): Promise<TrialSummary> => {
    const trained = async (): Promise<TrialSummary> => {
      await queues.make(`calm-${nodes}`, { any: nodes * CPU });
      return await start(`calm-${nodes}`, `calm-${nodes}`, { nodes }).then((handle) => handle.result());
    };
    const made = calm.get(nodes) ?? trained();
    calm.set(nodes, made);
    return made;
  };
  const jobName = (run: string, attempt: number): string =>
    attemptJobName({ home: homeOf(lab.store.root), run, step: 'search' }, 0, attempt);
  const jobsOf = async (run: string): Promise<readonly V1Job[]> =>
    (await client.request<{ items: V1Job[] }>('GET', client.jobsPath(), { query: { labelSelector: `longhaul.dev/run=${run}` } })).items;
  const podsOf = async (run: string): Promise<readonly V1Pod[]> =>
    (await client.request<{ items: V1Pod[] }>('GET', client.podsPath(), { query: { labelSelector: `longhaul.dev/run=${run}` } })).items;
  const suspended = async (run: string): Promise<readonly (readonly [string, boolean])[]> =>
    (await jobsOf(run)).map(({ metadata, spec }) => [metadata?.name ?? '', spec?.suspend === true]);
  /** Kueue knows it, and its Job is the only one. */
  const waits = async (run: string, attempt: number): Promise<void> => {
    const name = jobName(run, attempt);
    await expect.poll(() => suspended(run), LOOKS).toEqual([[name, true]]);
    const pending = async (): Promise<boolean | undefined> =>
      (await queues.workloadOf(name))?.status?.conditions?.some(({ type, status }) => type === 'QuotaReserved' && status === 'False');
    await expect.poll(pending, LOOKS).toBe(true);
  };
  /** Read with the rights of a worker. */
  const saysWhy = async (run: string, attempt: number, why: RegExp): Promise<void> => {
    const compute = await openKubernetesCompute({
      ...kubernetesConfig(cluster, NAMESPACE),
      kubeconfig: kubeconfigAs(cluster, NAMESPACE, ACCOUNT),
    });
    const heard = new AbortController();
    const said: JobStatus[] = [];
    const watching = compute.watch(jobName(run, attempt), {
      signal: heard.signal,
      noCapacitySeconds: NO_CAPACITY_SECONDS.patient,
      onStatus: (status) => said.push(status),
    });
    watching.catch(() => undefined);
    await expect.poll(() => said.at(-1)?.message, LOOKS).toMatch(why);
    heard.abort();
    await watching.catch(() => undefined);
    await compute.close();
    const [job] = await jobsOf(run);
    expect(said.at(-1)?.waitingSince).toBe(new Date(job?.metadata?.creationTimestamp ?? 0).getTime());
  };
  const isAdmitted = (run: string, attempt: number): Promise<void> =>
    expect.poll(() => suspended(run), LOOKS).toEqual([[jobName(run, attempt), false]]);
  const trains = (run: string, attempt: number): Promise<void> =>
    expect.poll(async () => (await lab.records(run)).some((one) => one.attempt === attempt && one.kind !== 'start'), LOOKS).toBe(true);
  const rows = async (run: string): Promise<readonly LedgerRow<'attempts'>[]> => {
    await using ports = openPorts();
    const found = await (await ports.warehouse(lab.profile)).ledger('attempts', { run });
    return found.toSorted((a, b) => Number(a.attempt) - Number(b.attempt));
  };
  const verdicts = async (run: string): Promise<unknown[]> => (await rows(run)).map(({ verdict }) => verdict);
  const started = async (run: string): Promise<number> => Date.parse(String((await rows(run))[0]?.started_at));
  const ended = async (run: string): Promise<number> => Date.parse(String((await rows(run))[0]?.ended_at));
  /** Neither runs it nor may Kueue start it again. */
  const isGone = async (run: string, queue: string): Promise<void> => {
    // The trial may hear of its pod's end before the Job's controller does.
    const open = async (): Promise<readonly V1Job[]> =>
      (await jobsOf(run)).filter(({ status }) => !status?.conditions?.some(({ type }) => /^(Complete|Failed)$/.test(type)));
    await expect.poll(open, LOOKS).toEqual([]);
    expect((await podsOf(run)).filter(({ status }) => status?.phase === 'Running')).toEqual([]);
    await expect.poll(() => queues.counts(queue), LOOKS).toEqual({ admitted: 0, pending: 0 });
  };
  const cancelled = async (handle: WorkflowHandle<typeof trial>): Promise<void> => {
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ status: 'cancelled' });
  };

  it('is admitted in the order in which it came, as many as the quota has, however long that takes', async () => {
    await queues.make('order', { any: 2 * CPU });
    const runs = ['first', 'second', 'third', 'fourth'];
    const handles: WorkflowHandle<typeof trial>[] = [];
    for (const [place, run] of runs.entries()) {
      handles.push(await start(run, 'order', { env: { GANG_STEPS: LONG_STEPS }, noCapacitySeconds: NO_CAPACITY_SECONDS.soon }));
      await (place < 2 ? isAdmitted(run, 1) : waits(run, 1));
      // Kueue knows by the second when a Job came.
      const came = Date.now();
      await expect.poll(() => Date.now(), LOOKS).toBeGreaterThan(came + 1000);
    }
    await expect.poll(() => queues.counts('order'), LOOKS).toEqual({ admitted: 2, pending: 2 });
    expect([...(await podsOf('third')), ...(await podsOf('fourth'))]).toEqual([]);

    for (const handle of handles)
      expect(await handle.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 1, preemptions: 0 } });
    const times = await Promise.all(runs.map(async (run) => ({ from: await started(run), to: await ended(run) })));
    const [first, second, third, fourth] = times as [Span, Span, Span, Span];
    expect(third.from).toBeGreaterThanOrEqual(Math.min(first.to, second.to));
    expect(fourth.from).toBeGreaterThanOrEqual(third.from);
    for (const { from } of times) expect(times.filter((other) => other.from <= from && from < other.to).length).toBeLessThanOrEqual(2);
    expect(fourth.from - first.from).toBeGreaterThan(NO_CAPACITY_SECONDS.soon * 1000);
  });

  it('on several machines begins as a whole or not at all', async () => {
    await queues.make('whole', { any: 2 * CPU });
    const occupant = await queues.occupy('whole', { cpu: CPU, urgent: false });
    const handle = await start('whole', 'whole', { nodes: 2 });
    await waits('whole', 1);
    expect(await podsOf('whole')).toEqual([]);
    await saysWhy(
      'whole',
      1,
      /^2 of 2 pods wait: waiting in queue whole: couldn't assign flavors .*insufficient unused quota for cpu in flavor any/,
    );
    await occupant.leave();
    expect(await handle.result()).toMatchObject({ status: 'succeeded', weightsSha256: (await undisturbed(2)).weightsSha256 });
    expect(await verdicts('whole')).toEqual(['succeeded']);
  });

  it.each([1, 2])('on %i machine(s) makes room for what is more urgent, and goes on with equal bits', async (nodes) => {
    const run = `taken-back-${nodes}`;
    await queues.make(run, { any: nodes * CPU });
    const handle = await start(run, run, { nodes });
    await trains(run, 1);
    const urgent = await queues.occupy(run, { cpu: nodes * CPU, urgent: true });
    // The one that was taken back is gone, and no pod of it is left.
    await waits(run, 2);
    expect(await podsOf(run)).toEqual([]);
    expect(await queues.workloadOf(jobName(run, 1))).toBeNull();
    await urgent.leave();

    const summary = await handle.result();
    expect(summary).toMatchObject({
      status: 'succeeded',
      weightsSha256: (await undisturbed(nodes)).weightsSha256,
      carried: { attempts: 2, preemptions: 1, crashes: 0, lostCost: 0 },
    });
    expect((await rows(run)).map(({ verdict, exit_code }) => [verdict, exit_code])).toEqual([
      ['preempted', 143],
      ['succeeded', 0],
    ]);
    expect((await rows(run))[0]?.cause).toMatch(/JobSuspended/);
    expect(await lab.latest(run)).toMatchObject({ attempt: expect.any(Number) as number });
    await isGone(run, run);
  });

  it('keeps its place when it is taken back before it began', async () => {
    await queues.make('early', { any: CPU });
    const handle = await start('early', 'early', { pools: [{ ...POOL, nodeSelector: { pool: 'spot', early: 'yes' } }] });
    await isAdmitted('early', 1);
    await expect.poll(async () => (await podsOf('early')).map(({ status }) => status?.phase), LOOKS).toEqual(['Pending']);
    const [before] = await jobsOf('early');
    const urgent = await queues.occupy('early', { cpu: CPU, urgent: true });
    await waits('early', 1);
    await cluster.kubectl(['label', 'node', 'spot-1', 'early=yes']);
    await urgent.leave();
    expect(await handle.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 1, preemptions: 0 } });
    await cluster.kubectl(['label', 'node', 'spot-1', 'early-']);
    expect((await jobsOf('early')).map(({ metadata }) => metadata?.uid)).toEqual([before?.metadata?.uid]);
    expect(await verdicts('early')).toEqual(['succeeded']);
  });

  it('waits for a machine from its admission on, and then goes to the next pool', async () => {
    await queues.make('patience', { any: CPU });
    const occupant = await queues.occupy('patience', { cpu: CPU, urgent: false });
    const pools = [{ ...POOL, name: 'nowhere', nodeSelector: { pool: 'nowhere' } }, POOL];
    const handle = await start('patience', 'patience', { pools, noCapacitySeconds: NO_CAPACITY_SECONDS.soon });
    await waits('patience', 1);
    const waitedSince = Date.now();
    await expect.poll(() => Date.now(), LOOKS).toBeGreaterThan(waitedSince + NO_CAPACITY_SECONDS.soon * 1000);
    await waits('patience', 1);
    const releasedAt = Date.now();
    await occupant.leave();
    const summary = await handle.result();
    expect(summary).toMatchObject({ status: 'succeeded', carried: { attempts: 2 } });
    const [first, second] = await rows('patience');
    expect(first).toMatchObject({ verdict: 'no-capacity', pool: 'nowhere', cost: 0 });
    expect(first?.cause).toMatch(/nodes are available.*waited longer than 10 s/);
    expect(Date.parse(String(first?.ended_at)) - releasedAt).toBeGreaterThan((NO_CAPACITY_SECONDS.soon - 2) * 1000);
    expect(second).toMatchObject({ verdict: 'succeeded', pool: POOL.name });
  });

  describe('that is cancelled', () => {
    it('while it waits leaves nothing in the queue', async () => {
      await queues.make('cancel-queued', { any: CPU });
      const occupant = await queues.occupy('cancel-queued', { cpu: CPU, urgent: false });
      const handle = await start('cancel-queued', 'cancel-queued');
      await waits('cancel-queued', 1);
      await cancelled(handle);
      expect(await jobsOf('cancel-queued')).toEqual([]);
      await occupant.leave();
      await isGone('cancel-queued', 'cancel-queued');
      expect(await rows('cancel-queued')).toMatchObject([{ verdict: 'stopped', cost: 0 }]);
    });

    it('when it is admitted and has no machine gives its quota back', async () => {
      await queues.make('cancel-admitted', { any: CPU });
      const handle = await start('cancel-admitted', 'cancel-admitted', { pools: [{ ...POOL, nodeSelector: { pool: 'nowhere' } }] });
      await isAdmitted('cancel-admitted', 1);
      await expect.poll(async () => (await podsOf('cancel-admitted')).map(({ status }) => status?.phase), LOOKS).toEqual(['Pending']);
      await cancelled(handle);
      expect(await jobsOf('cancel-admitted')).toEqual([]);
      await isGone('cancel-admitted', 'cancel-admitted');
    });

    it.each([1, 2])('while it trains on %i machine(s) commits what it has, and gives its quota back', async (nodes) => {
      const run = `cancel-running-${nodes}`;
      await queues.make(run, { any: nodes * CPU });
      const handle = await start(run, run, { nodes });
      await trains(run, 1);
      await cancelled(handle);
      expect(await lab.latest(run)).toMatchObject({ attempt: 1, reason: 'sigterm' });
      await isGone(run, run);
    });

    it('after it was taken back is admitted no more', async () => {
      await queues.make('cancel-back', { any: CPU });
      const handle = await start('cancel-back', 'cancel-back');
      await trains('cancel-back', 1);
      const urgent = await queues.occupy('cancel-back', { cpu: CPU, urgent: true });
      await waits('cancel-back', 2);
      await cancelled(handle);
      await urgent.leave();
      await isGone('cancel-back', 'cancel-back');
      expect(await jobsOf('cancel-back')).toEqual([]);
      expect(await verdicts('cancel-back')).toEqual(['preempted', 'stopped']);
    });
  });

  it('costs what the flavor costs that Kueue chose, also where it chose another one after it took the trial back', async () => {
    await queues.make('flavors', { spot: CPU, 'on-demand': CPU });
    const prices = { spot: { pricePerHour: 2, onDemandPricePerHour: 6 }, 'on-demand': { spot: false, pricePerHour: 6 } };
    const handle = await start('flavors', 'flavors', { pools: [{ ...POOL, pricePerHour: 9, flavors: prices }] });
    await trains('flavors', 1);
    const urgent = await queues.occupy('flavors', { cpu: CPU, urgent: true, pool: 'spot' });
    const summary = await handle.result();
    await urgent.leave();
    expect(summary).toMatchObject({ status: 'succeeded', weightsSha256: (await undisturbed(1)).weightsSha256 });
    const found = await rows('flavors');
    expect(found.map(({ verdict, flavor, spot, node }) => [verdict, flavor, spot, node])).toEqual([
      ['preempted', 'spot', true, 'spot-1'],
      ['succeeded', 'on-demand', false, 'on-demand-1'],
    ]);
    const [onSpot, onDemand] = found.map(({ seconds, cost, on_demand_cost: onDemandCost }) =>
      [cost, onDemandCost].map((each) => (Number(each) / Number(seconds)) * 3600),
    );
    for (const [seen, expected] of [[onSpot, [2, 6]], [onDemand, [6, 6]]] as const)
      expect(seen?.map((price) => Math.round(price * 1e6) / 1e6)).toEqual(expected); // prettier-ignore
    expect(summary.carried.cost).toBeCloseTo(
      found.reduce((sum, { cost }) => sum + Number(cost), 0),
      9,
    );
    expect(attemptsOf(found).map(placeOf)).toEqual(['machines: spot', 'machines: on-demand']);
  });
});
