/** An attempt on several machines that has let go: the next one begins, and its Job is somebody's until it was seen to end. */
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AttemptInput } from '../../src/contract/attempts.ts';
import { jobEndingWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES } from '../../src/contract/names.ts';
import type { Profile } from '../../src/contract/profile.ts';
import type { TrialReport } from '../../src/contract/trial-run.ts';
import { namespaceOf, until } from './environment.ts';
import { later, profileOf, specOf, SPOT_AND_ON_DEMAND, startSearchHarness } from './search-harness.ts';
import type { SearchHarness, World } from './search-harness.ts';

const CAUSE = 'EvictionByEvictionAPI on node-1';
const SEVERAL = { resources: { nodes: 2 } };
const KUBERNETES = { kind: 'kubernetes', namespace: 'n', image: 'i' };
const pool = (more: object = {}): object => ({ pools: [{ name: 'spot', spot: true, pricePerHour: 1, ...more }] });

describe('a trial whose attempt has let go', () => {
  let harness: SearchHarness;
  beforeAll(async () => {
    harness = await startSearchHarness('real');
  });
  afterAll(() => harness.stop());
  beforeEach(() => harness.reset());

  const runOf = ({ attempts: [first] }: World): string => first?.trial.run ?? '';
  const endings = (run: string, attempt: number) =>
    harness.client.workflow.getHandle(jobEndingWorkflowId({ run, step: 'search', trial: 0 }, 'attempt', attempt));

  it('goes on before that one has ended, which is seen to its end by another workflow, as preempted', async () => {
    const { world } = harness;
    const second = Promise.withResolvers<undefined>();
    const trained = Promise.withResolvers<undefined>();
    const ended: AttemptInput[] = [];
    world.attempt = async ({ attempt }) => {
      if (attempt === 1) return { verdict: 'preempted', cause: CAUSE, letGo: true };
      second.resolve(undefined);
      await trained.promise;
      return {};
    };
    world.end = async (input) => {
      await second.promise;
      ended.push(input);
      return { verdict: 'preempted', cause: CAUSE };
    };
    const trial = await harness.trial({ spec: specOf(SEVERAL), profile: profileOf(pool()) });
    await second.promise;
    await endings(runOf(world), 1).result();
    // The trial still trains.
    expect(ended).toMatchObject([{ attempt: 1, lost: CAUSE, isLogKept: true }]);
    expect(ended[0]).not.toHaveProperty('mayLetGo');
    expect(world.attempts.map(({ attempt, mayLetGo }) => [attempt, mayLetGo])).toEqual([
      [1, true],
      [2, true],
    ]);
    trained.resolve(undefined);
    expect(await trial.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 2, preemptions: 1, crashes: 0 } });
  });

  it('counts what it costs until that one has ended', async () => {
    const { world } = harness;
    const [first, second] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    world.attempt = async ({ attempt }) => {
      if (attempt === 1) return { verdict: 'preempted', letGo: true, cost: 2, onDemandCost: 6, lostCost: 0.5 };
      first.resolve(undefined);
      await second.promise;
      return { cost: 1, onDemandCost: 3 };
    };
    world.end = async () => {
      await first.promise;
      return { verdict: 'preempted', cost: 2.25, onDemandCost: 6.75, lostCost: 0.75 };
    };
    const trial = await harness.trial({ spec: specOf(SEVERAL), profile: profileOf(pool()) });
    await first.promise;
    await endings(runOf(world), 1).result();
    // While the second one runs.
    await until(async () => (await trial.query<TrialReport>('state')).cost === 2.25, 'the cost of the first');
    second.resolve(undefined);
    expect(await trial.result()).toMatchObject({ carried: { cost: 3.25, onDemandCost: 9.75, lostCost: 0.75 } });
  });

  it('that was to stop hands it over as stopped, and begins no other', async () => {
    const { world } = harness;
    const ended: AttemptInput[] = [];
    world.attempt = async () => {
      await trial.signal('stop', { reason: 'poor' });
      await harness.stopAsked();
      return { verdict: 'stopped', cause: CAUSE, letGo: true };
    };
    world.end = (input) => {
      ended.push(input);
      return Promise.resolve({ verdict: 'stopped' });
    };
    const trial = await harness.trial({ spec: specOf(SEVERAL), profile: profileOf(pool()) });
    expect(await trial.result()).toMatchObject({ status: 'stopped' });
    await endings(runOf(world), 1).result();
    expect(ended).toMatchObject([{ attempt: 1, lost: CAUSE, judged: 'stopped', isLogKept: true }]);
  });

  it('again and again has each of them ended by itself, also where one hangs for longer than the trial lasts', async () => {
    const { world } = harness;
    const hangs = Promise.withResolvers<undefined>();
    const ended: number[] = [];
    world.attempt = async ({ attempt }) => Promise.resolve(attempt < 3 ? { verdict: 'preempted', cause: CAUSE, letGo: true } : {});
    world.end = async ({ attempt }) => {
      if (attempt === 1) await hangs.promise;
      ended.push(attempt);
      return { verdict: 'preempted' };
    };
    const trial = await harness.trial({ spec: specOf(SEVERAL), profile: profileOf(pool()) });
    expect(await trial.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 3, preemptions: 2 } });
    const run = runOf(world);
    await endings(run, 2).result();
    expect((await endings(run, 1).describe()).status.name).toBe('RUNNING');
    expect(ended).toEqual([2]);
    hangs.resolve(undefined);
    await endings(run, 1).result();
    expect(ended).toEqual([2, 1]);
  });

  it('waits for a machine, in whatever pool, while the Job before still ends', async () => {
    const { world } = harness;
    const over = Promise.withResolvers<undefined>();
    world.attempt = async ({ attempt }) => {
      if (attempt === 1) return Promise.resolve({ verdict: 'preempted', cause: CAUSE, letGo: true, samples: 70 });
      return Promise.resolve(attempt === 2 ? { verdict: 'no-capacity', startedAt: null, samples: 70 } : {});
    };
    world.capacity = () => harness.stopAsked();
    world.end = async () => {
      await over.promise;
      return { verdict: 'preempted' };
    };
    const trial = await harness.trial({ spec: specOf(SEVERAL), profile: profileOf(SPOT_AND_ON_DEMAND) });
    expect(await trial.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 3, preemptions: 1 } });
    expect(world.attempts.map(({ attempt, samples }) => [attempt, samples])).toEqual([
      [1, 0],
      [2, 70],
      [3, 70],
    ]);
    over.resolve(undefined);
    await endings(runOf(world), 1).result();
  });

  it('goes on, and ends, on other workers where one goes in between', async () => {
    const { world } = harness;
    const tried: string[] = [];
    const once = (what: string): void => {
      if (tried.push(what) && tried.filter((each) => each === what).length === 1) throw later(0.01);
    };
    world.attempt = async ({ attempt }) => {
      if (attempt === 1) return Promise.resolve({ verdict: 'preempted', cause: CAUSE, letGo: true });
      once('attempt 2');
      return Promise.resolve({});
    };
    world.end = async () => {
      once('end of 1');
      return Promise.resolve({ verdict: 'preempted' });
    };
    const trial = await harness.trial({ spec: specOf(SEVERAL), profile: profileOf(pool()) });
    expect(await trial.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 2, preemptions: 1 } });
    await endings(runOf(world), 1).result();
    expect(tried.sort()).toEqual(['attempt 2', 'attempt 2', 'end of 1', 'end of 1']);
  });

  it.each([
    ['stop', 'stopped', 1],
    ['pause', 'succeeded', 2],
    ['cancel', 'cancelled', 1],
  ] as const)('that hears of a %s while it lets go is ended all the same', async (how, status, attempts) => {
    const { world } = harness;
    const ended: AttemptInput[] = [];
    world.attempt = async ({ attempt }) => {
      if (attempt > 1) return {};
      await (how === 'cancel' ? trial.cancel() : trial.signal(how));
      return { verdict: 'preempted', cause: CAUSE, letGo: true };
    };
    world.end = (input) => {
      ended.push(input);
      return Promise.resolve({ verdict: 'preempted' });
    };
    const trial = await harness.trial({ spec: specOf(SEVERAL), profile: profileOf(pool()) });
    if (how === 'pause') {
      await until(async () => (await trial.query<TrialReport>('state')).status === 'paused', 'the pause');
      await endings(runOf(world), 1).result();
      expect(world.attempts).toHaveLength(1);
      await trial.signal('resume');
    }
    expect(await trial.result()).toMatchObject({ status, carried: { attempts, preemptions: 1 } });
    await endings(runOf(world), 1).result();
    expect(ended).toMatchObject([{ attempt: 1, lost: CAUSE }]);
    expect(world.attempts).toHaveLength(attempts);
  });

  it('is ended however long its cluster is silent then, while others go on elsewhere', async () => {
    const { world } = harness;
    const lostAfterSeconds = 5;
    const east = { kind: 'process', path: '/east', lostAfterSeconds };
    world.attempt = async ({ attempt }) => Promise.resolve(attempt === 1 ? { verdict: 'preempted', cause: CAUSE, letGo: true } : {});
    // As the real one: it gives a cluster up that is bounded, and waits for any other.
    world.end = (input) =>
      input.lostAfterSeconds === undefined
        ? Promise.resolve({ verdict: 'preempted' })
        : Promise.reject(ApplicationFailure.nonRetryable('cluster east does not answer for 5 s', 'ClusterLost'));
    const { nativeConnection: connection } = harness.environment;
    const taskQueue = `${TASK_QUEUES.training}-east`;
    const namespace = namespaceOf(harness.environment);
    const worker = await Worker.create({ connection, namespace, taskQueue, activities: harness.activities });
    await worker.runUntil(async () => {
      const profile = profileOf({ clusters: { east, west: { ...east, path: '/west' } }, ...pool({ cluster: 'east' }) });
      const trial = await harness.trial({ spec: specOf(SEVERAL), profile });
      expect(await trial.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 2, preemptions: 1 } });
      expect(world.attempts).toMatchObject([{ lostAfterSeconds }, { lostAfterSeconds }]);
      await endings(runOf(world), 1).result();
    });
  });

  it.each<[string, object, Profile]>([
    ['on one machine', {}, profileOf(pool())],
    ['where a pool counts its attempts', SEVERAL, profileOf(pool({ maxAttempts: 3 }))],
    ['where a queue counts what runs', SEVERAL, profileOf({ compute: { ...KUBERNETES, queue: 'team' }, ...pool() })],
  ])('waits for the end of an attempt %s', async (_, spec, profile) => {
    await (await harness.trial({ spec: specOf(spec), profile })).result();
    expect(harness.world.attempts.map(({ mayLetGo }) => mayLetGo)).toEqual([undefined]);
  });
});
