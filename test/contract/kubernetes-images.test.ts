/** Which image the attempts of a run have when its tag moves meanwhile: activities on a stand-in for a cluster. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { guardPorts } from '../../activities/policy-guard.ts';
import { createTrainingActivities } from '../../activities/training.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { Policy } from '../../src/contract/policy.ts';
import type { Compute, ObjectStore, Ports, Warehouse } from '../../src/ports/index.ts';
import { attemptInput } from '../support/attempt-input.ts';
import { startStandIn, type StandIn } from '../support/kubernetes/server.ts';

const OWN = 'r.example:5000/own:1';
const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;

let folder: string;
let store: ObjectStore;
let standIn: StandIn;
let compute: Compute;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-images-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
  standIn = await startStandIn({ podEndMs: 20, changes: { graceSeconds: 1 } });
  compute = await openKubernetesCompute(standIn.config);
});
afterEach(async () => {
  await compute.close();
  await standIn.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

interface Asked {
  readonly digests?: Record<string, string[]>;
  readonly policy?: Policy;
  readonly image?: string;
  readonly changes?: object;
}

/** The attempt ends by itself at once. */
async function run(attempt: number, { digests, policy, image = OWN, changes = {} }: Asked): Promise<void> {
  const profile = { compute: { ...standIn.config, ...changes }, ...(digests === undefined ? {} : { imageDigests: digests }) };
  const spec = { command: ['sh', '-c', 'exit 3'], image };
  const input = { ...(await attemptInput(store, { profile, spec })), attempt };
  const warehouse = { append: () => Promise.resolve(), ledger: () => Promise.resolve([]) } as unknown as Warehouse;
  const ports: Ports = {
    store: () => Promise.resolve(store),
    compute: () => Promise.resolve(compute),
    warehouse: () => Promise.resolve(warehouse),
  };
  const logger = new DefaultLogger('ERROR', () => undefined);
  const environment = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 1000 }, { logger });
  const act = () => createTrainingActivities(guardPorts(ports, policy ?? null)).runAttempt(input);
  expect(await environment.run<[], unknown, typeof act>(act)).toMatchObject({ exitCode: 3 });
}

const images = (): (string | undefined)[] =>
  standIn.objects.list('jobs').map(({ spec }) => {
    const { template } = spec as { template: { spec: { containers: { image?: string }[] } } };
    return template.spec.containers[0]?.image;
  });

it('is that of the digest that the tag had when the run was compiled, in each attempt', async () => {
  await run(1, { digests: { [OWN]: [A, B] } });
  await run(2, { digests: { [OWN]: [A, B] } });
  expect(images()).toEqual([`${OWN}@${A}`, `${OWN}@${A}`]);
});

it('is the tag, as before, where no registry told of it', async () => {
  await run(1, {});
  await run(2, { digests: { 'r.example/other:1': [A] } });
  expect(images()).toEqual([OWN, OWN]);
});

it('is what was pinned', async () => {
  await run(1, { image: `${OWN}@${B}`, digests: { [OWN]: [A] } });
  expect(images()).toEqual([`${OWN}@${B}`]);
});

it.each([
  ['allows any tag of the repository', ['r.example:5000/own:*'], `${OWN}@${A}`],
  ['allows its digests, too', [OWN, 'r.example:5000/own@*'], `${OWN}@${A}`],
  ['allows the tag alone', [OWN], OWN],
])('is the tag where a policy does not let a document choose among digests: it %s', async (_what, allowed, expected) => {
  await run(1, { digests: { [OWN]: [A] }, policy: Policy.parse({ images: [...allowed, standIn.config.image] }) });
  expect(images()).toEqual([expected]);
});

it('of a Job that an earlier release made goes on as it is', async () => {
  await run(1, {});
  const [made] = standIn.objects.list('jobs');
  await run(1, { digests: { [OWN]: [A] } });
  expect(standIn.objects.list('jobs').map(({ metadata }) => metadata.name)).toEqual([made?.metadata.name]);
  expect(images()).toEqual([OWN]);
});
