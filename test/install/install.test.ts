/** docs/install.md, from nothing to two teams: the page's own commands, with what `npm run build` made, on this machine and on a cluster. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheDirectory } from '../../bin/setup-tools.mjs';
import { canRunCluster, startCluster, type Cluster } from '../../deploy/dev-cluster/index.ts';
import { ensureHelm } from '../../deploy/helm/tool.ts';
import { openPorts } from '../../src/adapters/open.ts';
import { Profile } from '../../src/contract/profile.ts';
import { EMULATOR_PROJECT, startEmulators } from '../../src/stack/emulators/index.ts';
import { scoringWorkerImage, trainerImage, workerImage } from '../cluster/images.ts';
import { DIST, outsider, PREFIX, versionOf } from '../packages/built.ts';
import { startServer } from '../workflow/environment.ts';
import { openBucketFront } from './bucket-front.ts';
import { blocksOfPage, refusalsOf, Shell, writePageFile, type Block } from './page.ts';

const TEAMS = ['north', 'south'] as const;
const OTHER = 'south';
const REGISTRY = 'dev-cluster.local';
const ON_A_LAPTOP = 'On a laptop';
/** Who may read it in the clear: Kubernetes, and the trainer. */
const TOKENS = ['hf-of-the-north', 'hf-of-the-south'];

const BLOCKS = blocksOfPage();
const inCluster = (block: Block): boolean => /^\d\. |^In a cluster/.test(block.section);

const scratch = mkdtempSync(join(tmpdir(), 'longhaul-install-'));
/** Of a person who never saw the clone; the cache of Python packages is this machine's, as it is 2 GB. */
function environment(...folders: readonly string[]): NodeJS.ProcessEnv {
  const { PATH = '', ...rest } = outsider();
  mkdirSync(join(scratch, 'home'), { recursive: true });
  return {
    ...rest,
    PATH: [...folders, PATH].join(delimiter),
    npm_config_cache: process.env.npm_config_cache ?? join(process.env.HOME ?? '', '.npm'),
    PYENV_ROOT: process.env.PYENV_ROOT ?? join(process.env.HOME ?? '', '.pyenv'),
    HOME: join(scratch, 'home'),
    LONGHAUL_CACHE: cacheDirectory(),
    NO_COLOR: '1',
  };
}
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

describe('the page', () => {
  it('has no command that is not run, but those that need a registry, a project of Google Cloud or the clone', () => {
    const left = BLOCKS.filter(({ kind }) => kind === 'elsewhere' || kind === 'clone').flatMap(({ text }) => text.trim().split('\n'));
    expect(left.filter((line) => !/^(docker|gcloud|bq) |^npm run build$/.test(line))).toEqual([]);
    expect(BLOCKS.filter(({ kind }) => kind === 'run').length).toBeGreaterThan(6);
    expect(BLOCKS.filter(({ kind }) => kind === 'refused').flatMap(({ text }) => refusalsOf(text)).filter(({ says }) => says !== null).length).toBeGreaterThan(15); // prettier-ignore
  });

  it('names the version that is built', async () => {
    const version = await versionOf();
    const named = BLOCKS.flatMap(({ text }) => [...text.matchAll(/\b\d+\.\d+\.\d+\b/g)].map(([found]) => found));
    expect(new Set(named)).toEqual(new Set([version]));
  });
});

describe('on a laptop', () => {
  it('is installed, makes a project and runs it', async () => {
    const dist = join(scratch, 'laptop');
    cpSync(DIST, dist, { recursive: true, filter: (file) => file !== join(DIST, 'package') });
    const prefix = join(scratch, 'prefix');
    const env = { ...environment(join(prefix, 'bin')), npm_config_prefix: prefix };
    const shell = new Shell(join(scratch, 'laptop-shell'), dist, env);
    try {
      for (const { text } of BLOCKS.filter(({ kind, section }) => kind === 'run' && section === ON_A_LAPTOP)) {
        const said = await shell.run(text);
        expect(said.code, said.text).toBe(0);
      }
    } finally {
      shell.stop();
    }
  });
});

describe.skipIf(!(await canRunCluster()).ok)('in a cluster', () => {
  /** What was begun, the last one first. */
  const ends: (() => unknown)[] = [];
  let cluster: Cluster;
  let server: TestWorkflowEnvironment;
  let shell: Shell;
  let own: Readonly<Record<string, string>>;
  let endpoints: { readonly gcs: string; readonly bigquery: string };
  const dist = join(scratch, 'dist');

  beforeAll(async () => {
    const version = await versionOf();
    const named = (kind: string): string => `${REGISTRY}/${kind}:${version}`;
    const images = await Promise.all([
      trainerImage(named('trainer')),
      workerImage(named('worker')),
      scoringWorkerImage(named('scoring-worker')),
    ]);
    const mounts = new Map(images.flatMap((image) => image.mounts).map((mount) => [mount.to, mount]));
    cluster = await startCluster({
      dir: join(scratch, 'cluster'),
      mounts: [...mounts.values()],
      nodes: [{ name: 'spot-1', labels: { 'longhaul.dev/pool': 'spot' } }, { name: 'workers-1' }],
    });
    ends.unshift(() => cluster.stop());
    await Promise.all(images.map(({ archive }) => cluster.loadImage(archive)));
    const emulators = await startEmulators({
      directory: join(scratch, 'emulators'),
      gcs: { buckets: TEAMS.map((team) => `acme-${team}`), externalHost: cluster.hostAddress },
      bigquery: {},
    });
    ends.unshift(() => emulators.stop());
    server = await startServer('real');
    ends.unshift(() => server.teardown());
    const exposed = async (address: string): Promise<string> => {
      const port = await cluster.expose(Number(new URL(address).port));
      ends.unshift(() => port.close());
      return `${port.host}:${port.port}`;
    };
    // Where uploads go on, the emulator says itself.
    const front = await openBucketFront(emulators.gcs ?? '', await exposed(emulators.gcs ?? ''));
    ends.unshift(() => front.close());
    endpoints = {
      gcs: `http://${await exposed(`http://127.0.0.1:${front.port}`)}`,
      bigquery: `http://${await exposed(emulators.bigquery ?? '')}`,
    };
    await Promise.all(TEAMS.map((team) => makeDataset(endpoints.bigquery, team)));
    own = {
      VERSION: version,
      REGISTRY,
      TEMPORAL_ADDRESS: await exposed(`http://${server.address}`),
      PROJECT: EMULATOR_PROJECT,
    };
    cpSync(DIST, dist, { recursive: true, filter: (file) => file !== join(DIST, 'package') });
    const programs = [
      join(PREFIX, 'bin'),
      dirname(cluster.kubectlProgram),
      dirname(await ensureHelm()),
      dirname(process.env['LONGHAUL_TEMPORAL'] ?? ''),
    ];
    shell = new Shell(join(scratch, 'shell'), dist, { ...environment(...programs), KUBECONFIG: cluster.kubeconfig });
    ends.unshift(() => {
      shell.stop();
    });
  });
  afterAll(async () => {
    for (const end of ends) await end();
  });

  /** What this machine's emulators and size add to the page's files. */
  function additions(file: string): Record<string, unknown> {
    const small = { resources: { requests: { cpu: '20m' } } };
    const scoring = { image: { repository: `${REGISTRY}/scoring-worker` } };
    if (file === 'values.yaml')
      return {
        workers: {
          control: { replicas: 1, ...small },
          warehouse: { replicas: 1, ...small, ...scoring },
          training: { replicas: 1, ...small },
        },
        sampler: small,
      };
    if (file.includes('/profiles/'))
      return {
        warehouse: { apiEndpoint: endpoints.bigquery, project: EMULATOR_PROJECT, predict: 'scorer' },
        storage: { apiEndpoint: endpoints.gcs },
      };
    return { policy: { endpoints: ['http://*'], projects: [EMULATOR_PROJECT] } };
  }

  /** What is the other team's: it is to be the same afterwards. */
  async function ownedByOther(): Promise<unknown> {
    await using ports = openPorts();
    const profile = Profile.parse({
      warehouse: { kind: 'bigquery', project: EMULATOR_PROJECT, dataset: OTHER, apiEndpoint: endpoints.bigquery },
      storage: { kind: 'gcs', bucket: `acme-${OTHER}`, apiEndpoint: endpoints.gcs },
      compute: { kind: 'process', path: join(scratch, 'jobs') },
      pools: [{ name: 'x', spot: false }],
    });
    const objects: string[] = [];
    const store = await ports.store(profile);
    const warehouse = await ports.warehouse(profile);
    const rows = await Promise.all((['runs', 'steps', 'models'] as const).map((name) => warehouse.ledger(name, {})));
    for await (const { uri, generation } of store.list(`${store.root}/`)) {
      // Its own workers load what waits, five minutes after they wrote it: the rows are the same in either place.
      const row = /^(.*\/ledger\/.*\/)(?:waiting|loaded)(\/[^/]+)$/.exec(uri);
      if (row) objects.push(`${row[1]}*${row[2]}`);
      else if (!/\/ledger\/.*\/STATE$/.test(uri)) objects.push(`${uri} ${generation}`);
    }
    // Those of the chart come and go by themselves.
    const made = ['-l', 'app.kubernetes.io/managed-by=longhaul', '-o', 'name'];
    const jobs = await cluster.kubectl(['-n', OTHER, 'get', 'jobs,pods,services,deployments', ...made]);
    return { objects: objects.sort(), rows: rows.map((each) => each.length), jobs };
  }

  it.each(
    BLOCKS.filter(inCluster).map((block, index): [string, Block] => [`${index + 1}, ${block.section}: ${firstLineOf(block)}`, block]),
  )('block %s', async (_name, block) => {
    switch (block.kind) {
      case 'file':
        writePageFile(dist, block, additions(block.file));
        break;
      case 'settings': {
        const names = [...block.text.matchAll(/^export (\w+)=/gm)].map(([, name = '']) => name);
        expect(names.sort()).toEqual(Object.keys(own).sort());
        const said = await shell.run(Object.entries(own).map(([name, value]) => `export ${name}=${value}`).join('\n')); // prettier-ignore
        expect(said.code, said.text).toBe(0);
        break;
      }
      case 'run': {
        const said = await shell.run(block.text);
        expect(said.code, said.text).toBe(0);
        break;
      }
      case 'refused':
        await seeRefused(block.text);
        break;
      case 'code':
      case 'elsewhere':
      case 'clone':
    }
  });

  async function seeRefused(text: string): Promise<void> {
    const before = await ownedByOther();
    for (const { command, says } of refusalsOf(text)) {
      const said = await shell.run(command);
      if (says === null) expect(said.code, said.text).toBe(0);
      else {
        expect(said.text, command).toContain(says);
        expect(said.code, said.text).not.toBe(0);
      }
    }
    expect(await ownedByOther()).toEqual(before);
  }

  it('has let each team make a model of its own, in its own bucket', () => {
    for (const team of TEAMS) {
      const models = JSON.parse(readFileSync(join(dist, team, 'models.json'), 'utf8')) as { run: string; export: string }[];
      expect(models.map(({ run }) => run)).toEqual([`${team}-first`]);
      expect(models[0]?.export).toMatch(new RegExp(`^gs://acme-${team}/`));
    }
  });

  it('has its token in no history, and lets who has the token into the console', async () => {
    for (const team of TEAMS) {
      const said = await shell.run(
        `temporal workflow list --namespace ${team} --output json | grep -o '"workflowId": *"[^"]*"' | cut -d'"' -f4 | while read id; do temporal workflow show --namespace ${team} --workflow-id "$id" --output json; done`,
      );
      expect(said.code, said.text.slice(-2000)).toBe(0);
      const payloads = [...said.text.matchAll(/"data": *"([^"]*)"/g)].map(([, data = '']) => Buffer.from(data, 'base64').toString());
      expect(payloads.join('\n')).toContain('kubernetes:hf/token');
      for (const token of TOKENS) expect([said.text, ...payloads].some((text) => text.includes(token))).toBe(false);
    }
    const token = await shell.run(
      `kubectl -n north get secret longhaul-console-tokens -o jsonpath='{.data.tokens}' | base64 -d | cut -d' ' -f1`,
    );
    const signedIn = async (given: string): Promise<number | string> => {
      const body = JSON.stringify({ token: given });
      const headers = { 'content-type': 'application/json' };
      try {
        return (await fetch('http://127.0.0.1:8265/api/sign-in', { method: 'POST', headers, body })).status;
      } catch (error) {
        return String(error);
      }
    };
    await expect.poll(() => signedIn(token.text.trim()), { interval: 200 }).toBe(200);
    expect(await signedIn('of somebody else')).toBe(401);
    expect((await fetch('http://127.0.0.1:8265/api/runs')).status).toBe(401);
  });
});

/** As the page's `bq mk` does. */
async function makeDataset(endpoint: string, datasetId: string): Promise<void> {
  const datasetReference = { projectId: EMULATOR_PROJECT, datasetId };
  const answer = await fetch(`${endpoint}/bigquery/v2/projects/${EMULATOR_PROJECT}/datasets`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ datasetReference, location: 'europe-west1' }),
  });
  if (!answer.ok) throw new Error(`the emulator of BigQuery: ${answer.status} ${await answer.text()}`);
}

function firstLineOf(block: Block): string {
  return block.kind === 'file' ? block.file : (block.text.split('\n')[0] ?? '').slice(0, 60);
}
