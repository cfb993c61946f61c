/** Whoever starts a run by whichever way: what the policy of the workers does not allow is refused before it acts. */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { createNotificationActivities } from '../../../activities/notifications.ts';
import { createRunActivities } from '../../../activities/runs.ts';
import { createTensorboardActivities } from '../../../activities/tensorboard.ts';
import { guardPorts, guardTensorboards } from '../../../activities/policy-guard.ts';
import { openKubernetesTensorboards } from '../../../src/adapters/kubernetes/tensorboard.ts';
import { Policy } from '../../../src/contract/policy.ts';
import { Compute, Profile } from '../../../src/contract/profile.ts';
import type { Ports, Warehouse } from '../../../src/ports/index.ts';
import { readPolicy } from '../../../src/adapters/policy-file.ts';

const POLICY = Policy.parse({
  computes: ['kubernetes'],
  namespaces: ['jobs'],
  serviceAccounts: ['trainer'],
  serviceAccountTokens: false,
  kubeconfigs: [],
  images: ['trainer:*'],
  podSecurity: 'restricted',
  resources: { memoryMb: 4096 },
  commands: [],
});
const directory = mkdtempSync(join(tmpdir(), 'longhaul-policy-'));
const profileOf = (changes: object = {}, compute: object = {}): Profile =>
  Profile.parse({
    warehouse: { kind: 'duckdb', path: join(directory, 'w') },
    storage: { kind: 'directory', path: join(directory, 's') },
    compute: { kind: 'kubernetes', namespace: 'jobs', image: 'trainer:1', serviceAccount: 'trainer', ...compute },
    ...changes,
  });
const MARK = join(directory, 'mark');
const HOST = { spec: { hostPID: true, volumes: [{ name: 'node', hostPath: { path: '/' } }], securityContext: { runAsUser: 0 } } };
/** The profile of a document that wants to own the workers, the rule that refuses it, and where. */
const FORMS: [string, Profile, string][] = [
  ['a command of the worker', profileOf({ notifications: [{ on: ['finish'], command: ['touch', MARK] }] }), 'profile.notifications.0.command: the policy\'s rule "commands"'], // prettier-ignore
  ["the node's files", profileOf({}, { podTemplate: HOST }), 'spec.volumes.0: the policy\'s rule "podSecurity" does not allow "hostPath"'],
  ["the node's processes", profileOf({}, { podTemplate: HOST }), 'spec.hostPID: the policy\'s rule "podSecurity"'],
  ["the workers' account", profileOf({}, { serviceAccount: 'longhaul' }), 'profile.compute.serviceAccount: the policy\'s rule "serviceAccounts" does not allow "longhaul"; allowed: trainer'], // prettier-ignore
  ["the workers' token", profileOf({}, { podTemplate: { spec: { automountServiceAccountToken: true } } }), 'rule "serviceAccountTokens"'],
  ['a program of a kubeconfig', profileOf({}, { kubeconfig: '/tmp/k' }), 'profile.compute.kubeconfig: the policy\'s rule "kubeconfigs"'],
  [
    'to run as the worker',
    profileOf({ compute: { kind: 'process', path: directory } }),
    'profile.compute.kind: the policy\'s rule "computes"',
  ],
];
const documentOf = (profile: Profile) => ({
  schemaVersion: 1,
  pipeline: 'p',
  profileName: 'x',
  profile,
  steps: [],
  source: { file: 'x.yaml', commit: null, dirty: false },
  hash: 'hash',
});

/** Ports that say what was opened, and no more. */
function recorded() {
  const opened: string[] = [];
  const open = (what: string) => async (): Promise<never> => {
    opened.push(what);
    return Promise.reject(new Error(`${what} was opened`));
  };
  const ports: Ports = { store: open('store'), warehouse: open('warehouse'), compute: open('compute') };
  return { ports, opened };
}
const act = <A extends unknown[], R>(activity: (...args: A) => Promise<R>, ...args: A): Promise<R> =>
  new MockActivityEnvironment().run(activity, ...args);
const refused = (message: string) => ({ type: 'InvalidDocument', nonRetryable: true, message: expect.stringContaining(message) as string });

describe('a run document that asks for', () => {
  it.each(FORMS)('%s is refused at the start of the run, by the name of the rule', async (_what, profile, message) => {
    const { ports, opened } = recorded();
    const { validateRun } = createRunActivities(ports, { policy: POLICY });
    await expect(act(validateRun, { run: 'r', document: documentOf(profile), startedAt: 0 })).rejects.toMatchObject(refused(message));
    expect(opened).toEqual([]);
  });

  it.each(FORMS.slice(1))('%s finds no port open, whichever activity gets it', async (_what, profile, message) => {
    const { ports, opened } = recorded();
    const guarded = guardPorts(ports, POLICY);
    for (const open of [guarded.store, guarded.warehouse, guarded.compute])
      await expect(open(profile)).rejects.toMatchObject(refused(message));
    expect(opened).toEqual([]);
  });

  it.each(FORMS.slice(1))('%s gets no TensorBoard', async (_what, profile, message) => {
    let opened = 0;
    const open = guardTensorboards(async () => Promise.reject(new Error(`opened ${++opened} times`)), POLICY);
    const { startTensorboard } = createTensorboardActivities(open);
    await expect(act(startTensorboard, { profile, pipeline: 'p', logdir: '/l' })).rejects.toMatchObject(refused(message));
    expect(opened).toBe(0);
  });

  it('a command runs it neither then nor when a person is told of the end', async () => {
    const { notify } = createNotificationActivities({}, POLICY);
    const target = { on: ['finish' as const], command: ['touch', MARK] };
    await expect(act(notify, { targets: [target], event: 'finish', pipeline: 'p', run: 'r', text: '' })).rejects.toMatchObject(
      refused('"commands"'),
    );
    expect(existsSync(MARK)).toBe(false);
  });
});

describe('behind the policy', () => {
  const job = {
    name: 'j',
    labels: { pipeline: 'p', run: 'r', step: 's' },
    command: [],
    env: {},
    graceSeconds: 1,
    pool: profileOf().pools[0]!,
  };
  const created: string[] = [];
  const compute = { create: async ({ name }: { name: string }) => Promise.resolve({ adopted: created.push(name) > 1, name }) };
  const ports = { ...recorded().ports, compute: async () => Promise.resolve(compute) } as unknown as Ports;
  const resources = { cpu: 1, memoryMb: 4096, gpu: 0 };

  it('a Job is made as far as it is allowed, whatever its profile says', async () => {
    const allowed = await guardPorts(ports, POLICY).compute(profileOf());
    await expect(allowed.create({ ...job, resources, image: 'evil:1' })).rejects.toMatchObject(
      refused('rule "images" does not allow "evil:1"'),
    );
    await expect(allowed.create({ ...job, resources: { ...resources, memoryMb: 4097 } })).rejects.toMatchObject(refused('at most 4096'));
    const few = await guardPorts(ports, Policy.parse({ resources: { nodes: 2 } })).compute(profileOf());
    await expect(few.create({ ...job, resources, nodes: 3 })).rejects.toMatchObject(refused('at most 2'));
    expect(created).toEqual([]);
    expect(await allowed.create({ ...job, resources, image: 'trainer:2' })).toEqual({ adopted: false, name: 'j' });
  });

  it.each([
    ['store', { storage: { kind: 'GCS', bucket: 'theirs', prefix: '' } }],
    ['store', { storage: { kind: ['gcs'], bucket: 'theirs', prefix: '' } }],
    ['store', { storage: { bucket: 'theirs', prefix: '' } }],
    ['store', { storage: { kind: 'gcs', bucket: ['theirs'], prefix: '' } }],
    ['warehouse', { warehouse: { kind: ['bigquery'], project: 'p', dataset: 'theirs' } }],
    ['warehouse', { warehouse: { kind: 'big-query', project: 'p', dataset: 'theirs' } }],
    ['warehouse', { warehouse: null }],
    ['compute', { compute: { kind: 'kubernetes ', namespace: 'theirs', kubeconfig: '/tmp/k', image: 'i' } }],
    ['compute', { compute: { kind: 'kubernetes', namespace: ['theirs'], image: 'i' } }],
    ['compute', { pools: null }],
  ] as const)(
    'no %s is opened by a profile that is none, as whoever begins another workflow than a run may send one: %j',
    async (port, raw) => {
      let opened = 0;
      const count = async (): Promise<never> => Promise.resolve(void ++opened as never);
      const all = { store: count, warehouse: count, compute: count };
      // As in the chart, which names no kinds of stores and warehouses.
      const policy = Policy.parse({ buckets: ['mine'], datasets: ['mine'], paths: [], namespaces: ['mine'], kubeconfigs: [] });
      const profile = { ...profileOf(), ...raw } as unknown as Profile;
      await expect(guardPorts(all, policy)[port](profile)).rejects.toMatchObject(refused('the profile is none'));
      expect(opened).toBe(0);
    },
  );

  it('a warehouse reads and writes what is allowed, whatever the outputs of a step named', async () => {
    const asked: string[] = [];
    const remember = async (what: unknown): Promise<void> => Promise.resolve(void asked.push(JSON.stringify(what)));
    const real = {
      query: remember,
      export: remember,
      predict: remember,
      rows: remember,
      drop: remember,
      describe: remember,
    } as unknown as Warehouse;
    const policy = Policy.parse({ datasets: ['mine'], buckets: ['mine/runs'], paths: [directory] });
    const warehouse = await guardPorts({ ...ports, warehouse: async () => Promise.resolve(real) }, policy).warehouse(profileOf());
    const context = { signal: AbortSignal.timeout(600_000), progress: () => undefined };
    const statement = { sql: "SELECT 'gs://theirs/x'", sqlFile: 'x.sql', parameters: {}, tables: {}, sources: {} };
    const query = { ...statement, jobId: 'q', destination: 'mine.t', clustering: [], labels: {} };
    const parts = {
      jobId: 'e',
      table: 'mine.t',
      destination: 'gs://mine/runs/t',
      partSizeMb: 1,
      compression: 'none',
      orderBy: [],
      labels: {},
    } as const;
    const predict = { jobId: 'p', model: 'gs://mine/runs/m', table: 'mine.t', data: 'gs://mine/runs/t', features: 'gs://mine/runs/f', columns: [], destination: 'mine.s', labels: {} }; // prettier-ignore
    const requests: [Promise<unknown>, string][] = [
      [warehouse.query({ ...query, destination: 'theirs.t' }, context), 'query.destination: the policy\'s rule "datasets"'],
      [warehouse.query({ ...query, tables: { a: 'p.theirs.t' } }, context), 'query.tables.a: the policy\'s rule "datasets"'],
      [warehouse.query({ ...query, destination: 'theirs.t', tables: { destination: 'mine.t' } }, context), 'query.destination: the policy'],
      [warehouse.rows({ ...statement, sources: { a: 'gs://theirs/t' } }, context), 'query.sources.a: the policy\'s rule "buckets"'],
      [warehouse.export({ ...parts, destination: 'gs://theirs/t' }, context), 'export.destination: the policy\'s rule "buckets"'],
      [warehouse.export({ ...parts, table: 'theirs.t' }, context), 'export.table: the policy\'s rule "datasets"'],
      [warehouse.predict({ ...predict, model: 'gs://theirs/m' }, context), 'predict.model: the policy\'s rule "buckets"'],
      [warehouse.drop('theirs.t'), 'drop.table: the policy\'s rule "datasets"'],
      [warehouse.describe('theirs.t'), 'describe.table: the policy\'s rule "datasets"'],
    ];
    for (const [request, message] of requests) await expect(request).rejects.toMatchObject(refused(message));
    expect(asked).toEqual([]);
    await Promise.all([
      warehouse.query(query, context),
      warehouse.export(parts, context),
      warehouse.predict(predict, context),
      warehouse.drop('mine.t'),
    ]);
    expect(asked).toHaveLength(4);
  });

  it('there are the ports themselves where there is no policy', () => {
    expect(guardPorts(ports, null)).toBe(ports);
  });
});

describe('a TensorBoard without any policy', () => {
  it('stays out of the namespaces of its node, as Jobs do', async () => {
    const config = Compute.parse({ kind: 'kubernetes', image: 'trainer:1', podTemplate: HOST }) as Extract<Compute, { kind: 'kubernetes' }>;
    const kubeconfig = join(directory, 'kubeconfig');
    writeFileSync(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', 'current-context': 'c', contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }], clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:1' } }], users: [{ name: 'u', user: {} }] })); // prettier-ignore
    const boards = openKubernetesTensorboards({ ...config, kubeconfig });
    await expect(boards.start({ pipeline: 'p', logdir: '/l' })).rejects.toThrow('compute.podTemplate: spec.hostPID is not allowed');
  });
});

describe('the file of a policy', () => {
  const file = join(directory, 'policy.yaml');
  const read = async (text: string) => {
    writeFileSync(file, text);
    return readPolicy(file);
  };

  it('may be YAML or JSON, and none at all', async () => {
    expect(await read('namespaces: [jobs]\n')).toMatchObject({ namespaces: ['jobs'], podSecurity: 'any' });
    expect(await read('{"$schema": "policy.schema.json", "commands": []}')).toMatchObject({ commands: [] });
    expect(await readPolicy('')).toBeNull();
  });

  it.each([
    ['namespace: [jobs]', 'Unrecognized key: "namespace"'],
    ['namespaces: jobs', 'namespaces: Invalid input: expected array, received string'],
    ['', 'expected object'],
    ['a: [', 'cannot be read'],
  ])('that is wrong keeps the worker from starting: %s', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
    await expect(read(text)).rejects.toThrow(file);
  });

  it('that is missing keeps it from starting too', async () => {
    await expect(readPolicy(join(directory, 'nowhere'))).rejects.toThrow('no such file');
  });
});
