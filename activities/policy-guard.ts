/** Between who asks and who runs: whatever activity gets a profile, it opens nothing that the workers' policy does not allow. */
import type { JobSpec } from '../src/contract/jobs.ts';
import type { Policy, Violation } from '../src/contract/policy.ts';
import { Profile } from '../src/contract/profile.ts';
import type { Compute, Ports, Warehouse } from '../src/ports/index.ts';
import type { Tensorboards } from '../src/ports/tensorboard.ts';
import { isImage, unless } from '../src/rules/policy-patterns.ts';
import { addressViolations, requestViolations } from '../src/rules/policy-places.ts';
import { jobViolations, profileViolations, refusalText } from '../src/rules/policy.ts';
import { failure } from './failures.ts';

/** @throws ApplicationFailure('InvalidDocument') that names each rule, the place, what was found and what is allowed */
export function refuseViolations(found: readonly Violation[]): void {
  if (found.length > 0) throw failure('InvalidDocument', refusalText(found));
}

/** As it is opened: a workflow beside a run's, whose document nobody has checked, can be begun with anything in its place. */
function checkedProfile(policy: Policy, profile: unknown): Profile {
  const parsed = Profile.safeParse(profile);
  if (!parsed.success)
    throw failure('InvalidDocument', `the profile is none: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`); // prettier-ignore
  refuseViolations(profileViolations(policy, parsed.data));
  return parsed.data;
}

/** @param policy null: everything is allowed */
export function guardPorts(ports: Ports, policy: Policy | null): Ports {
  if (policy === null) return ports;
  const allowed = (profile: Profile): Profile => checkedProfile(policy, profile);
  return {
    store: async (profile) => ports.store(allowed(profile)),
    warehouse: async (profile) => guardWarehouse(policy, profile, await ports.warehouse(allowed(profile))),
    compute: async (profile) => guardCompute(policy, await ports.compute(allowed(profile))),
  };
}

/** @param open as of `createTensorboardActivities` */
export const guardTensorboards =
  (open: (profile: Profile) => Promise<Tensorboards>, policy: Policy | null) =>
  async (profile: Profile): Promise<Tensorboards> => {
    if (policy === null) return open(profile);
    const boards = await open(checkedProfile(policy, profile));
    return {
      start: async (spec) => {
        refuseViolations(addressViolations(policy, { logdir: spec.logdir }, 'tensorboard'));
        return boards.start(spec);
      },
      stop: async (place) => boards.stop(place),
    };
  };

function guardCompute(policy: Policy, compute: Compute): Compute {
  return {
    create: async (job) => {
      const path = `job ${job.name}`;
      const asked = { ...job, resources: { ...job.resources, nodes: job.nodes } };
      refuseViolations([...jobViolations(policy, asked, path), ...addressViolations(policy, { env: job.env, code: job.code }, path)]);
      return compute.create(withAllowedDigests(policy, job));
    },
    watch: (name, options) => compute.watch(name, options),
    terminate: (name) => compute.terminate(name),
    remove: (name, options) => compute.remove(name, options),
    logs: (name, options) => compute.logs(name, options),
    list: (labels) => compute.list(labels),
    close: () => compute.close(),
  };
}

/** A digest is another image than its tag as far as a policy goes: where only the tag is allowed, the tag runs. */
function withAllowedDigests(policy: Policy, job: JobSpec): JobSpec {
  const { digests, ...rest } = job;
  if (digests === undefined) return job;
  const allowed = Object.entries(digests).filter(
    ([image, digest]) => unless(policy, 'images', '', `${image}@${digest}`, isImage).length === 0,
  );
  return allowed.length === 0 ? rest : { ...rest, digests: Object.fromEntries(allowed) };
}

/** Names of tables and addresses may come of the outputs of a step: whatever program it ran chose them. A store keeps within its root by itself. */
function guardWarehouse(policy: Policy, profile: Profile, warehouse: Warehouse): Warehouse {
  const allowed = <R extends Parameters<typeof requestViolations>[2]>(request: R, path: string): R => {
    refuseViolations(requestViolations(policy, profile, request, path));
    return request;
  };
  return {
    query: async (request, context) => warehouse.query(allowed(request, 'query'), context),
    dryRun: async (statement) => warehouse.dryRun(allowed(statement, 'query')),
    describe: async (table) => warehouse.describe(allowed({ table }, 'describe').table),
    export: async (request, context) => warehouse.export(allowed(request, 'export'), context),
    predict: async (request, context) => warehouse.predict(allowed(request, 'predict'), context),
    rows: async (statement, context) => warehouse.rows(allowed(statement, 'query'), context),
    drop: async (table) => {
      await warehouse.drop(allowed({ table }, 'drop').table);
    },
    append: async (table, rows, key) => warehouse.append(table, rows, key),
    ledger: async (table, where, since) => warehouse.ledger(table, where, since),
    cancel: async (jobId) => warehouse.cancel(jobId),
    close: async () => warehouse.close(),
  };
}
