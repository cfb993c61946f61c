/** Emulators of BigQuery and GCS behind proxies, and pods of a real Kubernetes cluster whose API server is behind one, too. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Profile } from '../../src/contract/profile.ts';
import { LEDGER, type LedgerTable } from '../../src/contract/ledger.ts';
import { canRunCluster, pythonImage, startCluster, type Cluster } from '../../deploy/dev-cluster/index.ts';
import { EMULATOR_PROJECT, startEmulators } from '../../src/stack/emulators/index.ts';
import { freePort } from '../../src/stack/tcp.ts';
import { createSupervisor } from '../../src/stack/supervisor.ts';
import type { OpenPorts } from '../../src/adapters/open.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { CloudFaults, NODE_VARIABLE } from './cloud-faults.ts';
import { orphanTables, runningQueries } from './cloud-leftovers.ts';
import type { Ground, Row } from './ground.ts';

const NAMESPACE = 'chaos';
const DATASET = 'chaos';
const IMAGE = 'dev-cluster.local/chaos-trainer:1';
const SOURCES = join(import.meta.dirname, '..', '..', 'python');
const TRAINER = '/opt/longhaul/chaos';
/** Where containers have the trainer of `test/soak`. */
export const SOAK_TRAINER = '/opt/longhaul/soak';
const NODES = ['spot-1', 'spot-2'].map((name) => ({ name, labels: { pool: 'spot' } }));
/** Short, so that a lost node is noticed soon; long enough that a busy machine keeps its nodes. */
const NODE_MONITOR_GRACE_SECONDS = 8;
/** Few, so that two trials and what is left of earlier ones fit on either node. */
const RESOURCES = ['cpu=0.1', 'memoryMb=400'];

/** @throws Error where this machine cannot run a cluster */
export async function openCloud(folder: string): Promise<Ground> {
  const capability = await canRunCluster();
  if (!capability.ok) throw new Error(`no cloud world here: ${capability.why}`);
  const cleanups: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  };
  try {
    return await open(folder, cleanups, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(folder: string, cleanups: (() => Promise<unknown>)[], close: () => Promise<void>): Promise<Ground> {
  const image = await trainerImage();
  const cluster = await startCluster({
    dir: join(folder, 'cluster'),
    mounts: [...image.mounts],
    nodes: NODES,
    timing: { nodeMonitorGrace: NODE_MONITOR_GRACE_SECONDS, unreachableToleration: 20 },
    progress: () => undefined,
  });
  cleanups.push(() => cluster.stop());
  await cluster.loadImage(image.archive);
  await cluster.kubectl(['create', 'namespace', NAMESPACE]);
  await cluster.kubectl(['-n', NAMESPACE, 'wait', '--for=create', 'serviceaccount/default', '--timeout=600s']);

  // No other world has a bucket of this name: it tells whose a process is.
  const bucket = `chaos-${process.pid}`;
  const emulators = await startEmulators({
    directory: join(folder, 'emulators'),
    gcs: { buckets: [bucket], externalHost: cluster.hostAddress },
    bigquery: {},
  });
  cleanups.push(emulators.stop);
  const exposed = await cluster.expose(Number(new URL(emulators.gcs ?? '').port));
  cleanups.push(() => exposed.close());
  const gcs = await startFaultProxy(`http://${exposed.host}:${exposed.port}`, cluster.hostAddress);
  const bigquery = await startFaultProxy(emulators.bigquery ?? '', cluster.hostAddress);
  const kubernetes = await startFaultProxy(await plainApi(cluster, folder, cleanups));
  cleanups.push(...[gcs, bigquery, kubernetes].map((proxy) => () => proxy.close()));

  const profile = Profile.parse({
    warehouse: { kind: 'bigquery', project: EMULATOR_PROJECT, dataset: DATASET, apiEndpoint: bigquery.url, predict: 'scorer' },
    storage: { kind: 'gcs', bucket, apiEndpoint: gcs.url },
    compute: {
      kind: 'kubernetes',
      namespace: NAMESPACE,
      kubeconfig: kubeconfigOf(kubernetes.url, join(folder, 'kubeconfig.json')),
      image: IMAGE,
      graceSeconds: 5,
      podTemplate: {
        spec: { containers: [{ name: 'main', env: [{ name: NODE_VARIABLE, valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }] }] },
      },
    },
    pools: [{ name: 'spot', spot: true, pricePerHour: 1, onDemandPricePerHour: 3, nodeSelector: { pool: 'spot' } }],
  });
  const faults = new CloudFaults({
    cluster,
    namespace: NAMESPACE,
    image: image.archive,
    mark: bucket,
    emulators,
    proxies: { gcs, bigquery, kubernetes },
  });
  return {
    profile,
    set: [
      `params.trainer=${TRAINER}/cloud_trainer.py`,
      ...RESOURCES.flatMap((resource) => ['search', 'best'].map((step) => `steps.${step}.resources.${resource}`)),
    ],
    mark: bucket,
    inflict: (fault) => faults.inflict(fault),
    rows: (table, run, ports) => ledgerRows(profile, table, run, ports),
    requests: () => ({ gcs: gcs.requests.length, bigquery: bigquery.requests.length, kubernetes: kubernetes.requests.length }),
    leftovers: async () => {
      const bigquery = emulators.bigquery ?? '';
      return [...(await runningQueries(bigquery)), ...(await orphanTables(bigquery, DATASET))];
    },
    close,
  };
}

function trainerImage(): ReturnType<typeof pythonImage> {
  const python = process.env['LONGHAUL_PYTHON'];
  if (python === undefined) throw new Error('LONGHAUL_PYTHON is not set: start it by `npm run chaos`');
  return pythonImage({
    name: IMAGE,
    venv: dirname(dirname(python)),
    mountPackages: true,
    folders: [
      { from: SOURCES, at: '/opt/longhaul/python', mounted: true },
      { from: join(import.meta.dirname, 'pipeline'), at: TRAINER, mounted: true },
      { from: join(import.meta.dirname, '..', 'soak', 'pipeline'), at: SOAK_TRAINER, mounted: true },
    ],
    env: { PYTHONPATH: '/opt/longhaul/python', PYTHONDONTWRITEBYTECODE: '1' },
  });
}

/** The API server without TLS, which the fault proxy does not speak: `kubectl proxy`. @returns its address */
async function plainApi(cluster: Cluster, folder: string, cleanups: (() => Promise<unknown>)[]): Promise<string> {
  const port = await freePort();
  const supervisor = createSupervisor(() => undefined);
  const logs = join(folder, '.longhaul', 'logs');
  mkdirSync(logs, { recursive: true });
  const proxy = supervisor.start({
    name: 'kubectl-proxy',
    command: cluster.kubectlProgram,
    args: ['--kubeconfig', cluster.kubeconfig, 'proxy', `--port=${port}`],
    env: process.env,
    cwd: folder,
    log: join(logs, 'kubectl-proxy.log'),
    ready: (line) => line.startsWith('Starting to serve'),
  });
  cleanups.push(async () => {
    await proxy.stop();
    supervisor.close();
  });
  await proxy.ready;
  return `http://127.0.0.1:${port}`;
}

function kubeconfigOf(server: string, file: string): string {
  const name = 'chaos';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    // Without it the client refuses to speak plain HTTP.
    clusters: [{ name, cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** What the port tells, which adds the rows that wait to be loaded and hides double ones, and the double ones that were loaded. */
async function ledgerRows(profile: Profile, table: LedgerTable, run: string, ports: OpenPorts): Promise<readonly Row[]> {
  const warehouse = await ports.warehouse(profile);
  const rows: readonly Row[] = await warehouse.ledger(table, { run });
  const key = LEDGER[table].key.map((column) => `\`${column}\``).join(', ');
  const select = `SELECT * FROM \`${EMULATOR_PROJECT}.${DATASET}.${table}\` WHERE run = @run`;
  const statement = {
    sql: `${select} QUALIFY ROW_NUMBER() OVER (PARTITION BY ${key} ORDER BY \`time\`) > ${table === 'runs' ? 2 : 1}`,
    sqlFile: 'chaos',
    parameters: { run: { type: 'STRING', value: run } as const },
    tables: {},
    sources: {},
  };
  const twice = await warehouse.rows(statement, { signal: new AbortController().signal, progress: () => undefined });
  return [...rows, ...twice];
}
