import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { awaitCapacity, forgetCapacity } from '../../../activities/capacity.ts';
import { stoppable } from '../../../activities/stoppable.ts';
import { openProcessCompute } from '../../../src/adapters/process/index.ts';
import { Pool } from '../../../src/contract/profile.ts';
import type { CapacityInput } from '../../../src/contract/attempts.ts';
import type { Compute } from '../../../src/ports/compute.ts';

const input = {
  attempt: 2,
  pool: Pool.parse({ name: 'spot', spot: true }),
  memoryMb: 64,
  trial: {
    profile: {},
    pipeline: 'p',
    run: 'run-1',
    step: 'search',
    trial: 3,
    spec: { resources: { cpu: 1, memoryMb: 64, gpu: 0 } },
  },
} as unknown as CapacityInput;

const STORE = { root: 'file:///store' };

describe('looking for a machine', () => {
  let path: string;
  let compute: Compute;
  let gate: string;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'longhaul-capacity-'));
    compute = await openProcessCompute({ kind: 'process', path });
    gate = join(path, '.closed-pools', 'spot');
    await mkdir(join(path, '.closed-pools'));
    await writeFile(gate, 'no spot machine to be had');
  });
  afterEach(async () => {
    await compute.close();
    await rm(path, { recursive: true, force: true });
  });

  const look = (): { environment: MockActivityEnvironment; looking: Promise<void> } => {
    const environment = new MockActivityEnvironment();
    return { environment, looking: environment.run(() => stoppable((context) => awaitCapacity(input, compute, STORE, context))) };
  };
  const names = async (): Promise<string[]> => (await compute.list()).map(({ name, phase }) => `${name} ${phase}`);

  it('waits while there is none, ends when there is one, and leaves no Job', async () => {
    const { looking } = look();
    await expect.poll(names).toEqual([expect.stringMatching(/^run-1-search-[0-9a-z]{12}-t3-c2 pending$/)]);
    await rm(gate);
    await looking;
    expect(await names()).toEqual([]);
  });

  it('leaves no Job when nobody wants to know any more', async () => {
    const { environment, looking } = look();
    await expect.poll(names).toHaveLength(1);
    environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
    await looking;
    expect([await names(), existsSync(gate)]).toEqual([[], true]);
  });

  it('leaves the Job to the next worker when this one goes, which goes on with it', async () => {
    const first = look();
    await expect.poll(names).toHaveLength(1);
    first.environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
    await expect(first.looking).rejects.toMatchObject({ type: 'Unavailable', nonRetryable: false });
    expect(await names()).toHaveLength(1);
    await rm(gate);
    await look().looking;
    expect(await names()).toEqual([]);
  });

  it('can be forgotten by a worker that never watched it', async () => {
    const first = look();
    await expect.poll(names).toHaveLength(1);
    first.environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
    await expect(first.looking).rejects.toMatchObject({ type: 'Unavailable' });
    await forgetCapacity(input, compute, STORE);
    expect(await names()).toEqual([]);
  });
});
