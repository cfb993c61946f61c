/** Whether a pool has a machine for a trial: a Job that asks for what an attempt would ask for, and does nothing. */
import { log } from '@temporalio/activity';
import type { JobSpec } from '../src/contract/jobs.ts';
import type { CapacityInput } from '../src/contract/attempts.ts';
import type { Compute, ObjectStore } from '../src/ports/index.ts';
import { GRACES, WAITS } from '../src/rules/durations.ts';
import { severalNodes } from '../src/rules/gang.ts';
import { capacityIdentity, findJob } from './job-places.ts';
import { Foreign } from './foreign-systems.ts';
import { knownDigests } from './shipped-code.ts';
import { aborted, pause } from './stoppable.ts';
import type { Stoppable } from './stoppable.ts';

/**
 * Waits until the Job gets a machine, and removes it. A cluster's autoscaler keeps a machine that it just made for some minutes, enough for the
 * attempt that comes next. On Kubernetes a Job that waits costs nothing.
 */
export async function awaitCapacity(
  input: CapacityInput,
  compute: Compute,
  store: Pick<ObjectStore, 'root'>,
  context: Stoppable,
): Promise<void> {
  const job = jobOf(input, store);
  // The attempt goes on meanwhile: its pool's Jobs were made before.
  const foreign = new Foreign(true, { until: [context.detached] });
  const isWanted = (): boolean => !context.stop.aborted;
  while (isWanted()) {
    let { name } = job;
    let isThere = false;
    try {
      ({ name } = await foreign.ask('Kubernetes', () => compute.create(job), [context.stop]));
      await context.look();
      isThere = await foreign.ask('Kubernetes', () => getsMachine(compute, name, context), [context.stop]);
    } catch (error) {
      // Refused while it was to stop: the Job may be there all the same.
      if (isWanted()) throw error;
    }
    // It may be gone because nobody wants to know any more (`forgetCapacity`).
    if (!isThere) await context.look();
    await foreign.ask('Kubernetes', () => compute.remove(name, { waitSeconds: GRACES.removalPatienceSeconds }));
    if (isThere) {
      log.info('there is a machine', { pool: input.pool.name });
      return;
    }
    await pause(WAITS.capacityRefusedSeconds * 1000, context.stop, context.detached);
  }
}

export async function forgetCapacity(input: CapacityInput, compute: Compute, store: Pick<ObjectStore, 'root'>): Promise<void> {
  const name = await findJob(compute, capacityIdentity(store, input));
  if (name !== null) await compute.remove(name, { waitSeconds: GRACES.removalPatienceSeconds });
}

/** False: not within the time, or it is not wanted any more. */
async function getsMachine(compute: Compute, name: string, { stop, detached }: Stoppable): Promise<boolean> {
  const over = new AbortController();
  const placed = new Promise<boolean>((resolve, reject) => {
    const watching = compute.watch(name, {
      signal: AbortSignal.any([over.signal, detached]),
      noCapacitySeconds: WAITS.capacityRenewedSeconds,
      onStatus: ({ node }) => {
        if (node !== null) resolve(true);
      },
    });
    watching.then(({ node }) => resolve(node !== null), reject);
  });
  try {
    return await Promise.race([placed, aborted(stop).then(() => false)]);
  } finally {
    over.abort();
    placed.catch(() => undefined);
  }
}

function jobOf(input: CapacityInput, store: Pick<ObjectStore, 'root'>): JobSpec {
  const { trial, pool, memoryMb } = input;
  const { spec } = trial;
  const { nodes, ...resources } = spec.resources;
  return {
    ...capacityIdentity(store, input),
    ...(spec.image === undefined ? {} : { image: spec.image }),
    ...knownDigests(trial.profile),
    // Of several machines each is held until the last one is there.
    command: nodes === undefined ? ['true'] : ['sleep', String(WAITS.capacityRenewedSeconds)],
    env: {},
    resources: { ...resources, memoryMb },
    ...severalNodes(nodes),
    pool,
    graceSeconds: GRACES.lookGraceSeconds,
  };
}
