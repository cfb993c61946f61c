/** The wall between who asks and who runs: whatever activity gets a profile, it opens nothing that the workers' policy does not allow. */
import { violationText } from '../src/contract/policy.ts';
import type { Policy, Violation } from '../src/contract/policy.ts';
import type { Profile } from '../src/contract/profile.ts';
import type { Compute, Ports } from '../src/ports/index.ts';
import { jobViolations, profileViolations } from '../src/rules/policy.ts';
import { failure } from './failures.ts';

const VIOLATIONS_SHOWN = 10;

/** @throws ApplicationFailure('InvalidDocument') that names each rule, the place, what was found and what is allowed */
export function refuse(found: readonly Violation[]): void {
  if (found.length === 0) return;
  const lines = found.slice(0, VIOLATIONS_SHOWN).map(violationText);
  const more = found.length > lines.length ? [`and ${found.length - lines.length} more`] : [];
  const what = 'the policy of these workers (LONGHAUL_POLICY) does not allow what the run asks for';
  throw failure('InvalidDocument', [`${what}:`, ...lines, ...more].join('\n'));
}

/** @param policy null: everything is allowed */
export function behindPolicy(ports: Ports, policy: Policy | null): Ports {
  if (policy === null) return ports;
  const allowed = (profile: Profile): Profile => {
    refuse(profileViolations(policy, profile));
    return profile;
  };
  return {
    store: async (profile) => ports.store(allowed(profile)),
    warehouse: async (profile) => ports.warehouse(allowed(profile)),
    compute: async (profile) => withJobsOf(policy, await ports.compute(allowed(profile))),
  };
}

/** @param open as of `createTensorboardActivities` */
export const openBehindPolicy =
  <T>(open: (profile: Profile) => Promise<T>, policy: Policy | null) =>
  async (profile: Profile): Promise<T> => {
    if (policy !== null) refuse(profileViolations(policy, profile));
    return open(profile);
  };

function withJobsOf(policy: Policy, compute: Compute): Compute {
  return {
    create: async (job) => {
      refuse(jobViolations(policy, job, `job ${job.name}`));
      return compute.create(job);
    },
    watch: (name, options) => compute.watch(name, options),
    terminate: (name) => compute.terminate(name),
    remove: (name, options) => compute.remove(name, options),
    logs: (name, options) => compute.logs(name, options),
    list: (labels) => compute.list(labels),
    close: () => compute.close(),
  };
}
