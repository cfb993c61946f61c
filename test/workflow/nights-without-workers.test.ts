/** A wait for a machine that has an end, where no worker is there for longer than that: nobody asked for a machine meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UNKNOWN_END } from '../../src/contract/jobs.ts';
import { playFaster } from '../../src/rules/durations.ts';
import { documentOf, script } from './documents.ts';
import { startHarness, startServer, until } from './environment.ts';
import type { Harness, HarnessPlace } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { profileOf, startSearchHarness } from './search-harness.ts';

const PATIENCE_SECONDS = 10;
const NIGHT_MS = PATIENCE_SECONDS * 1000 + 2000;
/** A worker that is 0.3 s late was away, then. */
const FACTOR = 200;
const profile = profileOf({ placement: { maxHoursWithoutCapacity: PATIENCE_SECONDS / 3600 } });

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  playFaster(FACTOR);
  environment = await startServer('real');
});
afterAll(async () => {
  playFaster();
  await environment.teardown();
});
/** Workers of a team, so that those of all tests can be there at once. */
const of = (team: string): HarnessPlace => ({ team, beside: { environment } as Harness });

/** Stops its workers when it waits with nothing running, for longer than it would wait. */
async function leaves(harness: Harness, waiting: WorkflowHandle): Promise<void> {
  const waits = async (): Promise<boolean> => {
    const { events } = await waiting.fetchHistory();
    return events?.at(-1)?.timerStartedEventAttributes != null;
  };
  await until(waits, 'a timer, and nothing else');
  await harness.stop();
  await sleep(NIGHT_MS);
}

it.concurrent('does not count them: a trial', async () => {
  const workers = () => startSearchHarness('real', [], {}, 'world', of('trials'));
  const before = await workers();
  const noMachine = { verdict: 'no-capacity', startedAt: null, samples: 0 } as const;
  before.world.attempt = async () => Promise.resolve(noMachine);
  const { workflowId } = await before.trial({ profile, factor: FACTOR });
  const handle = environment.client.workflow.getHandle(workflowId);
  await leaves(before, handle);
  const after = await workers();
  let asked = 0;
  after.world.attempt = async () => Promise.resolve(++asked < 2 ? noMachine : {});
  expect(await handle.result()).toMatchObject({ status: 'succeeded' });
  expect(asked).toBe(2);
  await after.stop();
});

it.concurrent('does not count them: the Job of a step', async () => {
  const ports = createMemoryPorts();
  const workers = () => startHarness(ports, 'real', {}, [], undefined, of('steps'));
  let [asked, isThere] = [0, false];
  const notStarted = { reason: 'no-capacity', message: 'no node fits' } as const;
  ports.onJob = async () =>
    Promise.resolve(isThere && ++asked === 2 ? { outputs: undefined } : { ...UNKNOWN_END, state: 'failed', notStarted, startedAt: null });
  const before = await workers();
  const { workflowId } = await before.start({ ...documentOf([script('prepare')]), profile, factor: FACTOR });
  const handle = environment.client.workflow.getHandle(workflowId);
  await leaves(before, handle);
  isThere = true;
  const after = await workers();
  expect(await handle.result()).toMatchObject({ steps: [{ status: 'succeeded' }] });
  expect(asked).toBe(2);
  await after.stop();
});
