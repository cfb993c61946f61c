/** The example on a cluster: BigQuery and GCS emulated outside of it, Temporal beside them, and all that Longhaul does in pods of the Helm chart. */
import { cpSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { EMULATOR_PROJECT, startEmulators } from '../../src/stack/emulators/index.ts';
import { Longhaul } from '../../src/client/index.ts';
import type { Run } from '../../src/client/index.ts';
import { compile } from '../../src/compile/index.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import { ProgressRecord } from '../../src/contract/trial.ts';
import type { Compute, ObjectStore, Warehouse } from '../../src/ports/index.ts';
import { openPorts } from '../../src/adapters/open.ts';
import { startServer } from '../workflow/environment.ts';
import { installChart } from './chart.ts';
import { makeNamespace, removeNamespace } from './harness.ts';
import { TRAINER_IMAGE } from './images.ts';
import { openPackageMirror } from './package-mirror.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'grocery-ranking');
const BUCKET = 'example';
/** A server looks every three minutes whether the workflows of a version have ended. */
const QUICK_DRAINAGE = ['RefreshInterval', 'VisibilityGracePeriod'].flatMap((part) => [
  '--dynamic-config-value',
  `matching.wv.VersionDrainageStatus${part}="1s"`,
]);
/** The example on a week each. */
export const SMALL_EXAMPLE = [
  ...['train_from=51', 'train_to=51', 'validation_from=52', 'validation_to=52', 'test_from=53', 'test_to=53'].map((set) => `params.${set}`),
  ...['households=1', 'others=0.05', 'history_weeks=4'].map((set) => `params.${set}`),
  ...['trials=2', 'epochs=8', 'validateEverySteps=20', 'resources.cpu=0.5'].map((set) => `steps.search.${set}`),
];

export interface ExampleLab {
  readonly longhaul: Longhaul;
  readonly warehouse: Warehouse;
  readonly compute: Compute;
  /** The project's folder. */
  readonly directory: string;
  /** For commands outside of the cluster: where Temporal and the cluster are. */
  readonly env: Readonly<Record<string, string>>;
  /** Compiles examples/grocery-ranking as it is, and starts it. @param set as of `longhaul run --set` */
  start(run: string, set: readonly string[]): Promise<Run>;
  /** What a trial has recorded so far. */
  records(run: string, trial: number): Promise<readonly ProgressRecord[]>;
  /** What a run found out, without names and times. */
  tableOf(run: string): Promise<ResultTable>;
  close(): Promise<void>;
}

interface ResultTable {
  readonly trials: readonly unknown[];
  readonly evaluations: readonly unknown[];
}

export async function openExampleLab(cluster: Cluster, namespace: string): Promise<ExampleLab> {
  const cleanups: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  };
  try {
    return await open(cluster, namespace, cleanups, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  cluster: Cluster,
  namespace: string,
  cleanups: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<ExampleLab> {
  const exposed = async (url: string | null): Promise<string> => {
    const port = await cluster.expose(Number(new URL(url ?? '').port));
    cleanups.push(() => port.close());
    return `http://${port.host}:${port.port}`;
  };
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-example-lab-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  await makeNamespace(cluster, namespace);
  cleanups.push(() => removeNamespace(cluster, namespace));
  const [emulators, mirror, server] = await Promise.all([
    startEmulators({
      directory: join(directory, 'emulators'),
      gcs: { buckets: [BUCKET], externalHost: cluster.hostAddress },
      bigquery: {},
    }),
    openPackageMirror(cluster.hostAddress),
    startServer('real', QUICK_DRAINAGE),
  ]);
  cleanups.push(
    emulators.stop,
    () => mirror.close(),
    () => server.teardown(),
  );
  const profile = {
    version: 1,
    warehouse: { kind: 'bigquery', project: EMULATOR_PROJECT, apiEndpoint: await exposed(emulators.bigquery), predict: 'scorer' },
    storage: { kind: 'gcs', bucket: BUCKET, apiEndpoint: await exposed(emulators.gcs) },
    compute: { kind: 'kubernetes', namespace, image: TRAINER_IMAGE, serviceAccount: 'longhaul-trainer', env: mirror.env },
    pools: [{ name: 'spot', spot: true, pricePerHour: 1, nodeSelector: { pool: 'spot' } }],
  };
  const project = join(directory, 'grocery-ranking');
  cpSync(EXAMPLE, project, { recursive: true });
  await writeFile(join(project, 'profiles', 'cluster.yaml'), stringify(profile));
  const document = (set: readonly string[]) => compile(join(project, 'pipeline.yaml'), { profile: 'cluster', cwd: project, set });
  const temporal = await exposed(`http://${server.address}`);
  cleanups.push(await installChart(cluster, namespace, new URL(temporal).host));
  const ports = openPorts();
  cleanups.push(() => ports.close());
  // As seen from here: the same addresses, and the cluster of KUBECONFIG instead of the pod's own.
  process.env['KUBECONFIG'] = cluster.kubeconfig;
  const { profile: compiled } = await document([]);
  const [warehouse, compute, store] = await Promise.all([ports.warehouse(compiled), ports.compute(compiled), ports.store(compiled)]);
  const { address } = server;
  const longhaul = new Longhaul(server.connection, {
    connection: { address },
    address,
    namespace: 'default',
    source: 'environment',
    ui: null,
  });
  return {
    longhaul,
    warehouse,
    compute,
    directory: project,
    env: { TEMPORAL_ADDRESS: address, KUBECONFIG: cluster.kubeconfig },
    start: async (run, set) => longhaul.start(await document(set), { runId: run }),
    records: (run, trial) => recordsOf(store, `/${run}/trial-${trial}/progress/`),
    tableOf: (run) => tableOf(warehouse, run),
    close,
  };
}

/** @param within a part of their addresses */
async function recordsOf(store: ObjectStore, within: string): Promise<readonly ProgressRecord[]> {
  const records: ProgressRecord[] = [];
  for await (const { uri } of store.list(`${store.root}/grocery-ranking/search/`)) {
    const object = uri.includes(within) ? await store.read(uri) : null;
    if (object) records.push(ProgressRecord.parse(JSON.parse(new TextDecoder().decode(object.data))));
  }
  return records;
}

async function tableOf(warehouse: Warehouse, run: string): Promise<ResultTable> {
  const [trials, evaluations] = await Promise.all([warehouse.ledger('trials', { run }), warehouse.ledger('evaluations', { run })]);
  const pick = (rows: readonly LedgerRow[], columns: readonly string[]): unknown[] =>
    rows
      .map((row) => columns.map((column) => (row as unknown as Readonly<Record<string, unknown>>)[column]))
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return {
    trials: pick(trials, ['trial', 'status', 'parameters', 'objective', 'metrics', 'weights_sha256']),
    evaluations: pick(evaluations, ['trial', 'scorer', 'segment', 'segment_value', 'metric', 'value', 'low', 'high', 'sessions']),
  };
}
