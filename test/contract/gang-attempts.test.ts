/** Attempts on several machines from the activity's side: on a stand-in for a cluster, and as processes of this machine. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTrainingActivities } from '../../activities/training.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { openProcessCompute } from '../../src/adapters/process/index.ts';
import type { AttemptInput, AttemptReport } from '../../src/contract/attempts.ts';
import type { Compute, ObjectStore, Ports, Warehouse } from '../../src/ports/index.ts';
import { keptAttempts, readKeptLog } from '../../src/present/kept-logs.ts';
import { attemptInput } from '../support/attempt-input.ts';
import { recordedLedger, type RecordedRow } from '../support/recorded-ledger.ts';
import { startStandIn } from '../support/kubernetes/server.ts';
import type { StandIn } from '../support/kubernetes/server.ts';

const NODES = 3;
const TRAINS = `trap 'echo saved; exit 143' TERM; echo "rank $LONGHAUL_NODE_RANK"; while ! test -e $FINISH; do sleep 0.02; done; exit $(cat $FINISH)`;
const logger = new DefaultLogger('ERROR', () => undefined);

let folder: string;
let store: ObjectStore;
let compute: Compute;
let rows: RecordedRow[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-gang-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
  rows = [];
});
afterEach(async () => {
  await compute.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

const ports = (): Ports => ({
  store: () => Promise.resolve(store),
  compute: () => Promise.resolve(compute),
  warehouse: () => Promise.resolve(recordedLedger(rows)),
});
const attempt = async (number: number, profile: object, change: Partial<AttemptInput> = {}): Promise<AttemptInput> => ({
  ...(await attemptInput(store, {
    profile,
    spec: { command: ['sh', '-c', TRAINS], env: { FINISH: `${folder}/finish` }, resources: { nodes: NODES, cpu: 0.1, memoryMb: 32 } },
  })),
  attempt: number,
  ...change,
});
const run = (input: AttemptInput): { environment: MockActivityEnvironment; report: Promise<AttemptReport> } => {
  const environment = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000 }, { logger });
  const act = () => createTrainingActivities(ports()).runAttempt(input);
  const report = environment.run<[], AttemptReport, typeof act>(act);
  report.catch(() => undefined);
  return { environment, report };
};
const stop = (environment: MockActivityEnvironment): void => {
  environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
};
const eventually = (look: () => unknown) => expect.poll(look, { interval: 5 });
const of = (table: string): Record<string, unknown>[] => rows.filter((each) => each.table === table).map(({ row }) => row);
const keptOf = async (input: AttemptInput, rank: number): Promise<string[]> => {
  const lines: string[] = [];
  for await (const { text } of readKeptLog(store, input.trial.output, input.attempt, undefined, rank)) lines.push(text);
  return lines;
};
/** A row for each machine, and their sum. */
function expectMoney(): void {
  const [total] = of('attempts');
  const machines = of('attempt_nodes');
  expect(machines.map(({ rank }) => rank)).toEqual(Array.from({ length: NODES }, (_, rank) => rank));
  const sum = machines.reduce((all, { cost }) => all + Number(cost), 0);
  expect(sum).toBeCloseTo(Number(total?.['cost']), 9);
  for (const { seconds, cost } of machines) expect(Number(cost)).toBeCloseTo(Number(seconds) / 3600, 9);
}

describe('an attempt on several pods', () => {
  let standIn: StandIn;
  const profile = (): object => ({ compute: standIn.config });
  beforeEach(async () => {
    standIn = await startStandIn({ podEndMs: 20, changes: { graceSeconds: 1 } });
    for (const name of ['node-2', 'node-3'])
      standIn.objects.add('nodes', { metadata: { name }, spec: {}, status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    compute = await openKubernetesCompute(standIn.config);
  });
  afterEach(() => standIn.close());

  const job = (): string => standIn.objects.list('jobs')[0]?.metadata.name ?? '';
  const running = (): number => standIn.objects.list('pods').filter(({ status }) => status['phase'] === 'Running').length;
  const watched = async (): Promise<void> => {
    await eventually(running).toBe(NODES);
    await eventually(() =>
      ['WATCH pods', 'WATCH jobs', 'WATCH nodes'].every((each) => standIn.asked.some(({ what }) => what === each)),
    ).toBe(true);
  };

  it('is replaced after the slowest answer of store and ledger, and not after all in turn, when a machine goes', async () => {
    const asked = new Set<string>();
    const all = Promise.withResolvers<undefined>();
    const atOnce = ['LATEST', 'attempt_nodes', 'progress'];
    const arrived = async (what: string): Promise<void> => {
      if (!atOnce.includes(what)) return;
      if (asked.add(what).size === atOnce.length) all.resolve(undefined);
      await all.promise;
    };
    const plain = store;
    const slow: ObjectStore = { ...plain, read: async (uri) => arrived(uri.split('/').at(-1) ?? '').then(() => plain.read(uri)) };
    const recorded = recordedLedger(rows);
    const ledger: Warehouse = { ...recorded, append: async (...row) => arrived(row[0]).then(() => recorded.append(...row)) };
    const input = await attempt(1, profile());
    const record = { n: 1, time: 1, attempt: 1, kind: 'train', epoch: 0, part: 0, step: 1, samples: 1, metrics: {} };
    const environment = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000 }, { logger });
    const act = () =>
      createTrainingActivities({ ...ports(), store: () => Promise.resolve(slow), warehouse: () => Promise.resolve(ledger) }).runAttempt(
        input,
      );
    const report = environment.run<[], AttemptReport, typeof act>(act);
    await watched();
    await store.write(`${input.trial.output}/progress/1.json`, JSON.stringify(record));
    standIn.controllers.evict(standIn.controllers.podOf(job(), 1)?.metadata.name ?? '');
    await eventually(() => [...asked].sort()).toEqual(atOnce);
    expect(await report).toMatchObject({ verdict: 'preempted' });
    // Whoever sees the total finds its parts.
    expect(rows.at(-1)?.table).toBe('attempts');
    expectMoney();
  });

  it('is one Job, with a Service that is owned by it', async () => {
    const { environment, report } = run(await attempt(1, profile()));
    await watched();
    const [made] = standIn.objects.list('jobs');
    const [service] = standIn.objects.list('services');
    expect((service?.metadata as { ownerReferences?: object[] }).ownerReferences).toEqual([
      expect.objectContaining({ kind: 'Job', name: made?.metadata.name, uid: made?.metadata.uid }),
    ]);
    expect(service?.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
    stop(environment);
    expect(await report).toMatchObject({ verdict: 'stopped' });
    expect(running()).toBe(0);
  });

  it('was preempted when one of its pods was, and the others are gone before the next attempt', async () => {
    const input = await attempt(1, profile());
    const { report } = run(input);
    await watched();
    standIn.controllers.evict(standIn.controllers.podOf(job(), 1)?.metadata.name ?? '');
    expect(await report).toMatchObject({ verdict: 'preempted', cause: expect.stringMatching(/^EvictionByEvictionAPI/) as string });
    expect(running()).toBe(0);
    expectMoney();
    const [row] = of('attempts');
    expect(row).toMatchObject({ verdict: 'preempted', exit_code: 143 });
    const trialJson = await store.read(`${input.trial.output}/trial.json`);
    expect(JSON.parse(new TextDecoder().decode(trialJson?.data))).toMatchObject({ nodes: NODES });
  });

  it('has all of its pods save while the one that was told to go still does', async () => {
    const saves = `test "$LONGHAUL_NODE_RANK" = 1 || exec sh -c "$TRAINS"; trap 'while ! test -e $FINISH; do sleep 0.02; done; exit 143' TERM; while :; do sleep 0.02; done`;
    const input = await attempt(1, profile());
    const { spec } = input.trial;
    const { report } = run({
      ...input,
      pool: { ...input.pool, graceSeconds: 600 },
      trial: { ...input.trial, spec: { ...spec, command: ['sh', '-c', saves], env: { ...spec.env, TRAINS } } },
    });
    await watched();
    standIn.controllers.evict(standIn.controllers.podOf(job(), 1)?.metadata.name ?? '');
    const runs = (rank: number): boolean => standIn.controllers.podOf(job(), rank)?.status['phase'] === 'Running';
    await eventually(() => [0, 1, 2].map(runs)).toEqual([false, true, false]);
    await writeFile(`${folder}/finish`, '0');
    expect(await report).toMatchObject({ verdict: 'preempted', cause: expect.stringMatching(/^EvictionByEvictionAPI/) as string });
    for (const rank of [0, 2]) await eventually(() => keptOf(input, rank)).toEqual([`rank ${rank}`, 'saved']);
  });

  describe('one of which was evicted, and whose kubelets do not tell of their end yet', () => {
    let told: () => void;
    let input: AttemptInput;
    let begun: ReturnType<typeof run>;
    const latestUri = (): string => `${input.trial.output}/checkpoints/LATEST`;
    const save = async (reason: string, { number = 1, letGo = true } = {}): Promise<void> => {
      const told = letGo ? { letGo } : {};
      const latest = { checkpoint: '7-1', attempt: number, step: 7, samples: 70, files: {}, reason, ...told };
      await store.write(latestUri(), JSON.stringify(latest));
    };
    const begin = async (change: Partial<AttemptInput>, ranks: readonly number[] = [0]): Promise<void> => {
      input = await attempt(1, profile(), change);
      begun = run(input);
      await watched();
      const record = { n: 1, time: Date.now() / 1000, attempt: 1, kind: 'start', epoch: 0, part: 0, step: 0, samples: 0, metrics: {} };
      await store.write(`${input.trial.output}/progress/1.json`, JSON.stringify(record));
      const all = ranks.map((rank) => standIn.controllers.keepToItself(standIn.controllers.podOf(job(), rank)?.metadata.name ?? ''));
      told = () => {
        for (const tell of all) tell();
      };
    };
    const evict = (): void => standIn.controllers.evict(standIn.controllers.podOf(job(), 1)?.metadata.name ?? '');
    const victimIsOver = (): boolean => {
      const status = standIn.controllers.podOf(job(), 1)?.status;
      return status === undefined || status['phase'] === 'Failed';
    };
    const end = (change: Partial<AttemptInput>): Promise<AttemptReport | null> => {
      const environment = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000 }, { logger });
      const act = () => createTrainingActivities(ports()).endAttempt({ ...input, mayLetGo: false, ...change });
      return environment.run<[], AttemptReport | null, typeof act>(act);
    };
    /** As readers of the ledger see it: of rows of one key the last one by time. */
    const seen = (table: string): Record<string, unknown>[] => {
      const last = new Map<unknown, Record<string, unknown>>();
      for (const row of of(table).toSorted((a, b) => String(a['time']).localeCompare(String(b['time'])))) last.set(row['rank'], row);
      return [...last.values()];
    };

    it('has let go when what it saved is that of all, and is told, and counted, once more when its end is known', async () => {
      await begin({ mayLetGo: true }, [0, 1, 2]);
      await save('sigterm');
      evict();
      const report = await begun.report;
      expect(report).toMatchObject({ verdict: 'preempted', letGo: true, samples: 70, lostSamples: 0 });
      expect(report.cause).toMatch(/^EvictionByEvictionAPI/);
      expect(running()).toBe(NODES);
      expect(standIn.objects.list('jobs')).toHaveLength(1);
      const [early] = seen('attempts');
      expect(early).toMatchObject({ verdict: 'preempted', cost: report.cost });
      // The next attempt has trained on by the time at which somebody sees to the end of this one.
      await save('interval', { number: 2, letGo: false });
      const later = {
        n: 2,
        time: Date.now() / 1000,
        attempt: 2,
        kind: 'train',
        epoch: 0,
        part: 0,
        step: 99,
        samples: 990,
        metrics: { loss: 1 },
      };
      await store.write(`${input.trial.output}/progress/2.json`, JSON.stringify(later));
      const ended = end({ lost: report.cause, isLogKept: true });
      told();
      expect(await ended).toMatchObject({ verdict: 'preempted', cause: report.cause, lostSamples: 0, metrics: {} });
      expect(running()).toBe(0);
      const [total] = seen('attempts');
      expect(total).not.toBe(early);
      expect(total).toMatchObject({ verdict: 'preempted', cause: report.cause, ended_at: expect.any(String) as string });
      const machines = seen('attempt_nodes');
      expect(machines.map(({ rank }) => rank)).toEqual([0, 1, 2]);
      expect(machines.every(({ ended_at }) => ended_at !== null)).toBe(true);
      expect(machines.reduce((all, { cost }) => all + Number(cost), 0)).toBeCloseTo(Number(total?.['cost']), 9);
      for (const rank of [0, 1, 2]) await eventually(() => keptOf(input, rank)).toEqual([`rank ${rank}`, 'saved']);
    });

    it('stays as what it was judged when it had let go, whatever has come after it', async () => {
      await begin({ mayLetGo: true }, [0, 1, 2]);
      await save('sigterm');
      evict();
      await begun.report;
      await save('interval', { number: 2, letGo: false });
      const ended = end({ lost: 'stopped with a checkpoint', judged: 'stopped', isLogKept: true });
      told();
      expect(await ended).toMatchObject({ verdict: 'stopped', cause: 'stopped with a checkpoint', lostCost: 0 });
      expect(seen('attempts')).toMatchObject([{ verdict: 'stopped' }]);
    });

    it('is seen to its end by the next worker where the first one that does so goes', async () => {
      await begin({ mayLetGo: true }, [0, 1, 2]);
      await save('sigterm');
      evict();
      const { cause } = await begun.report;
      const change = { lost: cause, isLogKept: true };
      const environment = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000 }, { logger });
      const act = () => createTrainingActivities(ports()).endAttempt({ ...input, mayLetGo: false, ...change });
      const lookedAt = (): number => standIn.asked.filter(({ what }) => what === 'LIST pods').length;
      const before = lookedAt();
      const first = environment.run<[], AttemptReport | null, typeof act>(act);
      first.catch(() => undefined);
      await eventually(lookedAt).toBeGreaterThan(before);
      environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
      await expect(first).rejects.toMatchObject({ type: 'Unavailable' });
      expect(of('attempts')).toHaveLength(1);
      const second = end(change);
      told();
      expect(await second).toMatchObject({ verdict: 'preempted', cause });
      expect(of('attempts')).toHaveLength(2);
      expect(running()).toBe(0);
    });

    it('has its logs completed by who sees to its end where the worker that kept them went', async () => {
      const plain = store;
      let isGone = false;
      store = {
        ...plain,
        write: (uri, ...more) => (isGone && uri.includes('/logs/') ? new Promise(() => undefined) : plain.write(uri, ...more)),
      };
      await begin({ mayLetGo: true }, [0, 1, 2]);
      await save('sigterm');
      isGone = true;
      evict();
      const { cause } = await begun.report;
      store = plain;
      const ended = end({ lost: cause, isLogKept: true });
      told();
      await ended;
      for (const rank of [0, 2]) await eventually(() => keptOf(input, rank)).toEqual([`rank ${rank}`, 'saved']);
      // Its pod is gone.
      await eventually(() => keptOf(input, 1)).toEqual([expect.stringContaining('the rest of this log is lost')]);
      await eventually(() => keptAttempts(store, input.trial.output)).toEqual([{ attempt: 1, ended: true }]);
    });

    it('has its logs ended where its Job is gone with the worker that kept them', async () => {
      const plain = store;
      store = { ...plain, write: (uri, ...more) => (uri.includes('/logs/') ? new Promise(() => undefined) : plain.write(uri, ...more)) };
      await begin({ mayLetGo: true }, [0, 1, 2]);
      await save('sigterm');
      evict();
      const { cause } = await begun.report;
      store = plain;
      await compute.remove(job(), { waitSeconds: 0 });
      told();
      await eventually(() => standIn.objects.list('jobs')).toEqual([]);
      expect(await end({ lost: cause, isLogKept: true })).toBeNull();
      expect(await keptAttempts(store, input.trial.output)).toEqual([{ attempt: 1, ended: true }]);
      for (const rank of [0, 1, 2]) expect(await keptOf(input, rank)).toEqual([expect.stringContaining('the rest of this log is lost')]);
    });

    it('is in the ledger with its end before its Job is removed, so that a worker that goes in between loses nothing', async () => {
      await begin({ mayLetGo: true }, [0, 1, 2]);
      await save('sigterm');
      evict();
      const { cause } = await begun.report;
      const plain = compute;
      const environment = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000 }, { logger });
      let rowsAtRemoval = 0;
      compute = {
        ...plain,
        remove: () => {
          rowsAtRemoval = of('attempts').length;
          environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
          return new Promise(() => undefined);
        },
      };
      // It hangs: nothing tells of its end, nor does it record anything.
      const { trial, ...rest } = input;
      const silent = { ...trial, profile: { ...trial.profile, silenceSeconds: 0.2 } };
      const act = () =>
        createTrainingActivities(ports()).endAttempt({ ...rest, trial: silent, mayLetGo: false, lost: cause, isLogKept: true });
      const first = environment.run<[], AttemptReport | null, typeof act>(act);
      await expect(first).rejects.toMatchObject({ type: 'Unavailable' });
      compute = plain;
      expect(rowsAtRemoval).toBe(2);
      expect(seen('attempts')).toMatchObject([{ verdict: 'preempted', cause }]);
      expect(standIn.objects.list('jobs')).toHaveLength(1);
      told();
    });

    it.each([
      ['nothing was saved', { mayLetGo: true }, null],
      ['only an interval was saved', { mayLetGo: true }, { reason: 'interval', letGo: false }],
      ['its trainer does not say that nothing follows', { mayLetGo: true }, { reason: 'sigterm', letGo: false }],
      ['an attempt before it has let go', { mayLetGo: true, attempt: 2 }, { reason: 'sigterm', letGo: true }],
      ['its workflow waits for its end', {}, { reason: 'sigterm', letGo: true }],
    ])('is waited for where %s', async (_, change, saved) => {
      await begin(change);
      if (saved !== null) await save(saved.reason, saved);
      evict();
      await eventually(victimIsOver).toBe(true);
      let isOver = false;
      void begun.report.then(() => (isOver = true));
      await eventually(() => standIn.objects.list('jobs')[0]?.status['conditions'] !== undefined).toBe(true);
      expect(isOver).toBe(false);
      told();
      const report = await begun.report;
      expect(report).toMatchObject({ verdict: 'preempted' });
      expect(report).not.toHaveProperty('letGo');
      expect(running()).toBe(0);
      expectMoney();
    });

    it('is waited for where the store does not say what was saved', async () => {
      const plain = store;
      let isAway = false;
      const asked = Promise.withResolvers<undefined>();
      store = {
        ...plain,
        read: (uri, options) => {
          if (!isAway || !uri.endsWith('/LATEST')) return plain.read(uri, options);
          asked.resolve(undefined);
          return Promise.reject(new Error('connect ECONNREFUSED'));
        },
      };
      await begin({ mayLetGo: true });
      await save('sigterm');
      isAway = true;
      evict();
      await asked.promise;
      told();
      await eventually(() => of('attempt_nodes').length).toBe(NODES);
      isAway = false;
      expect(await begun.report).toMatchObject({ verdict: 'preempted' });
      expect(await begun.report).not.toHaveProperty('letGo');
    });

    it('is waited for where it is to stop', async () => {
      await begin({ mayLetGo: true });
      await save('sigterm');
      stop(begun.environment);
      await eventually(() => standIn.asked.some(({ what }) => what === 'PATCH pods')).toBe(true);
      evict();
      told();
      const report = await begun.report;
      expect(report).toMatchObject({ verdict: 'stopped' });
      expect(report).not.toHaveProperty('letGo');
    });
  });

  it('had no capacity where one of its pods had none, and holds no machine then', async () => {
    const input = await attempt(1, profile(), { noCapacitySeconds: 1 });
    const pool = { ...input.pool, nodeSelector: { pool: 'full' } };
    standIn.controllers.closedPools.add('full');
    const { report } = run({ ...input, pool });
    // Two of three get one.
    await eventually(() => standIn.objects.list('pods').length).toBe(NODES);
    for (const rank of [0, 2]) standIn.controllers.place(standIn.controllers.podOf(job(), rank)?.metadata.name ?? '');
    expect(await report).toMatchObject({
      verdict: 'no-capacity',
      startedAt: null,
      cause: expect.stringMatching(/1 of 3 pods wait/) as string,
    });
    expect([standIn.objects.list('jobs'), standIn.objects.list('pods')]).toEqual([[], []]);
    // What stood idle meanwhile is paid.
    expect(of('attempt_nodes').map(({ started_at }) => started_at !== null)).toEqual([true, false, true]);
  });

  it('asks for no more than a few things a pod, however long it runs', async () => {
    const { environment, report } = run(await attempt(1, profile()));
    await watched();
    const before = standIn.asked.length;
    stop(environment);
    await report;
    expect(standIn.asked.length - before).toBeLessThan(NODES * 8);
  });
});

describe('an attempt on several processes', () => {
  it('is told, kept and paid as one on several machines', async () => {
    compute = await openProcessCompute({ kind: 'process', path: join(folder, 'jobs') });
    const input = await attempt(1, {});
    const { environment, report } = run(input);
    for (let rank = 0; rank < NODES; rank++) await eventually(() => keptOf(input, rank)).toEqual([`rank ${rank}`]);
    stop(environment);
    expect(await report).toMatchObject({ verdict: 'stopped', exitCode: 143 });
    expectMoney();
    expect(of('attempts')[0]?.['cost']).toBeGreaterThan(0);
    for (let rank = 0; rank < NODES; rank++) await eventually(() => keptOf(input, rank)).toEqual([`rank ${rank}`, 'saved']);
    expect(await readFile(join(folder, 'jobs', String(of('attempts')[0]?.['job']), 'exit.json'), 'utf8')).toContain('"nodes"');
  });
});
