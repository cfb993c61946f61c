/** A registry that is away for hours, on a server whose time is skipped; and what the Jobs of steps wait for, in the state of their run. */
import type { WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UNKNOWN_END } from '../../src/contract/jobs.ts';
import { INTERNAL_SIGNALS } from '../../src/contract/names.ts';
import type { RunState, StepState } from '../../src/contract/state.ts';
import type { JobStatus, WatchOptions } from '../../src/ports/compute.ts';
import { playFaster } from '../../src/rules/durations.ts';
import { documentOf, script } from './documents.ts';
import { startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import type { MemoryPorts } from './memory-ports.ts';
import { profileOf, SPOT_AND_ON_DEMAND, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';

const HOUR_MS = 3_600_000;
/** With their pauses more than three hours, and less than a day. */
const TRIES = 25;
const AWAY = 'ImagePullBackOff: unexpected status from HEAD request: 503 Service Unavailable';
const CAUSE = `waiting for the registry: ${AWAY}`;
const NO_IMAGE = {
  ...UNKNOWN_END,
  state: 'failed',
  notStarted: { reason: 'image', message: AWAY, passes: true },
  startedAt: null,
} as const;

describe('the Job of a step', () => {
  let ports: MemoryPorts;
  let harness: Harness;
  const begin = async (time: 'skipping' | 'real'): Promise<void> => {
    ports = createMemoryPorts();
    harness = await startHarness(ports, time);
  };
  afterEach(async () => {
    playFaster();
    await harness.stop();
  });
  const stepOf = async (run: { query: (name: string) => Promise<unknown> }): Promise<StepState> => {
    const [step] = ((await run.query('state')) as RunState).steps;
    if (!step) throw new Error('no step');
    return step;
  };

  it('waits for its registry for hours, ever longer, with its machine given back, and says since when', async () => {
    await begin('skipping');
    const begun = await harness.environment.currentTimeMs();
    const said: StepState[] = [];
    let run: Awaited<ReturnType<Harness['start']>> | null = null;
    ports.onJob = async () => {
      if (run) said.push(await stepOf(run));
      return said.length < TRIES ? NO_IMAGE : { outputs: undefined };
    };
    run = await harness.start(documentOf([script('prepare')]));
    const { steps } = await run.result();
    expect(steps[0]).toMatchObject({ status: 'succeeded', reason: null });
    expect(steps[0]).not.toHaveProperty('waitingSince');
    expect(await harness.environment.currentTimeMs()).toBeGreaterThan(begun + 3 * HOUR_MS);
    expect(said.at(-1)).toMatchObject({ status: 'running', reason: CAUSE, attempts: said.length });
    expect(Math.abs((said.at(-1)?.waitingSince ?? 0) - begun)).toBeLessThan(HOUR_MS / 2);
    expect(ports.calls.filter((call) => call.startsWith('remove')).length).toBeGreaterThanOrEqual(TRIES - 1);
  });

  it('fails when it has waited for a day, and at once of an image that is wrong', async () => {
    await begin('skipping');
    const begun = await harness.environment.currentTimeMs();
    ports.onJob = async () => NO_IMAGE;
    const away = await harness.start(documentOf([script('away')]));
    await expect(away.result()).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/the registry has given no image for 24 h .*503 Service Unavailable/) as string },
    });
    expect(await harness.environment.currentTimeMs()).toBeGreaterThan(begun + 24 * HOUR_MS);
    ports.onJob = async () => ({ ...NO_IMAGE, notStarted: { reason: 'image', message: 'm:1: not found' } });
    const wrong = await harness.start(documentOf([script('wrong')]));
    await expect(wrong.result()).rejects.toMatchObject({ cause: { type: 'InvalidInput' } });
    expect(ports.calls.filter((call) => call.includes('wrong') && call.startsWith('create'))).toHaveLength(1);
  });

  it('says in the state of its run what it waits for, as its activity tells it, and no more when it goes on', async () => {
    await begin('real');
    const done = Promise.withResolvers<{ outputs?: undefined }>();
    ports.onJob = () => done.promise;
    const compute = await ports.compute(profileOf());
    const waiting: JobStatus = { phase: 'pending', message: 'waiting in queue team-a', node: null, startedAt: null, waitingSince: 7 };
    let say: WatchOptions['onStatus'];
    Object.assign(ports, {
      compute: async () => ({
        ...compute,
        watch: (name: string, options: WatchOptions) => {
          say = options.onStatus;
          // Told after two minutes.
          playFaster(1000);
          say?.(waiting);
          return compute.watch(name, options);
        },
      }),
    });
    const run = await harness.start(documentOf([script('prepare')]));
    await until(async () => (await stepOf(run)).waitingSince !== undefined, 'the wait to be told');
    expect(await stepOf(run)).toMatchObject({ status: 'running', reason: 'waiting in queue team-a', waitingSince: 7 });
    say?.({ phase: 'running', message: null, node: 'n', startedAt: 8 });
    await until(async () => (await stepOf(run)).waitingSince === undefined, 'the wait to be over');
    expect(await stepOf(run)).toMatchObject({ status: 'running', reason: null });
    await run.signal(INTERNAL_SIGNALS.stepWaits, { step: 'prepare', attempt: 2, waiting: 'another attempt', since: 1 });
    await run.signal(INTERNAL_SIGNALS.stepWaits, { step: 'nobody', attempt: 1, waiting: 'another step', since: 1 });
    await run.signal(INTERNAL_SIGNALS.stepWaits, { step: 'prepare', attempt: 1, waiting: 'the same', since: 1 });
    expect(await stepOf(run)).toMatchObject({ reason: 'the same', waitingSince: 1 });
    done.resolve({});
    const { steps } = await run.result();
    expect(steps[0]).toMatchObject({ status: 'succeeded', reason: null });
    expect(steps[0]).not.toHaveProperty('waitingSince');
  });
});

describe('a trial', () => {
  let harness: SearchHarness;
  beforeEach(async () => {
    harness = await startSearchHarness();
  });
  afterEach(() => harness.stop());
  const noImage = { verdict: 'no-capacity', awaits: 'registry', cause: CAUSE, startedAt: null, samples: 0 } as const;

  it('whose first attempts find no image waits in its pool until its registry is back', async () => {
    const begun = await harness.environment.currentTimeMs();
    harness.world.attempt = async ({ attempt }) => Promise.resolve(attempt < TRIES ? noImage : {});
    const placement = { maxHoursWithoutCapacity: 1, maxFruitlessAttempts: 3 };
    const handle = await harness.trial({ profile: profileOf({ ...SPOT_AND_ON_DEMAND, placement }) });
    expect(await handle.result()).toMatchObject({ status: 'succeeded', carried: { attempts: TRIES, registry: null } });
    expect(await harness.environment.currentTimeMs()).toBeGreaterThan(begun + 3 * HOUR_MS);
    expect(new Set(harness.world.attempts.map(({ pool }) => pool.name))).toEqual(new Set(['spot']));
  });

  it.each([
    ['a machine', { verdict: 'no-capacity', startedAt: null, samples: 0 }],
    ['its registry', noImage],
  ] as const)('does not count a weekend of pause as waiting for %s', async (_, waits) => {
    const placement = { maxHoursWithoutCapacity: 1 };
    const begun = Promise.withResolvers<WorkflowHandle>();
    harness.world.attempt = async ({ attempt }) => {
      if (attempt === 1) await (await begun.promise).signal('pause');
      return attempt < 3 ? waits : {};
    };
    const handle = await harness.trial({ profile: profileOf({ placement }) });
    begun.resolve(handle);
    const paused = async (): Promise<boolean> => (await handle.query<{ status: string }>('state')).status === 'paused';
    await until(paused, 'the pause');
    await harness.environment.sleep('60 hours');
    await handle.signal('resume');
    expect(await handle.result()).toMatchObject({ status: 'succeeded', carried: { attempts: 3 } });
  });

  it('fails when its registry gave nothing for a day', async () => {
    harness.world.attempt = async () => Promise.resolve(noImage);
    const summary = await (await harness.trial()).result();
    expect(summary).toMatchObject({ status: 'failed', verdict: 'no-capacity' });
    expect(summary.reason).toMatch(/^the registry has given no image for 24 h/);
  });
});
