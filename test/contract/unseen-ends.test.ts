/** Pods that go while no worker watches, and take with them what they alone could tell: the next worker knows it all the same. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLostAttemptActivities } from '../../activities/lost-attempts.ts';
import { createStepJobActivities } from '../../activities/step-jobs.ts';
import type { StepJobInput } from '../../activities/step-job-contract.ts';
import { startOfAttempt } from '../../activities/seen-starts.ts';
import { createTrainingActivities } from '../../activities/training.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import type { AttemptInput } from '../../src/contract/attempts.ts';
import type { Compute, ObjectStore, Ports } from '../../src/ports/index.ts';
import { attemptInput } from '../support/attempt-input.ts';
import { recordedLedger, type RecordedRow } from '../support/recorded-ledger.ts';
import { isFinished } from '../support/kubernetes/controllers.ts';
import { stamp } from '../support/kubernetes/objects.ts';
import { startStandIn, type StandIn } from '../support/kubernetes/server.ts';
import { stepInput } from '../support/step-input.ts';

const HOUR_MS = 3_600_000;
/** An image by its digest, as the container runtime says it. */
const IMAGE: unknown = expect.stringMatching(/@sha256:[0-9a-f]{64}$/);
const TRAINS = ['sh', '-c', `trap 'exit 143' TERM; while :; do sleep 0.02; done`];
const logger = new DefaultLogger('ERROR', () => undefined);

let folder: string;
let standIn: StandIn;
let store: ObjectStore;
let compute: Compute;
let rows: RecordedRow[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-unseen-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
  standIn = await startStandIn({ podEndMs: 20, changes: { graceSeconds: 1 } });
  compute = await openKubernetesCompute(standIn.config);
  rows = [];
});
afterEach(async () => {
  await compute.close();
  await standIn.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

const ports = (): Ports => ({
  store: () => Promise.resolve(store),
  compute: () => Promise.resolve(compute),
  warehouse: () => Promise.resolve(recordedLedger(rows)),
});
const attempt = (resources: object = {}): Promise<AttemptInput> =>
  attemptInput(store, {
    profile: { compute: standIn.config },
    spec: { command: TRAINS, resources: { cpu: 0.1, memoryMb: 32, ...resources } },
  });
const step = (): StepJobInput => stepInput(store, standIn.config, { command: TRAINS });

const noted = async (): Promise<number> => {
  let count = 0;
  for await (const { uri } of store.list(`${store.root}/`)) if (uri.includes('/starts/')) count += 1;
  return count;
};

/** A worker sees it begin and goes, its pods are evicted, and the next worker comes. @returns what that one says */
async function evictedUnseen<T>(act: () => Promise<T>): Promise<T> {
  const gone = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000 }, { logger });
  const running = gone.run<[], T, typeof act>(act);
  running.catch(() => undefined);
  await expect.poll(noted, { interval: 5 }).toBe(1);
  gone.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
  await expect(running).rejects.toThrow();
  await compute.close();
  const [job] = standIn.objects.list('jobs');
  // It had waited for its machine for an hour.
  standIn.objects.change('jobs', job?.metadata.name ?? '', ({ status }) => (status['startTime'] = stamp(Date.now() - HOUR_MS)));
  for (const { metadata } of standIn.objects.list('pods')) standIn.controllers.evict(metadata.name);
  await expect.poll(() => [standIn.objects.list('pods').length, standIn.objects.list('jobs').every(isFinished)]).toEqual([0, true]);
  compute = await openKubernetesCompute(standIn.config);
  const next = new MockActivityEnvironment({ attempt: 2, heartbeatTimeoutMs: 1000 }, { logger });
  return next.run<[], T, typeof act>(act);
}

it('has node, image and cost of an attempt', async () => {
  const input = await attempt();
  const report = await evictedUnseen(() => createTrainingActivities(ports()).runAttempt(input));
  expect(report).toMatchObject({ verdict: 'preempted', node: 'node-1', image: IMAGE });
  expect(report.endedAt - (report.startedAt ?? 0)).toBeLessThan(HOUR_MS / 2);
  expect(report.cost).toBeLessThan(0.5);
  expect(rows.filter(({ table }) => table === 'attempts').map(({ row }) => [row['node'], row['image']])).toEqual([
    [report.node, report.image],
  ]);
});

it('has the cost of each machine of an attempt on several', async () => {
  const input = await attempt({ nodes: 2 });
  const report = await evictedUnseen(() => createTrainingActivities(ports()).runAttempt(input));
  expect(report).toMatchObject({ verdict: 'preempted', image: IMAGE });
  const machines = rows.filter(({ table }) => table === 'attempt_nodes').map(({ row }) => row['started_at']);
  expect(machines).toEqual([report.startedAt, report.startedAt].map((at) => new Date(at ?? 0).toISOString()));
});

it('has image and cost of a step', async () => {
  const end = await evictedUnseen(() => createStepJobActivities(ports()).runStepJob(step()));
  expect(end).toMatchObject({ verdict: 'preempted', image: IMAGE });
  expect(end.cost).toBeLessThan(0.5);
});

it('has node and image of an attempt whose cluster is lost', async () => {
  const input = await attempt();
  const running = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000 }, { logger });
  const act = () => createTrainingActivities(ports()).runAttempt(input);
  running.run<[], unknown, typeof act>(act).catch(() => undefined);
  await expect.poll(noted, { interval: 5 }).toBe(1);
  running.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
  const { loseAttempt } = createLostAttemptActivities(ports());
  const report = await new MockActivityEnvironment().run(loseAttempt, { input, cause: 'cluster east does not answer' });
  expect(report).toMatchObject({ verdict: 'preempted', node: 'node-1', image: IMAGE });
});

it('is noted with a later status where the store was away at the first one', async () => {
  let faults = 1;
  const write: ObjectStore['write'] = (...args) =>
    faults-- > 0 ? Promise.reject(new Error('connect ECONNREFUSED')) : store.write(...args);
  const start = startOfAttempt(Object.assign(Object.create(store) as ObjectStore, { write }), await attempt());
  const tell = async (): Promise<number> => {
    start.status({ phase: 'running', message: null, node: 'node-1', image: 'image', startedAt: 1 });
    return noted();
  };
  expect(await tell()).toBe(0);
  await expect.poll(tell, { interval: 5 }).toBe(1);
});
