/** One trial over pools of two clusters, with the real activities: clusters fall silent, come back with what still ran there, and have no machines. */
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLostAttemptActivities } from '../../activities/lost-attempts.ts';
import { createSearchActivities } from '../../activities/search.ts';
import { createStepJobActivities } from '../../activities/step-jobs.ts';
import { createTrainingActivities } from '../../activities/training.ts';
import { Run } from '../../src/client/run.ts';
import { jobEndingWorkflowId, trialWorkflowId } from '../../src/contract/ids.ts';
import type { JobSpec } from '../../src/contract/jobs.ts';
import { PreconditionFailedError } from '../../src/contract/errors.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { Profile } from '../../src/contract/profile.ts';
import type { TrialInput } from '../../src/contract/trial-run.ts';
import type { trial as trialWorkflow } from '../../workflows/index.ts';
import { documentOf, script } from './documents.ts';
import { namespaceOf, startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { fakeCluster } from './fake-cluster.ts';
import type { FakeCluster } from './fake-cluster.ts';
import { createMemoryPorts, ROOT } from './memory-ports.ts';
import type { MemoryPorts } from './memory-ports.ts';
import { profileOf, specOf, trialInputOf } from './search-harness.ts';

const LOST_AFTER_SECONDS = 3;
const OUTPUT = `${ROOT}/out/trial-0`;
const SAMPLES = 100;
const PARTS_BYTES = 3e9;

const east = { name: 'east', cluster: 'east', spot: true, pricePerHour: 1 };
const west = { name: 'west', cluster: 'west', spot: true, pricePerHour: 1, egressPerGb: 0.1 };
const two = (more: object = {}): Profile =>
  profileOf({
    clusters: {
      east: { kind: 'process', path: '/east', lostAfterSeconds: LOST_AFTER_SECONDS },
      west: { kind: 'process', path: '/west', lostAfterSeconds: LOST_AFTER_SECONDS },
    },
    pools: [east, west],
    ...more,
  });

describe('a trial over two clusters', () => {
  let ports: MemoryPorts;
  let harness: Harness;
  let clusters: Record<'east' | 'west', FakeCluster>;
  const workers = new Map<string, { readonly stop: () => Promise<void> }>();
  /** What trainers wait for before they end, by attempt. */
  let mayEnd: Map<number, PromiseWithResolvers<null>>;
  let exits: Record<string, number>;

  const latch = (attempt: number): PromiseWithResolvers<null> => {
    const known = mayEnd.get(attempt) ?? Promise.withResolvers<null>();
    mayEnd.set(attempt, known);
    return known;
  };

  /** Claims the trial, records, waits, then commits and ends: the trial contract in a few lines. */
  async function train(job: JobSpec, sigterm: AbortSignal): Promise<number> {
    if (job.labels.attempt === undefined) return 0;
    if (job.labels.trial === undefined) {
      await Promise.race([latch(Number(job.labels.attempt)).promise, new Promise((resolve) => sigterm.addEventListener('abort', resolve))]);
      return sigterm.aborted ? 143 : 0;
    }
    const attempt = Number(job.labels.attempt);
    const code = await trainToItsEnd(attempt, sigterm);
    exits[attempt] = code;
    return code;
  }

  async function trainToItsEnd(attempt: number, sigterm: AbortSignal): Promise<number> {
    const store = await ports.store(two());
    const latest = `${OUTPUT}/checkpoints/LATEST`;
    const document = { checkpoint: `c${attempt}`, attempt, step: 1, samples: SAMPLES, files: {}, reason: 'interval' };
    const json = { contentType: 'application/json' };
    let { generation } = await store.write(latest, JSON.stringify(document), json);
    const n = [...ports.objects.keys()].filter((uri) => uri.startsWith(`${OUTPUT}/progress/`)).length + 1;
    const record = { n, time: Date.now() / 1000, attempt, kind: 'start', epoch: 0, part: 0, step: 1, samples: SAMPLES };
    await store.write(`${OUTPUT}/progress/${n}.json`, JSON.stringify(record), json);
    await Promise.race([latch(attempt).promise, new Promise((resolve) => sigterm.addEventListener('abort', resolve))]);
    try {
      ({ generation } = await store.write(latest, JSON.stringify({ ...document, reason: 'end' }), { ...json, ifGeneration: generation }));
    } catch (error) {
      if (error instanceof PreconditionFailedError) return 75;
      throw error;
    }
    if (sigterm.aborted) return 143;
    const result = { metrics: { score: 1 }, objective: 1, bestStep: 1, steps: 1, samples: SAMPLES, epochs: 1, bestExport: null };
    await store.write(`${OUTPUT}/result.json`, JSON.stringify({ ...result, weightsSha256: 'same' }), json);
    return 0;
  }

  async function startWorker(cluster: 'east' | 'west'): Promise<void> {
    const worker = await Worker.create({
      connection: harness.environment.nativeConnection,
      namespace: namespaceOf(harness.environment),
      taskQueue: `${TASK_QUEUES.training}-${cluster}`,
      activities: { ...createTrainingActivities(ports), ...createStepJobActivities(ports) },
      maxHeartbeatThrottleInterval: '100 ms',
      shutdownGraceTime: 0,
    });
    const running = worker.run();
    workers.set(cluster, {
      stop: async () => {
        workers.delete(cluster);
        worker.shutdown();
        await running;
      },
    });
  }

  beforeEach(async () => {
    mayEnd = new Map();
    exits = {};
    ports = createMemoryPorts();
    clusters = { east: fakeCluster('east', train), west: fakeCluster('west', train) };
    ports.objects.set('file:///d/train/manifest.json', { data: new TextEncoder().encode(`{"bytes": ${PARTS_BYTES}}`), generation: '1' });
    ports.compute = async ({ cluster }) => Promise.resolve(clusters[cluster as 'east' | 'west'].compute);
    harness = await startHarness(ports, 'real', { ...createSearchActivities(ports), ...createLostAttemptActivities(ports) });
    await Promise.all([startWorker('east'), startWorker('west')]);
  });
  afterEach(async () => {
    for (const each of mayEnd.values()) each.resolve(null);
    await Promise.all([...workers.values()].map(({ stop }) => stop()));
    await harness.stop();
  });

  const start = (more: Partial<TrialInput> = {}) =>
    harness.client.workflow.start<typeof trialWorkflow>(WORKFLOWS.trial, {
      taskQueue: TASK_QUEUES.control,
      workflowId: trialWorkflowId('run', 'search', 0),
      args: [trialInputOf('run', { profile: two(), spec: specOf({ features: undefined }), output: OUTPUT, ...more })],
    });
  const trains = (cluster: 'east' | 'west', attempt: number): Promise<unknown> =>
    until(
      async () =>
        Promise.resolve(
          clusters[cluster].running().some((name) => name.endsWith(`-a${attempt}`)) &&
            [...ports.objects.values()].some(({ data }) => new TextDecoder().decode(data).includes(`"attempt":${attempt},"kind":"start"`)),
        ),
      `attempt ${attempt} in ${cluster}`,
    );
  const swept = (attempt: number): Promise<unknown> =>
    harness.client.workflow.getHandle(jobEndingWorkflowId({ run: 'run', step: 'search', trial: 0 }, 'attempt', attempt)).result();
  /** As the ledger is read: of equal attempts the last by time. */
  const attemptRows = (): Record<string, unknown>[] => {
    const rows = ports.rowsOf('attempts').map((row) => ({ ...row }));
    return rows
      .filter(
        (row) =>
          !rows.some(
            (other) =>
              other.attempt === row.attempt &&
              (other.time > row.time || (other.time === row.time && rows.indexOf(other) > rows.indexOf(row))),
          ),
      )
      .sort((a, b) => Number(a.attempt) - Number(b.attempt));
  };
  const nothingTwice = (): void => {
    const numbers = ports.rowsOf('progress').map(({ n }) => n);
    expect(numbers).toEqual([...new Set(numbers)]);
  };
  const noOrphans = (): void => expect([clusters.east.running(), clusters.west.running()]).toEqual([[], []]);

  it('goes on in the other one when the API server of its own is away, and what still ran there is fenced, swept and paid once', async () => {
    const trial = await start();
    await trains('east', 1);
    clusters.east.isDown = true;
    await trains('west', 2);
    // It has been there all the time, and comes to its end first.
    latch(1).resolve(null);
    await until(async () => Promise.resolve(exits[1]), 'the zombie to end');
    expect(exits[1]).toBe(75);
    latch(2).resolve(null);
    const summary = await trial.result();
    expect(summary).toMatchObject({ status: 'succeeded', weightsSha256: 'same' });
    expect(summary.carried).toMatchObject({ attempts: 2, preemptions: 1, moveBytes: PARTS_BYTES });
    const before = attemptRows();
    expect(before).toMatchObject([
      { attempt: 1, pool: 'east', verdict: 'preempted', cause: 'cluster east does not answer for 3 s', node: null },
      { attempt: 2, pool: 'west', verdict: 'succeeded' },
    ]);
    clusters.east.isDown = false;
    await swept(1);
    const after = attemptRows();
    expect(after).toMatchObject([
      { attempt: 1, pool: 'east', verdict: 'preempted', cause: 'cluster east does not answer for 3 s', node: 'east-node', exit_code: 75 },
      { attempt: 2, pool: 'west', verdict: 'succeeded' },
    ]);
    expect(Number(after[0]?.['cost'])).toBeGreaterThan(Number(before[0]?.['cost']));
    nothingTwice();
    noOrphans();
  });

  it('goes on in the other one when no worker is left of its own, and a Job that still runs is ended by the next', async () => {
    const trial = await start();
    await trains('east', 1);
    clusters.east.isDown = true;
    await workers.get('east')?.stop();
    await trains('west', 2);
    latch(2).resolve(null);
    expect(await trial.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 2 } });
    expect(clusters.east.running()).toHaveLength(1);
    clusters.east.isDown = false;
    await startWorker('east');
    await swept(1);
    expect(exits[1]).toBe(75);
    expect(attemptRows()).toMatchObject([{ attempt: 1, verdict: 'preempted', exit_code: 75 }, { attempt: 2 }]);
    nothingTwice();
    noOrphans();
  });

  it('begins where there is an answer, and comes back', async () => {
    clusters.east.isDown = true;
    const trial = await start();
    await trains('west', 1);
    expect(await trial.query('state')).toMatchObject({
      pool: 'west',
      clusters: { east: { silentSince: expect.any(Number) as number }, west: { silentSince: null } },
    });
    clusters.west.isDown = true;
    clusters.east.isDown = false;
    await trains('east', 2);
    latch(2).resolve(null);
    expect(await trial.result()).toMatchObject({ status: 'succeeded' });
    clusters.west.isDown = false;
    await swept(1);
    noOrphans();
  });

  it('has its machine in the second one where the first has none', async () => {
    clusters.east.hasMachines = false;
    latch(2).resolve(null);
    const trial = await start();
    expect(await trial.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 2 } });
    expect(attemptRows()).toMatchObject([
      { attempt: 1, pool: 'east', verdict: 'no-capacity' },
      { attempt: 2, pool: 'west', verdict: 'succeeded' },
    ]);
    noOrphans();
  });

  it('asks the one that answers once more where it had no machine and the other is silent', async () => {
    clusters.west.hasMachines = false;
    const { watch } = clusters.west.compute;
    Object.assign(clusters.west.compute, {
      watch: async (...args: Parameters<typeof watch>) => {
        const end = await watch(...args);
        clusters.west.hasMachines = true;
        return end;
      },
    });
    latch(3).resolve(null);
    const trial = await start();
    await trains('east', 1);
    clusters.east.isDown = true;
    // No pool counts as empty after east was silent again, so that east is the first choice once more.
    expect(await trial.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 3 } });
    expect(attemptRows().map(({ pool, verdict }) => [pool, verdict])).toEqual([
      ['east', 'preempted'],
      ['west', 'no-capacity'],
      ['west', 'succeeded'],
    ]);
    clusters.east.isDown = false;
    await swept(1);
    noOrphans();
  });

  it('moves back to the first one, by the queue of each, once that has a machine', async () => {
    const order = [east, { ...west, name: 'west-on-demand', spot: false }];
    clusters.east.hasMachines = false;
    const trial = await start({ profile: two({ pools: order, placement: { retrySpotSeconds: 1 } }) });
    await trains('west', 2);
    clusters.east.hasMachines = true;
    await until(async () => Promise.resolve(clusters.east.made.some((name) => name.endsWith('-a3'))), 'the move back');
    latch(3).resolve(null);
    expect(await trial.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 3 } });
    expect(attemptRows().map(({ pool, verdict }) => [pool, verdict])).toEqual([
      ['east', 'no-capacity'],
      ['west-on-demand', 'stopped'],
      ['east', 'succeeded'],
    ]);
    noOrphans();
  });

  it('lets a step go on in the other one as well', async () => {
    const north = { kind: 'process' as const, path: '/north' };
    const profile = two({ clusters: { ...two().clusters, north } });
    const run = await harness.start({ ...documentOf([script('prepare')]), profile }, 'steps');
    const asked = new Run(harness.client, harness.environment.address, 'steps');
    // A worker that just began may not have asked for work yet.
    await expect.poll(() => asked.unservedClusters()).toEqual([{ name: 'north', silentSince: null }]);
    await until(async () => Promise.resolve(clusters.east.running().length), 'the Job of the step');
    clusters.east.isDown = true;
    await until(async () => Promise.resolve(clusters.west.running().length), 'its next attempt');
    latch(2).resolve(null);
    expect((await run.result()).status).toBe('succeeded');
    clusters.east.isDown = false;
    await harness.client.workflow.getHandle(jobEndingWorkflowId({ run: 'steps', step: 'prepare' }, 'step', 1)).result();
    noOrphans();
  });

  it.each(['stop', 'cancel'] as const)('ends after a %s while its cluster is away, and its Job when that one is back', async (how) => {
    const trial = await start();
    await trains('east', 1);
    clusters.east.isDown = true;
    if (how === 'stop') await trial.signal('stop', { reason: 'poor' });
    else await trial.cancel();
    expect((await trial.result()).status).toBe(how === 'stop' ? 'stopped' : 'cancelled');
    clusters.east.isDown = false;
    await swept(1);
    expect(attemptRows()).toMatchObject([{ attempt: 1, pool: 'east', node: 'east-node' }]);
    noOrphans();
  });
});

it('ends a step for which no cluster answers for longer than the placement allows', async () => {
  const harness = await startHarness(createMemoryPorts(), 'skipping');
  const silent = await Promise.all(
    ['east', 'west'].map((cluster) =>
      Worker.create({
        connection: harness.environment.nativeConnection,
        namespace: namespaceOf(harness.environment),
        taskQueue: `${TASK_QUEUES.training}-${cluster}`,
        activities: {
          clusterAnswers: () => Promise.reject(ApplicationFailure.nonRetryable('connect ECONNREFUSED', 'Unavailable')),
        },
      }),
    ),
  );
  const running = Promise.all(silent.map((worker) => worker.run()));
  try {
    const profile = two({ placement: { maxHoursWithoutCapacity: 1 } });
    const run = await harness.start({ ...documentOf([script('prepare')]), profile }, 'unanswered');
    await expect(run.result()).rejects.toHaveProperty(
      'cause.message',
      expect.stringMatching(/no pool had a machine for 1 hours .* no cluster answers: east, west/),
    );
  } finally {
    for (const worker of silent) worker.shutdown();
    await running;
    await harness.stop();
  }
});
