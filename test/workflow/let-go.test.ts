/** An attempt on several machines that has let go: the next one begins, and its Job is somebody's until it was seen to end. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AttemptInput } from '../../src/contract/attempts.ts';
import { jobEndingWorkflowId } from '../../src/contract/ids.ts';
import type { Profile } from '../../src/contract/profile.ts';
import { profileOf, specOf, startSearchHarness } from './search-harness.ts';
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

  it('that was to stop hands it over as stopped, and begins no other', async () => {
    const { world } = harness;
    const ended: AttemptInput[] = [];
    world.attempt = async () => {
      await trial.signal('stop', { reason: 'poor' });
      await harness.stopAsked();
      return { verdict: 'stopped', letGo: true };
    };
    world.end = (input) => {
      ended.push(input);
      return Promise.resolve({ verdict: 'stopped' });
    };
    const trial = await harness.trial({ spec: specOf(SEVERAL), profile: profileOf(pool()) });
    expect(await trial.result()).toMatchObject({ status: 'stopped' });
    await endings(runOf(world), 1).result();
    expect(ended).toMatchObject([{ attempt: 1, isLogKept: true }]);
    expect(ended[0]).not.toHaveProperty('lost');
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
