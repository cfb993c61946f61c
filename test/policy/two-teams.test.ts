/** Two teams share a cluster, an object store, a machine and a Temporal namespace. Each tries to reach what is the other's, as whoever knows how would. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { BUSYBOX_IMAGE, canRunCluster, startCluster, type Cluster } from '../../deploy/dev-cluster/index.ts';
import { openPorts, type OpenPorts } from '../../src/adapters/open.ts';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import { Longhaul, RunFailedError, UnknownRunError } from '../../src/client/index.ts';
import { Profile } from '../../src/contract/profile.ts';
import { RunDocument } from '../../src/contract/run-document.ts';
import { startEmulators } from '../../src/stack/emulators/index.ts';
import { kubeconfigAs } from '../cluster/rights.ts';
import { startServer } from '../workflow/environment.ts';
import { renderedChart, startInstallation, type Installation } from './installation.ts';

const TEAMS = ['north', 'south'] as const;
type Team = (typeof TEAMS)[number];
const OTHER: Readonly<Record<Team, Team>> = { north: 'south', south: 'north' };
const TOKENS: Readonly<Record<Team, string>> = { north: 'the token of the north', south: 'the token of the south' };
/** What the chart makes of rights. */
const OF_RIGHTS = ['ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];

interface Place {
  readonly directory: string;
  readonly installation: Installation;
  readonly client: Longhaul;
  readonly profile: Profile;
  /** As the account of the team's workers. */
  readonly kubeconfig: string;
}

const possible = (await canRunCluster()).ok;

describe.skipIf(!possible)('two teams', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-teams-'));
  let cluster: Cluster;
  let environment: TestWorkflowEnvironment;
  let ports: OpenPorts;
  const places = {} as Record<Team, Place>;
  /** What was begun, the last one first. */
  const ends: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    cluster = await startCluster({ dir: join(folder, 'cluster'), nodes: [{ name: 'spot-1', labels: { pool: 'spot' } }] });
    ends.unshift(() => cluster.stop());
    environment = await startServer('real');
    ends.unshift(() => environment.teardown());
    const emulators = await startEmulators({
      directory: join(folder, 'emulators'),
      gcs: { buckets: [...TEAMS], externalHost: cluster.hostAddress },
    });
    ends.unshift(() => emulators.stop());
    const exposed = await cluster.expose(Number(new URL(emulators.gcs ?? '').port));
    ends.unshift(() => exposed.close());
    ports = openPorts();
    ends.unshift(() => ports.close());
    for (const team of TEAMS) {
      places[team] = await settle(team, `http://${exposed.host}:${exposed.port}`);
      const { installation, client } = places[team];
      ends.unshift(
        () => client.close(),
        () => installation.stop(),
      );
    }
  });

  afterAll(async () => {
    for (const end of ends) await end();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What a platform engineer does for a team: a namespace, a release, a bucket. Its workers run here, with the rights and the policy of the chart. */
  async function settle(team: Team, endpoint: string): Promise<Place> {
    const directory = join(folder, team);
    mkdirSync(directory);
    await cluster.kubectl(['create', 'namespace', team]);
    await cluster.kubectl(['label', 'namespace', team, 'pod-security.kubernetes.io/enforce=restricted']);
    await cluster.kubectl(['-n', team, 'create', 'secret', 'generic', `${team}-hf`, `--from-literal=token=${TOKENS[team]}`]);
    const own = {
      buckets: [team],
      ledgers: [directory],
      paths: [directory],
      endpoints: [endpoint],
      images: [BUSYBOX_IMAGE],
      secrets: [`${team}-hf/token`],
    };
    const { objects, policy } = await renderedChart(team, '--set', `team=${team}`, '--set-json', `policy=${JSON.stringify(own)}`);
    const rights = objects.filter(({ kind }) => OF_RIGHTS.includes(kind)).map((object) => stringify(object));
    await cluster.kubectl(['-n', team, 'apply', '-f', '-'], rights.join('---\n'));
    const kubeconfig = kubeconfigAs(cluster, team, team);
    const env = { LONGHAUL_TEAM: team, KUBECONFIG: kubeconfig };
    const installation = await startInstallation({ address: environment.address, directory, policy, env });
    const { address } = environment;
    const target = { connection: { address }, address, namespace: 'default', source: 'environment', ui: null, team } as const;
    const client = new Longhaul(await Connection.connect({ address }), target);
    const profile = Profile.parse({
      warehouse: { kind: 'duckdb', path: join(directory, 'warehouse') },
      storage: { kind: 'gcs', bucket: team, prefix: 'runs', apiEndpoint: endpoint },
      compute: {
        kind: 'kubernetes',
        namespace: team,
        image: BUSYBOX_IMAGE,
        serviceAccount: 'longhaul-trainer',
        // The image's user is root.
        podTemplate: { spec: { securityContext: { runAsUser: 65534 } } },
      },
      pools: [{ name: 'spot', spot: true, nodeSelector: { pool: 'spot' } }],
    });
    return { directory, installation, client, profile, kubeconfig };
  }

  const work = (team: Team, spec: object = {}): object => ({
    id: 'work',
    spec: {
      kind: 'container',
      image: BUSYBOX_IMAGE,
      command: ['sh', '-c', 'echo at work'],
      resources: { cpu: 0.05, memoryMb: 32 },
      output: `gs://${team}/runs/out-{key}`,
      ...spec,
    },
  });
  /** Of one pipeline's name and one step's in both teams. */
  const documentOf = (team: Team, step = work(team), profile: object = places[team].profile): RunDocument =>
    RunDocument.parse({
      schemaVersion: 1,
      pipeline: 'nightly',
      profileName: team,
      profile,
      steps: [step],
      source: { file: 'nightly.yaml', commit: null, dirty: false },
      hash: 'hash',
    });
  const objectsOf = async (team: Team): Promise<string[]> => {
    const store = await ports.store(places[team].profile);
    const found: string[] = [];
    for await (const { uri, generation } of store.list(`${store.root}/`)) found.push(`${uri} ${generation}`);
    return found.sort();
  };
  const jobsOf = async (team: Team): Promise<string> =>
    cluster.kubectl(['-n', team, 'get', 'jobs,pods,deployments,services', '-o', 'name']);
  const filesOf = async (team: Team): Promise<string[]> =>
    (await readdir(join(places[team].directory, 'warehouse'), { recursive: true })).sort();
  const ownedBy = async (team: Team): Promise<unknown> => Promise.all([objectsOf(team), jobsOf(team), filesOf(team)]);

  it.each(TEAMS)('%s runs what is its own, also with its secret', async (team) => {
    const { client } = places[team];
    const secrets = [{ name: 'TOKEN', from: `kubernetes:${team}-hf/token` }];
    const [plain, refused] = [
      await client.start(documentOf(team), { runId: `${team}-works` }),
      // An image of one's own needs Python where it has secrets: this one has none, and says so.
      await client.start(documentOf(team, work(team, { secrets, command: ['sh', '-c', 'echo it is $TOKEN'] })), {
        runId: `${team}-secret`,
      }),
    ];
    expect((await plain.result()).status).toBe('succeeded');
    const error: unknown = await refused.result().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RunFailedError);
    expect((error as Error).message).not.toContain('policy');
    expect((error as Error).message).not.toContain(TOKENS[team]);
    expect(await jobsOf(team)).toContain(`job.batch/${team}-works-work-`);
  });

  describe.each(TEAMS)('%s reaches nothing of the other team', (team) => {
    const other = OTHER[team];
    const changed = (changes: (profile: Profile) => object): RunDocument => {
      const profile = structuredClone(places[team].profile);
      return documentOf(team, work(team), { ...profile, ...changes(profile) });
    };
    const FORMS: [string, string, () => RunDocument][] = [
      ['Jobs in its namespace', 'namespaces', () => changed(({ compute }) => ({ compute: { ...compute, namespace: other } }))],
      ['its bucket, as a store', 'buckets', () => changed(({ storage }) => ({ storage: { ...storage, bucket: other } }))],
      ['its bucket, beside the own prefix of it', 'buckets', () => changed(({ storage }) => ({ storage: { ...storage, bucket: other, prefix: `../${team}` } }))], // prettier-ignore
      ['its ledger', 'ledgers', () => changed(() => ({ warehouse: places[other].profile.warehouse }))],
      ['its models', 'buckets', () => documentOf(team, { id: 'work', spec: { kind: 'evaluate', model: `gs://${other}/runs/model`, table: 'd.t', features: `gs://${team}/f`, data: `gs://${team}/d` } })], // prettier-ignore
      ['its data, as an input', 'buckets', () => documentOf(team, work(team, { inputs: { x: `gs://${other}/runs/data` } }))],
      ['its data, as an output', 'buckets', () => documentOf(team, work(team, { output: `gs://${other}/runs/out` }))],
      ['its data, by a variable', 'buckets', () => documentOf(team, work(team, { env: { X: `gs://${other}/runs` } }))],
      ['its bucket, as a volume', 'buckets', () => changed(({ compute }) => ({ compute: { ...compute, volumes: [{ name: 'v', mountPath: '/v', gcsFuse: { bucket: other } }] } }))], // prettier-ignore
      ['its secret', 'secrets', () => documentOf(team, work(team, { secrets: [{ name: 'T', from: `kubernetes:${other}-hf/token` }] }))],
      ["its account's name", 'serviceAccounts', () => changed(({ compute }) => ({ compute: { ...compute, serviceAccount: other } }))],
      ["the account of the workers", 'serviceAccounts', () => changed(({ compute }) => ({ compute: { ...compute, serviceAccount: team } }))], // prettier-ignore
      ["its kubeconfig", 'kubeconfigs', () => changed(({ compute }) => ({ compute: { ...compute, kubeconfig: places[other].kubeconfig } }))], // prettier-ignore
      ['its files', 'paths', () => documentOf(team, work(team, { inputs: { x: `file://${places[other].directory}/policy.yaml` } }))],
    ];

    it.each(FORMS)('by a document: %s', async (what, rule, document) => {
      const before = await ownedBy(other);
      const run = await places[team].client.start(document(), { runId: `${team}-${FORMS.findIndex(([each]) => each === what)}` });
      const error: unknown = await run.result().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ type: 'InvalidDocument', message: expect.stringContaining(`rule "${rule}"`) as string });
      expect(await ownedBy(other)).toEqual(before);
    });

    it('as its workers, in whose place somebody got: Kubernetes gives them their own namespace, and no Secret', async () => {
      const kubectl = (...args: string[]): Promise<string> => cluster.kubectl(['--as', `system:serviceaccount:${team}:${team}`, ...args]);
      const forbidden = [
        ['-n', other, 'get', 'jobs'],
        ['-n', other, 'get', 'pods'],
        ['-n', other, 'delete', 'jobs', '--all'],
        ['-n', other, 'create', 'job', 'x', `--image=${BUSYBOX_IMAGE}`],
        ['-n', other, 'get', 'secrets'],
        ['-n', team, 'get', 'secret', `${team}-hf`],
      ];
      for (const args of forbidden) await expect(kubectl(...args), args.join(' ')).rejects.toThrow(/forbidden/i);
      const { compute: theirs } = places[other].profile;
      if (theirs.kind !== 'kubernetes') throw new Error('the profile of a team has a cluster');
      const compute = await openKubernetesCompute({ ...theirs, kubeconfig: places[team].kubeconfig });
      try {
        await expect(compute.list()).rejects.toThrow(/forbidden|may not|cannot/i);
      } finally {
        await compute.close();
      }
    });

    it('by the names of its runs', async () => {
      const { client } = places[team];
      const theirs = client.run(`${other}-works`);
      const calls = [
        () => theirs.state(),
        () => theirs.document(),
        () => theirs.cancel(),
        () => theirs.approve(),
        () => client.retry(`${other}-works`),
      ];
      for (const call of calls) await expect(call()).rejects.toThrow(UnknownRunError);
      const listed = (await client.list()).map(({ run }) => run);
      expect(listed).toContain(`${team}-works`);
      expect(listed.filter((run) => run.startsWith(other))).toEqual([]);
    });
  });

  it('have Jobs, cache records and ledgers of their own, though pipelines and steps are called alike', async () => {
    const names: string[][] = await Promise.all(TEAMS.map(async (team) => (await jobsOf(team)).match(/job\.batch\/\S+/g) ?? []));
    expect(names[0]?.filter((name) => names[1]?.includes(name))).toEqual([]);
    const kept = await Promise.all(TEAMS.map(objectsOf));
    expect(kept.every((uris) => uris.some((uri) => uri.includes('/cache/')))).toBe(true);
    for (const [index, team] of TEAMS.entries()) {
      expect(kept[index]?.filter((uri) => !uri.startsWith(`gs://${team}/`))).toEqual([]);
      const ledger = await (await ports.warehouse(places[team].profile)).ledger('runs', {});
      expect(ledger.map(({ run }) => run).filter((run) => !run.startsWith(team))).toEqual([]);
      expect(ledger.map(({ run }) => run)).toContain(`${team}-works`);
      expect(readFileSync(join(places[team].directory, 'policy.yaml'), 'utf8')).not.toContain(OTHER[team]);
    }
  });
});
