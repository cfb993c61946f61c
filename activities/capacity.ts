/** Whether a pool has a machine for a trial: a Job that asks for what an attempt would ask for, and does nothing. */
import { log } from '@temporalio/activity';
import { capacityJobName } from '../src/contract/ids.ts';
import type { JobSpec } from '../src/contract/jobs.ts';
import type { CapacityInput } from '../src/contract/search.ts';
import type { Compute } from '../src/ports/compute.ts';
import { aborted, pause } from './stoppable.ts';
import type { Stoppable } from './stoppable.ts';

/** Then the Job is made anew: an autoscaler that gave up looks again. */
const RENEW_SECONDS = 3600;
/** A quota or an admission that refuses is not asked without a pause. */
const PAUSE_AFTER_REFUSAL_MS = 60_000;

/**
 * Waits until the Job gets a machine, and removes it. A cluster's autoscaler keeps a machine that it just made for some minutes, enough for the
 * attempt that comes next. On Kubernetes a Job that waits costs nothing.
 */
export async function awaitCapacity(input: CapacityInput, compute: Compute, context: Stoppable): Promise<void> {
  const job = jobOf(input);
  while (!context.stop.aborted) {
    await compute.create(job);
    const isThere = await getsMachine(compute, job.name, context);
    await compute.remove(job.name);
    if (isThere) {
      log.info('there is a machine', { pool: input.pool.name });
      return;
    }
    await pause(PAUSE_AFTER_REFUSAL_MS, context.stop, context.detached);
  }
}

export const forgetCapacity = (input: CapacityInput, compute: Compute): Promise<void> => compute.remove(jobNameOf(input));

/** False: not within the time, or it is not wanted any more. */
async function getsMachine(compute: Compute, name: string, { stop, detached }: Stoppable): Promise<boolean> {
  const over = new AbortController();
  const placed = new Promise<boolean>((resolve, reject) => {
    const watching = compute.watch(name, {
      signal: AbortSignal.any([over.signal, detached]),
      noCapacitySeconds: RENEW_SECONDS,
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

const jobNameOf = ({ trial, attempt }: CapacityInput): string => capacityJobName(trial.run, trial.step, trial.trial, attempt);

function jobOf(input: CapacityInput): JobSpec {
  const { trial, pool, memoryMb } = input;
  const { pipeline, run, step, spec } = trial;
  return {
    name: jobNameOf(input),
    labels: { pipeline, run, step, trial: String(trial.trial) },
    ...(spec.image === undefined ? {} : { image: spec.image }),
    command: ['true'],
    env: {},
    resources: { ...spec.resources, memoryMb },
    pool,
    graceSeconds: 1,
  };
}
