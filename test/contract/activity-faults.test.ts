/**
 * Requests of each activity that has Jobs are refused once, in every way in which an API server or a store refuses: in the whole each of them in
 * every third way and each way at every third of them, in the suite chaos-more each in every way (LONGHAUL_SCHEDULES). Temporal's part is
 * played here: an activity that fails is tried again, and one that was asked to stop is not, but its end is asked for. However it goes, nothing
 * is left that runs and that nobody watches, and the attempt is on record once.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/activity';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { createStepJobActivities } from '../../activities/step-jobs.ts';
import { createTrainingActivities } from '../../activities/training.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { AdapterError } from '../../src/contract/errors.ts';
import type { AttemptInput } from '../../src/contract/attempts.ts';
import type { Compute, ObjectStore, Ports, Warehouse } from '../../src/ports/index.ts';
import { attemptInput } from '../support/attempt-input.ts';
import { isFinished } from '../support/kubernetes/controllers.ts';
import { startStandIn } from '../support/kubernetes/server.ts';
import type { Fault, StandIn } from '../support/kubernetes/server.ts';
import { stepInput } from '../support/step-input.ts';

const FAULTS: readonly Fault[] = [401, 403, 404, 409, 410, 429, 500, 503, 'reset', 'hang', 'truncated'];
const STORE_FAULTS = [403, 404, 500, 'reset'] as const;
const ANSWER_MS = 400;
const MAX_TRIES = 8;
const AT_ONCE = 12;
/** 1: all. */
const EACH = process.env['LONGHAUL_SCHEDULES'] === undefined ? 3 : 1;
/** Such that, from one way of refusing to the next, and from one scenario to the next, others are chosen. */
const chosen = <T>(items: readonly T[], scenario: Scenario, fault: number): T[] =>
  items.filter((_, i) => (i + fault + SCENARIOS.indexOf(scenario)) % EACH === 0);

const RESULT = JSON.stringify({
  metrics: {},
  objective: 0.5,
  bestStep: 1,
  steps: 1,
  samples: 5,
  epochs: 1,
  bestExport: null,
  weightsSha256: 'w',
});
const OUT = '${LONGHAUL_OUTPUT#file://}';
const TRAINS = `sleep 0.1; echo '${RESULT}' > ${OUT}/result.json`;
const STOPS = `trap 'exit 143' TERM; while :; do sleep 0.02; done`;

interface World {
  readonly standIn: StandIn;
  readonly ports: Ports;
  readonly compute: Compute;
  readonly store: ObjectStore;
  readonly recorded: string[];
  /** Calls of store and ledger, and the fault that one of them is to meet. */
  readonly calls: string[];
  storeFault: { readonly call: number; readonly fault: (typeof STORE_FAULTS)[number] } | null;
  [Symbol.asyncDispose](): Promise<void>;
}

async function openWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-faults-'));
  const standIn = await startStandIn({ podEndMs: 20, changes: { graceSeconds: 1 } });
  const directory = await openDirectoryStore({ kind: 'directory', path: folder });
  const compute = await openKubernetesCompute(standIn.config, {
    client: { answerMs: ANSWER_MS },
    view: { listMs: ANSWER_MS, silenceMs: 2 * ANSWER_MS },
  });
  const recorded: string[] = [];
  const calls: string[] = [];
  const refusing = <T extends object>(name: string, port: T): T =>
    new Proxy(port, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function' || key === 'list') return value;
        return async (...parameters: unknown[]): Promise<unknown> => {
          calls.push(`${name} ${String(key)}`);
          if (world.storeFault?.call === calls.length) throw errorOf(world.storeFault.fault);
          return Reflect.apply(value, target, parameters) as Promise<unknown>;
        };
      },
    });
  const warehouse = {
    append: (_table: string, _rows: unknown, key: string) => {
      if (!recorded.includes(key)) recorded.push(key);
      return Promise.resolve();
    },
    ledger: () => Promise.resolve([]),
  } as unknown as Warehouse;
  const store = refusing('store', directory);
  const world: World = {
    standIn,
    compute,
    store: directory,
    recorded,
    calls,
    storeFault: null,
    ports: {
      store: () => Promise.resolve(store),
      compute: () => Promise.resolve(compute),
      warehouse: () => Promise.resolve(refusing('ledger', warehouse)),
    },
    [Symbol.asyncDispose]: async () => {
      await compute.close();
      await standIn.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
  return world;
}

/** As the adapters of GCS and BigQuery say it. */
function errorOf(fault: (typeof STORE_FAULTS)[number]): Error {
  const cause = new Error(`a fault of the test: ${fault}`);
  if (fault === 'reset') return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  const type = fault === 403 ? 'AccessDenied' : fault === 404 ? 'InvalidInput' : 'Unavailable';
  return new AdapterError(type, cause.message, { cause });
}

interface Tried<T> {
  readonly result: T | null;
  readonly failed: unknown;
}

/** As Temporal would: again after a failure that may be repeated; not after a cancellation, nor after one that must not. */
async function tryAgain<T>(
  act: () => Promise<T>,
  stopping: (environment: MockActivityEnvironment) => Promise<boolean>,
  first = 1,
): Promise<Tried<T>> {
  let failed: unknown;
  for (let attempt = first; attempt <= MAX_TRIES; attempt++) {
    const environment = new MockActivityEnvironment({ attempt, heartbeatTimeoutMs: 1000 }, { logger });
    const running = environment.run<[], T, () => Promise<T>>(act);
    running.catch(() => undefined);
    const isStopped = await Promise.race([stopping(environment), running.then(() => false, () => false)]); // prettier-ignore
    try {
      return { result: await running, failed: null };
    } catch (error) {
      failed = error;
      if (isStopped || (error instanceof ApplicationFailure && error.nonRetryable === true)) break;
    }
  }
  return { result: null, failed };
}

interface Scenario {
  readonly name: string;
  play(world: World): Promise<{ readonly verdict: string | undefined; readonly failed: unknown }>;
  readonly verdict: string;
  /** What must be on record in the end. */
  readonly records: readonly string[];
}

const never = (): Promise<boolean> => new Promise<boolean>(() => undefined);
const inputOf = (world: World, script: string): Promise<AttemptInput> =>
  attemptInput(world.store, { profile: { compute: world.standIn.config }, spec: { command: ['sh', '-c', script] } });
/** One that tells nobody what it does. */
const logger = new DefaultLogger('ERROR', () => undefined);
/** Asks to stop as soon as the container runs. */
const whenItRuns =
  ({ standIn }: World) =>
  async (environment: MockActivityEnvironment): Promise<boolean> => {
    await expect.poll(() => standIn.objects.list('pods').some(({ status }) => status['phase'] === 'Running'), { interval: 5 }).toBe(true);
    environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
    return true;
  };

async function playAttempt(world: World, script: string, stopping: (environment: MockActivityEnvironment) => Promise<boolean>) {
  const activities = createTrainingActivities(world.ports);
  const input = await inputOf(world, script);
  const first = await tryAgain(() => activities.runAttempt(input), stopping);
  if (first.result) return { verdict: first.result.verdict, failed: null };
  // As the trial's workflow does.
  const second = await tryAgain(() => activities.endAttempt(input), never);
  return { verdict: second.result?.verdict, failed: first.failed };
}

async function playStep(world: World, script: string, stopping: (environment: MockActivityEnvironment) => Promise<boolean>) {
  const activities = createStepJobActivities(world.ports);
  const input = stepInput(world.store, world.standIn.config, { command: ['sh', '-c', script] });
  const { result, failed } = await tryAgain(() => activities.runStepJob(input), stopping);
  if (result) return { verdict: result.verdict, failed: null };
  await tryAgain(() => activities.removeStepJob(input), never);
  return { verdict: undefined, failed };
}

const ATTEMPT = 'run/search/0/1';
const SCENARIOS: readonly Scenario[] = [
  { name: 'an attempt that ends by itself', play: (world) => playAttempt(world, TRAINS, never), verdict: 'succeeded', records: [ATTEMPT] },
  {
    name: 'an attempt that is asked to stop',
    play: (world) => playAttempt(world, STOPS, whenItRuns(world)),
    verdict: 'stopped',
    records: [ATTEMPT],
  },
  {
    name: 'an attempt that the next worker adopts',
    play: async (world) => {
      const input = await inputOf(world, `sleep 0.3; ${TRAINS}`);
      const activities = createTrainingActivities(world.ports);
      const gone = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000 }, { logger });
      const running = gone.run(() => activities.runAttempt(input));
      running.catch(() => undefined);
      await Promise.race([whenItRuns(world)(new MockActivityEnvironment()), running.catch(() => undefined)]);
      gone.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
      await running.catch(() => undefined);
      const second = await tryAgain(() => activities.runAttempt(input), never, 2);
      if (second.result) return { verdict: second.result.verdict, failed: null };
      const end = await tryAgain(() => activities.endAttempt(input), never);
      return { verdict: end.result?.verdict, failed: second.failed };
    },
    verdict: 'succeeded',
    records: [ATTEMPT],
  },
  { name: 'a step that ends by itself', play: (world) => playStep(world, 'sleep 0.1', never), verdict: 'succeeded', records: [] },
  { name: 'a step that is cancelled', play: (world) => playStep(world, STOPS, whenItRuns(world)), verdict: 'cancelled', records: [] },
];

/** Nothing runs, nothing may be started again, and the attempt is on record. */
async function leftInOrder(
  { standIn, recorded }: World,
  scenario: Scenario,
  outcome: { verdict: string | undefined; failed: unknown },
): Promise<string> {
  const running = (): string[] => [
    ...standIn.objects
      .list('pods')
      .filter(({ status }) => status['phase'] === 'Running' || status['phase'] === 'Pending')
      .map(({ metadata }) => metadata.name),
    ...standIn.objects
      .list('jobs')
      .filter((job) => !isFinished(job))
      .map(({ metadata }) => metadata.name),
  ];
  await expect.poll(running, { interval: 10 }).toEqual([]);
  const attempts = recorded.filter((key) => key === ATTEMPT);
  const refusedAtOnce =
    outcome.failed instanceof ApplicationFailure &&
    outcome.failed.nonRetryable === true &&
    standIn.asked.every(({ what }) => what !== 'WATCH pods');
  if (refusedAtOnce) return 'refused before anything was begun';
  if (outcome.verdict !== undefined) expect(attempts).toEqual(scenario.records);
  return outcome.verdict ?? 'cancelled';
}

async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const next = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

/** The requests of an undisturbed run: the first and second of each kind. */
const known = new Map<string, Promise<readonly { what: string; nth: number }[]>>();
function requestsOf(scenario: Scenario): Promise<readonly { what: string; nth: number }[]> {
  const requests = known.get(scenario.name) ?? undisturbedRequests(scenario);
  known.set(scenario.name, requests);
  return requests;
}

async function undisturbedRequests(scenario: Scenario): Promise<{ what: string; nth: number }[]> {
  await using world = await openWorld();
  const outcome = await scenario.play(world);
  expect(await leftInOrder(world, scenario, outcome)).toBe(scenario.verdict);
  const kinds = [...new Set(world.standIn.asked.map(({ what }) => what))];
  return kinds.flatMap((what) => {
    const count = world.standIn.asked.filter((each) => each.what === what).length;
    return Array.from({ length: Math.min(/jobs$/.test(what) ? 2 : 1, count) }, (_, i) => ({ what, nth: i + 1 }));
  });
}

describe.each(SCENARIOS)('$name', (scenario) => {
  it.each(FAULTS)('leaves nothing behind when one request is answered with %s', async (fault) => {
    const requests = await requestsOf(scenario);
    expect(requests.map(({ what }) => what)).toEqual(expect.arrayContaining(['POST jobs', 'WATCH pods']));
    await inTurns(chosen(requests, scenario, FAULTS.indexOf(fault)), async ({ what, nth }) => {
      await using world = await openWorld();
      let seen = 0;
      world.standIn.fault = (asked) => (asked.what === what && ++seen === nth ? fault : null);
      const outcome = await scenario.play(world);
      const left = await leftInOrder(world, scenario, outcome).catch((error: unknown) => String(error));
      expect([what, nth, left]).toEqual([what, nth, expect.stringMatching(new RegExp(`^${scenario.verdict}$|^refused before`))]);
      // A request that is refused after a Job was made is never a reason to give up.
      if (what !== 'POST jobs' && what !== 'GET jobs') expect([what, nth, left]).toEqual([what, nth, scenario.verdict]);
    });
  });

  it.each(STORE_FAULTS)('leaves nothing behind when store or ledger answer once with %s', async (fault) => {
    await using undisturbed = await openWorld();
    await scenario.play(undisturbed);
    await inTurns(
      chosen(
        undisturbed.calls.slice(0, 40).map((call, i) => ({ call, number: i + 1 })),
        scenario,
        STORE_FAULTS.indexOf(fault),
      ),
      async ({ call, number }) => {
        await using world = await openWorld();
        world.storeFault = { call: number, fault };
        const outcome = await scenario.play(world);
        const left = await leftInOrder(world, scenario, outcome).catch(
          (error: unknown) => `${String(error)} ${JSON.stringify(outcome)} ${String(outcome.failed)}`,
        );
        expect([call, number, left]).toEqual([call, number, expect.stringMatching(new RegExp(`^${scenario.verdict}$|^refused before`))]);
      },
    );
  });
});
