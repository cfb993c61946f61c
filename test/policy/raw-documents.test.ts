/** Documents that nobody compiled, given to `temporal workflow start` beside workers with the chart's own policy: each form is refused, and nothing was done. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Profile } from '../../src/contract/profile.ts';
import { temporalBinary, startServer } from '../workflow/environment.ts';
import { specOf, trialInputOf } from '../workflow/search-harness.ts';
import { renderedChart, startInstallation, type Installation } from './installation.ts';

let folder: string;
let environment: TestWorkflowEnvironment;
let installation: Installation;
/** Whatever acts as the workers leaves it. */
const mark = (): string => join(folder, 'mark');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-raw-'));
  environment = await startServer('real');
  const { policy } = await renderedChart('jobs');
  const program = {
    command: 'sh',
    args: ['-c', `touch ${mark()}`],
    interactiveMode: 'Never',
    apiVersion: 'client.authentication.k8s.io/v1',
  };
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:1' } }],
    users: [{ name: 'u', user: { exec: program } }],
  };
  await writeFile(join(folder, 'kubeconfig'), JSON.stringify(kubeconfig));
  const env = { OWN_TOKEN: 'a token of the workers', KUBECONFIG: join(folder, 'kubeconfig') };
  installation = await startInstallation({ address: environment.address, directory: folder, policy, env });
});
afterAll(async () => {
  await installation.stop();
  await environment.teardown();
  await rm(folder, { recursive: true, force: true });
});

const profileOf = (compute: object = {}, changes: object = {}): Record<string, unknown> => ({
  warehouse: { kind: 'bigquery', project: 'p' },
  storage: { kind: 'gcs', bucket: 'b' },
  compute: {
    kind: 'kubernetes',
    namespace: 'jobs',
    image: 'ghcr.io/longhaul/trainer:0.2.0',
    serviceAccount: 'longhaul-trainer',
    ...compute,
  },
  ...changes,
});
const overlay = (spec: object): Record<string, unknown> => profileOf({ podTemplate: { spec } });
const work = (spec: object = {}): object => ({
  id: 'work',
  spec: { kind: 'container', image: 'ghcr.io/longhaul/trainer:0.2.0', command: ['true'], output: 'gs://b/out-{key}', ...spec },
});
const documentOf = (profile: object, step: object = work()): object => ({
  schemaVersion: 1,
  pipeline: 'p',
  profileName: 'x',
  profile,
  steps: [step],
  source: { file: 'x.yaml', commit: null, dirty: false },
  hash: 'hash',
});

let count = 0;
/** As a person with the `temporal` command does it. */
async function refusal(type: string, input: object): Promise<string> {
  const workflowId = `raw-${++count}`;
  const file = join(folder, `${workflowId}.json`);
  await writeFile(file, JSON.stringify(input));
  const start = [
    'workflow',
    'start',
    '--type',
    type,
    '--task-queue',
    'longhaul-control',
    '--workflow-id',
    workflowId,
    '--input-file',
    file,
  ];
  await promisify(execFile)(temporalBinary('temporal'), [...start, '--address', environment.address]);
  const failure: unknown = await environment.client.workflow
    .getHandle(workflowId)
    .result()
    .catch((error: unknown) => error);
  return JSON.stringify(failure, (_key, value: unknown) =>
    value instanceof Error ? { message: value.message, cause: value.cause } : value,
  );
}

const FORMS: [string, string, () => object][] = [
  ['a command of the control worker', 'commands', () => documentOf(profileOf({}, { notifications: [{ on: ['failure'], command: ['touch', mark()] }] }))], // prettier-ignore
  ['a variable of the control worker as a webhook', 'webhooks', () => documentOf(profileOf({}, { notifications: [{ on: ['failure'], webhookEnv: 'OWN_TOKEN' }] }))], // prettier-ignore
  ["the node's files", 'volumes', () => documentOf(overlay({ volumes: [{ name: 'n', hostPath: { path: '/' } }] }))],
  ["the node's processes, for a TensorBoard too", 'podSecurity', () => documentOf({ ...overlay({ hostPID: true, hostNetwork: true }), tensorboard: { enabled: true, keepSeconds: 1 } })], // prettier-ignore
  ["the node's ports", 'podSecurity', () => documentOf(overlay({ containers: [{ name: 'main', ports: [{ containerPort: 80, hostPort: 80 }] }] }))], // prettier-ignore
  ["the node's kernel", 'podSecurity', () => documentOf(overlay({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }))], // prettier-ignore
  ["the workers' account", 'serviceAccounts', () => documentOf(profileOf({ serviceAccount: 'jobs' }))],
  ["the workers' account by an overlay", 'serviceAccounts', () => documentOf(overlay({ serviceAccountName: 'jobs' }))],
  ['a token', 'serviceAccountTokens', () => documentOf(overlay({ automountServiceAccountToken: true }))],
  ['a projected token', 'serviceAccountTokens', () => documentOf(overlay({ volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] }))], // prettier-ignore
  ['an ephemeral container', 'images', () => documentOf(overlay({ ephemeralContainers: [{ name: 'e', image: 'evil' }] }))],
  ["a program in the kubeconfig's place", 'kubeconfigs', () => documentOf(profileOf({ kubeconfig: join(folder, 'kubeconfig') }))],
  ['another context', 'contexts', () => documentOf(profileOf({ context: 'c' }))],
  ['to run as the worker', 'computes', () => documentOf(profileOf({}, { compute: { kind: 'process', path: folder } }))],
  ["the workers' files", 'paths', () => documentOf(profileOf({}, { storage: { kind: 'directory', path: '/etc' } }))],
  ["the workers' files as an input", 'paths', () => documentOf(profileOf(), work({ inputs: { x: 'file:///etc/passwd' } }))],
  ["a variable of the workers as a secret of a program", 'secrets', () => documentOf(profileOf({}, { compute: { kind: 'process', path: folder } }), work({ secrets: [{ name: 'A', from: 'env:OWN_TOKEN' }] }))], // prettier-ignore
  ["a Secret of the installation", 'secrets', () => documentOf(profileOf(), work({ secrets: [{ name: 'A', from: 'kubernetes:longhaul-temporal/TEMPORAL_API_KEY' }] }))], // prettier-ignore
  ['an address of its own for the store', 'endpoints', () => documentOf(profileOf({}, { storage: { kind: 'gcs', bucket: 'b', apiEndpoint: 'http://127.0.0.1:1' } }))], // prettier-ignore
  ['an image that nobody named', 'images', () => documentOf(profileOf(), work({ image: 'evil:1' }))],
  ['another namespace', 'namespaces', () => documentOf(profileOf({ namespace: 'kube-system' }))],
];

describe('a run document that asks for', () => {
  it.each(FORMS)('%s is refused by the rule %s', async (_what, rule, document) => {
    const refused = await refusal('trainingPipeline', document());
    expect(refused).toContain('the policy of these workers (LONGHAUL_POLICY) does not allow what the run asks for');
    expect(refused).toContain(`rule \\"${rule}\\"`);
    expect(existsSync(mark())).toBe(false);
  });
});

describe('a workflow of the inside that a person starts by its name', () => {
  const evil = (changes: object = {}): Profile => Profile.parse(profileOf({ kubeconfig: join(folder, 'kubeconfig') }, changes));

  it('trains nothing where no run may', async () => {
    const profile = evil();
    const refused = await refusal('trial', trialInputOf('raw', { profile, output: 'gs://b/out', spec: specOf({ output: 'gs://b/out' }) }));
    expect(refused).toContain('kubeconfigs');
    expect(existsSync(mark())).toBe(false);
  });

  it('removes no TensorBoard where no run may', async () => {
    const profile = evil({ tensorboard: { enabled: true, keepSeconds: 1 } });
    const refused = await refusal('tensorboard', { pipeline: 'p', profile, holders: [] });
    expect(refused).toContain('kubeconfigs');
    expect(existsSync(mark())).toBe(false);
  });
});

it('the workers say nothing of what their variables hold', () => {
  expect(installation.log()).not.toContain('a token of the workers');
});
