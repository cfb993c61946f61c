/** Which Job is whose: names of today and before, and how a Job is found whatever its name. */
import { attemptJobName, capacityJobName, FORMER_NAMES, homeOf, stepJobName } from '../src/contract/ids.ts';
import { isSameJob } from '../src/contract/jobs.ts';
import type { JobSpec } from '../src/contract/jobs.ts';
import type { AttemptInput, CapacityInput } from '../src/contract/attempts.ts';
import type { Compute, ObjectStore } from '../src/ports/index.ts';

export type JobIdentity = Pick<JobSpec, 'name' | 'formerNames' | 'labels'>;
type Store = Pick<ObjectStore, 'root'>;

export function attemptIdentity({ root }: Store, { trial, attempt }: Pick<AttemptInput, 'trial' | 'attempt'>): JobIdentity {
  const { pipeline, run, step, life } = trial;
  const home = homeOf(root);
  return {
    name: attemptJobName({ home, run, step, life }, trial.trial, attempt),
    formerNames: life === undefined ? [FORMER_NAMES.attempt(run, step, trial.trial, attempt)] : [],
    labels: { pipeline, run, step, trial: String(trial.trial), attempt: String(attempt), home },
  };
}

/** It has no number of an attempt: it is none. */
export function capacityIdentity(
  { root }: Store,
  { trial, attempt, look }: Pick<CapacityInput, 'trial' | 'attempt' | 'look'>,
): JobIdentity {
  const { pipeline, run, step, life } = trial;
  const home = homeOf(root);
  return {
    name: capacityJobName({ home, run, step, life }, trial.trial, attempt, look),
    formerNames: life === undefined && look === undefined ? [FORMER_NAMES.capacity(run, step, trial.trial, attempt)] : [],
    labels: { pipeline, run, step, trial: String(trial.trial), home },
  };
}

export function stepIdentity(
  { root }: Store,
  { pipeline, run, step, attempt }: { readonly pipeline: string; readonly run: string; readonly step: string; readonly attempt: number },
): JobIdentity {
  const home = homeOf(root);
  return {
    name: stepJobName({ home, run, step }, attempt),
    formerNames: [FORMER_NAMES.step(run, step, attempt)],
    labels: { pipeline, run, step, attempt: String(attempt), home },
  };
}

/** The name under which it is there; null: it is not. */
export async function findJob(compute: Compute, { name, formerNames = [], labels }: JobIdentity): Promise<string | null> {
  const names = [name, ...formerNames];
  const jobs = await compute.list({ run: labels.run, step: labels.step });
  return jobs.find((job) => names.includes(job.name) && isSameJob(job.labels, labels))?.name ?? null;
}
