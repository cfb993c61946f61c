/** What attempts use of their machines, by metrics of pods, where the trainer does not say it: activities on a stand-in for a cluster. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTrainingActivities } from '../../activities/training.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import type { AttemptInput, AttemptReport } from '../../src/contract/attempts.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { Compute, ObjectStore, Ports, Warehouse } from '../../src/ports/index.ts';
import { playFaster } from '../../src/rules/durations.ts';
import { attemptInput } from '../support/attempt-input.ts';
import { startStandIn } from '../support/kubernetes/server.ts';
import type { Fault, StandIn } from '../support/kubernetes/server.ts';

const TRAINS = `trap 'exit 143' TERM; while ! test -e $FINISH; do sleep 0.02; done; exit 3`;
const FASTER = 600;
const MINUTE = 60_000;
const logger = new DefaultLogger('ERROR', () => undefined);

let folder: string;
let store: ObjectStore;
let standIn: StandIn;
let compute: Compute;
let rows: LedgerRow<'attempts'>[];
let logged: string[];

beforeEach(async () => {
  playFaster(FASTER);
  folder = await mkdtemp(join(tmpdir(), 'longhaul-use-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
  standIn = await startStandIn({ podEndMs: 20, changes: { graceSeconds: 1 } });
  logged = [];
  compute = await openKubernetesCompute(standIn.config, { view: { log: (message) => logged.push(message) } });
  rows = [];
});
afterEach(async () => {
  playFaster();
  await compute.close();
  await standIn.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

const run = async (attempt: number, details?: object): Promise<{ report: Promise<AttemptReport> }> => {
  const spec = { command: ['sh', '-c', TRAINS], env: { FINISH: `${folder}/finish` } };
  const input: AttemptInput = { ...(await attemptInput(store, { profile: { compute: standIn.config }, spec })), attempt };
  const append = (table: string, added: readonly LedgerRow<'attempts'>[]): Promise<void> => {
    if (table === 'attempts') rows.push(...added);
    return Promise.resolve();
  };
  const warehouse = { append, ledger: () => Promise.resolve([]) } as unknown as Warehouse;
  const ports: Ports = {
    store: () => Promise.resolve(store),
    compute: () => Promise.resolve(compute),
    warehouse: () => Promise.resolve(warehouse),
  };
  const environment = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000, heartbeatDetails: details }, { logger });
  const act = () => createTrainingActivities(ports).runAttempt(input);
  const report = environment.run<[], AttemptReport, typeof act>(act);
  report.catch(() => undefined);
  return { report };
};
const asked = (): number => standIn.asked.filter(({ what }) => what === 'LIST metrics').length;
const running = (): number => standIn.objects.list('pods').filter(({ status }) => status['phase'] === 'Running').length;
const finish = (): Promise<unknown> => store.write(`${store.root}/finish`, '');
const endsUnmeasured = async (report: Promise<AttemptReport>): Promise<void> => {
  expect(await report).toMatchObject({ exitCode: 3 });
  expect(await report).not.toHaveProperty('use');
};
const eventually = (look: () => unknown) => expect.poll(look, { interval: 5 });
/** Looks of a minute each, the cores and MiB in turn; the last one again and again. */
const looks = (...told: readonly (readonly [cores: number, mb: number])[]): ((pod: string) => object) => {
  const of = new Map<string, number>();
  return (pod) => {
    const number = Math.min(of.get(pod) ?? 0, told.length - 1);
    of.set(pod, number + 1);
    const [cores, mb] = told[number] ?? [0, 0];
    return {
      timestamp: new Date(1_760_000_000_000 + number * MINUTE).toISOString(),
      window: '1m0.0s',
      containers: [
        { name: 'mesh', usage: { cpu: '7', memory: '7Gi' } },
        { name: 'main', usage: { cpu: `${cores * 1e9}n`, memory: `${mb * 1024}Ki` } },
      ],
    };
  };
};

it('is in the ledger as mean and peak of its main container', async () => {
  standIn.metricsOf = looks([1, 100], [3, 500], [2, 300]);
  // The first list is asked for when its pod is known, so that none of the looks is missed.
  const { report } = await run(1);
  await eventually(asked).toBeGreaterThanOrEqual(6);
  await finish();
  expect((await report).use).toEqual({ seconds: 180, cpu: 2, cpuPeak: 3, memoryMb: 300, memoryPeakMb: 500 });
  expect(rows).toMatchObject([
    { cpu_used: 2, cpu_peak: 3, memory_used_mb: 300, memory_peak_mb: 500, measured_seconds: 180, wait_share: null },
  ]);
});

it('comes from one list for all that run', async () => {
  standIn.metricsOf = looks([2, 300]);
  const attempts = [await run(1), await run(2), await run(3)];
  // Meanwhile the watch of pods has told of all three.
  const before = asked();
  await eventually(asked).toBeGreaterThanOrEqual(before + 10);
  await finish();
  for (const { report } of attempts) expect((await report).use).toMatchObject({ cpu: 2, cpuPeak: 2, memoryMb: 300, memoryPeakMb: 300 });
  const lists = standIn.asked.filter(({ what }) => what === 'LIST metrics');
  expect(new Set(lists.map(({ path }) => path))).toEqual(new Set(['/apis/metrics.k8s.io/v1beta1/namespaces/ns/pods']));
});

it('goes on after another worker, which said what it knew with its heartbeats', async () => {
  standIn.metricsOf = looks([4, 400]);
  const known = { seconds: 60, cpu: 2, cpuPeak: 2, memoryMb: 200, memoryPeakMb: 600, at: 1_760_000_000_000 - MINUTE };
  const { report } = await run(1, { flushed: 0, use: known });
  await eventually(asked).toBeGreaterThanOrEqual(2);
  await finish();
  expect((await report).use).toEqual({ seconds: 120, cpu: 3, cpuPeak: 4, memoryMb: 300, memoryPeakMb: 600 });
});

it('is what the trainer says of itself, where it does, and the cluster is asked no more', async () => {
  standIn.metricsOf = looks([4, 400]);
  const own = { seconds: 30, cpu: 1, cpuPeak: 1, memoryMb: 1, memoryPeakMb: 1, waitShare: 0 };
  const input = await attemptInput(store, {});
  const record = { n: 1, time: 1, attempt: 1, kind: 'train', epoch: 0, part: 0, step: 1, samples: 1, metrics: {}, use: own };
  await store.write(`${input.trial.output}/progress/1.json`, JSON.stringify(record));
  const { report } = await run(1);
  await eventually(running).toBe(1);
  await finish();
  expect((await report).use).toEqual(own);
  expect(asked()).toBe(0);
});

it.each([
  ['nobody serves metrics', null, 1],
  ['they may not be read', 403, 1],
] as const)('is not known where %s, which costs a request and no more', async (_, fault, requests) => {
  standIn.fault = ({ what }) => (what === 'LIST metrics' ? fault : null);
  const first = await run(1);
  await eventually(asked).toBe(requests);
  const second = await run(2);
  await eventually(running).toBe(2);
  await finish();
  for (const { report } of [first, second]) await endsUnmeasured(report);
  expect([asked(), rows[0]?.cpu_used]).toEqual([requests, null]);
  expect(logged.filter((line) => line.includes('metrics'))).toHaveLength(fault === 403 ? 1 : 0);
});

it.each<[string, Fault | null, (pod: string) => object]>([
  ['a server of metrics that is away', 503, looks([1, 100])],
  ['answers that break off', 'truncated', looks([1, 100])],
  ['numbers that are none', null, () => ({ timestamp: 'x', window: '', containers: [{ name: 'main', usage: { cpu: 'much' } }] })],
  ['a pod without its main container', null, () => ({ timestamp: new Date().toISOString(), window: '15s', containers: [] })],
])('is not known from %s, which is asked again', async (_, fault, told) => {
  standIn.metricsOf = told;
  standIn.fault = ({ what }) => (what === 'LIST metrics' ? fault : null);
  const { report } = await run(1);
  await eventually(asked).toBeGreaterThanOrEqual(3);
  await finish();
  await endsUnmeasured(report);
});
