/** Where no worker is there for a while, the end of a wait and a word that changes it come in one task of a workflow. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import { queueOf } from '../../src/contract/teams.ts';
import { emptyCarried } from '../../src/rules/reopened-trials.ts';
import type { tensorboard } from '../../workflows/index.ts';
import { holdTensorboardSignal, releaseTensorboardSignal } from '../../workflows/tensorboard.ts';
import { until } from './environment.ts';
import { profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

/** Its workers go and come, beside those of nobody. */
const TEAM = 'away';
const QUEUE = queueOf(TEAM, TASK_QUEUES.control);
/** Until its workers are gone. */
const WAIT_SECONDS = 10;

let server: SearchHarness;
let workers: SearchHarness;
let stops = 0;
let stopping: () => Promise<void>;
const fakes = {
  stopTensorboard: async (): Promise<void> => {
    stops += 1;
    await stopping();
  },
};
const come = async (): Promise<void> => {
  workers = await startSearchHarness('real', [], fakes, 'world', { team: TEAM, beside: server });
};
beforeAll(async () => {
  // Stands for a history of 4,096 events.
  server = await startSearchHarness('real', ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=6']);
  await come();
});
afterAll(async () => {
  await workers.stop();
  await server.stop();
});
beforeEach(() => {
  stops = 0;
  stopping = () => Promise.resolve();
});

const handleOf = (workflowId: string) => server.client.workflow.getHandle(workflowId);
const statusOf = async (workflowId: string): Promise<string> => (await handleOf(workflowId).describe()).status.name;

/** Its timer fires while nobody is there, and what is said then comes in the same task. */
async function saidAsItsWaitEnds(workflowId: string, say: () => Promise<unknown>): Promise<void> {
  const events = async () => (await handleOf(workflowId).fetchHistory()).events ?? [];
  await until(async () => (await events()).some((event) => event.timerStartedEventAttributes), 'its wait');
  await workers.stop();
  expect((await events()).some((event) => event.timerFiredEventAttributes)).toBe(false);
  await until(async () => (await events()).some((event) => event.timerFiredEventAttributes), 'the end of its wait');
  await say();
  await come();
}

it('a trial that is cancelled as the pause before its next attempt ends stays cancelled, also where it has to continue as new', async () => {
  workers.world.attempt = () => Promise.resolve({ verdict: 'crashed', samples: 0 });
  const trial = await workers.trial({ spec: specOf({ maxCrashes: 3 }), resumed: { ...emptyCarried(), crashes: 1, crashesInRow: 1 } });
  await saidAsItsWaitEnds(trial.workflowId, () => trial.cancel());
  expect(await trial.result()).toMatchObject({ status: 'cancelled', carried: { attempts: 1 } });
  expect(workers.world.attempts).toHaveLength(0);
});

const keeperOf = (workflowId: string, keepSeconds: number) =>
  server.client.workflow.start<typeof tensorboard>(WORKFLOWS.tensorboard, {
    ...{ workflowId, taskQueue: QUEUE },
    args: [{ pipeline: 'p', profile: profileOf({ tensorboard: { enabled: true, keepSeconds } }), holders: [] }],
  });

/** For its searches: for hours, not for the end of the time for which it is kept. */
const untilHeldOrOver = (workflowId: string): Promise<unknown> =>
  until(async () => {
    const { events } = await handleOf(workflowId).fetchHistory();
    const waits = events?.map((event) => Number(event.timerStartedEventAttributes?.startToFireTimeout?.seconds ?? 0)) ?? [];
    return waits.some((seconds) => seconds > WAIT_SECONDS) || (await statusOf(workflowId)) !== 'RUNNING';
  }, 'its searches to be waited for, or its end');

it('a TensorBoard that a search takes as the time for which it was kept ends is kept on', async () => {
  const keeper = await keeperOf('kept', WAIT_SECONDS);
  await saidAsItsWaitEnds(keeper.workflowId, () => keeper.signal(holdTensorboardSignal, { holder: 'search' }));
  await untilHeldOrOver(keeper.workflowId);
  expect([await statusOf(keeper.workflowId), stops]).toEqual(['RUNNING', 0]);
  await keeper.terminate();
});

it('a TensorBoard that a search starts while the one before is being stopped is stopped too, in the end', async () => {
  const stopped = Promise.withResolvers<undefined>();
  stopping = async () => {
    await stopped.promise;
  };
  const keeper = await keeperOf('stopping', 1);
  await until(() => Promise.resolve(stops === 1), 'its stop');
  await keeper.signal(holdTensorboardSignal, { holder: 'search' });
  stopped.resolve(undefined);
  await untilHeldOrOver(keeper.workflowId);
  expect([await statusOf(keeper.workflowId), stops]).toEqual(['RUNNING', 1]);
  await keeper.signal(releaseTensorboardSignal, { holder: 'search' });
  await keeper.result();
  expect(stops).toBe(2);
});
