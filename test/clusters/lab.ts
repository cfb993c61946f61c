/** Two real clusters of this machine, one store for both, and a training worker for each, as if it lived there. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { createLostAttemptActivities } from '../../activities/lost-attempts.ts';
import { createSearchActivities } from '../../activities/search.ts';
import { createTrainingActivities } from '../../activities/training.ts';
import { startCluster } from '../../deploy/dev-cluster/index.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { openPorts } from '../../src/adapters/open.ts';
import { profilesByCluster } from '../../src/contract/clusters.ts';
import { searchWorkflowId, trialOutput } from '../../src/contract/ids.ts';
import type { LedgerRow, LedgerTable } from '../../src/contract/ledger.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { AskInput, AskResult } from '../../src/contract/sampler.ts';
import type { SearchInput, SearchResult } from '../../src/contract/search.ts';
import { SearchSpec } from '../../src/contract/steps.ts';
import { Latest, ProgressRecord, TrialResult } from '../../src/contract/trial.ts';
import type { JobInfo } from '../../src/ports/compute.ts';
import type { ObjectStore } from '../../src/ports/index.ts';
import { startEmulators } from '../../src/stack/emulators/index.ts';
import type { hyperparameterSearch } from '../../workflows/index.ts';
import { makeNamespace } from '../cluster/harness.ts';
import { TRAINER_IMAGE, trainerImage } from '../cluster/images.ts';
import { startHarness } from '../workflow/environment.ts';

const NAMESPACE = 'lab';
const BUCKET = 'lab';
/** Longer than an API server of a busy machine needs to answer. */
export const LOST_AFTER_SECONDS = 30;
/** Slow enough to be met in the middle. */
const STEP_DELAY_SECONDS = '0.25';
const PATIENCE_SECONDS = 300;
const NAMES = ['east', 'west'] as const;
export type Name = (typeof NAMES)[number];
type Search = WorkflowHandleWithFirstExecutionRunId<typeof hyperparameterSearch>;

export interface ClustersLab {
  readonly clusters: Readonly<Record<Name, Cluster>>;
  readonly profile: Profile;
  readonly trials: number;
  search(run: string): Promise<Search & { result(): Promise<SearchResult> }>;
  workers: Readonly<Record<Name, { start(): Promise<void>; stop(): Promise<void> }>>;
  /** Records of a trial, oldest first; what its last commit says; its result. */
  records(run: string, trial: number): Promise<readonly ProgressRecord[]>;
  latest(run: string, trial: number): Promise<Latest | null>;
  results(run: string): Promise<readonly TrialResult[]>;
  jobs(cluster: Name, run: string): Promise<readonly JobInfo[]>;
  /** Resolves when its controllers and its node have run a Job: after an outage they come back one after the other. */
  hasMachines(cluster: Name): Promise<void>;
  pods(cluster: Name, run: string): Promise<string[]>;
  /** As the ledger is read: one for each attempt. */
  attempts(run: string): Promise<readonly LedgerRow<'attempts'>[]>;
  /** As they were written, each append. */
  written(table: LedgerTable, run: string): Promise<readonly LedgerRow[]>;
  readonly client: Awaited<ReturnType<typeof startHarness>>['client'];
  close(): Promise<void>;
}

export async function openClustersLab(trials: number): Promise<ClustersLab> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-clusters-'));
  const image = await trainerImage();
  const start = async (name: Name): Promise<Cluster> => {
    const nodes = [{ name: `${name}-1`, labels: { pool: 'spot' } }];
    const timing = { nodeMonitorGrace: 10, unreachableToleration: 20 };
    const cluster = await startCluster({ dir: join(directory, name), mounts: image.mounts, nodes, timing });
    await cluster.loadImage(image.archive);
    await makeNamespace(cluster, NAMESPACE);
    return cluster;
  };
  // One after the other: two at once would starve each other of processors.
  const clusters = { east: await start('east'), west: await start('west') };
  const emulators = await startEmulators({
    directory: join(directory, 'emulators'),
    gcs: { buckets: [BUCKET], externalHost: clusters.west.hostAddress },
  });
  const exposed = await clusters.west.expose(Number(new URL(emulators.gcs ?? '').port));
  const script = await readFile(join(import.meta.dirname, 'trainer.py'), 'utf8');
  const compute = (name: Name): object => ({
    kind: 'kubernetes',
    namespace: NAMESPACE,
    kubeconfig: clusters[name].kubeconfig,
    image: TRAINER_IMAGE,
    graceSeconds: 5,
    env: { LONGHAUL_STEP_DELAY_SECONDS: STEP_DELAY_SECONDS },
  });
  const profile = Profile.parse({
    warehouse: { kind: 'duckdb', path: join(directory, 'warehouse') },
    storage: { kind: 'gcs', bucket: BUCKET, apiEndpoint: `http://${exposed.host}:${exposed.port}` },
    compute: compute('east'),
    cluster: 'east',
    clusters: Object.fromEntries(NAMES.map((name) => [name, { ...compute(name), lostAfterSeconds: LOST_AFTER_SECONDS }])),
    pools: NAMES.map((name) => ({ name, cluster: name, spot: true, pricePerHour: 1, nodeSelector: { pool: 'spot' } })),
    placement: { noCapacitySeconds: 10 },
  });
  // A ledger of its own: what others met in the pools must not decide where it begins.
  const ofRun = (run: string): Profile => ({ ...profile, warehouse: { kind: 'duckdb', path: join(directory, run) } });
  const ports = openPorts();
  const store: ObjectStore = await ports.store(profile);
  const activities = { ...createSearchActivities(ports), ...createLostAttemptActivities(ports) };
  const temporal = await startHarness(ports, 'real', activities);
  const connection = temporal.environment.nativeConnection;
  const sampler = await Worker.create({
    connection,
    taskQueue: TASK_QUEUES.sampler,
    activities: {
      ask: ({ trials: asked, count }: AskInput): Promise<AskResult> =>
        Promise.resolve({
          suggestions: Array.from({ length: count }, (_, i) => ({ x: (asked.length + i + 1) / 10 })),
          exhausted: false,
          sampler: 'fixed',
        }),
    },
  });
  const sampling = sampler.run();
  const running = new Map<Name, { readonly worker: Worker; readonly over: Promise<void> }>();
  const workerOf = (name: Name): { start(): Promise<void>; stop(): Promise<void> } => ({
    start: async () => {
      const taskQueue = `${TASK_QUEUES.training}-${name}`;
      const worker = await Worker.create({ connection, taskQueue, activities: createTrainingActivities(ports), shutdownGraceTime: 0 });
      running.set(name, { worker, over: worker.run() });
    },
    stop: async () => {
      const own = running.get(name);
      running.delete(name);
      own?.worker.shutdown();
      await own?.over;
    },
  });
  const workers = { east: workerOf('east'), west: workerOf('west') };
  await Promise.all(NAMES.map((name) => workers[name].start()));
  const outputOf = (run: string, trial: number): string => trialOutput(`gs://${BUCKET}/${run}`, trial);
  const read = async (uri: string): Promise<unknown> => {
    const object = await store.read(uri);
    return object === null ? null : (JSON.parse(new TextDecoder().decode(object.data)) as unknown);
  };
  const computeOf = (name: Name) => ports.compute(profilesByCluster(profile).find(({ cluster }) => cluster === name) ?? profile);
  return {
    clusters,
    profile,
    trials,
    workers,
    client: temporal.client,
    search: (run) => {
      const spec = SearchSpec.parse({
        kind: 'search',
        command: ['python', '-u', '-c', script],
        objective: { metric: 'score', goal: 'maximize' },
        space: { x: { type: 'float', low: 0, high: 1 } },
        trials,
        parallel: trials,
        resources: { cpu: 0.2, memoryMb: 128 },
        checkpoint: { minSeconds: 1, maxSeconds: 2 },
        output: `gs://${BUCKET}/${run}`,
      });
      const input: SearchInput = { run, pipeline: 'lab', step: 'search', commit: null, profile: ofRun(run), spec };
      return temporal.client.workflow.start<typeof hyperparameterSearch>(WORKFLOWS.hyperparameterSearch, {
        taskQueue: TASK_QUEUES.control,
        workflowId: searchWorkflowId(run, 'search'),
        args: [input],
      });
    },
    records: async (run, trial) => {
      const records: ProgressRecord[] = [];
      for (let n = 1; ; n++) {
        const record = await read(`${outputOf(run, trial)}/progress/${n}.json`);
        if (record === null) return records;
        records.push(ProgressRecord.parse(record));
      }
    },
    latest: async (run, trial) => Latest.nullable().parse(await read(`${outputOf(run, trial)}/checkpoints/LATEST`)),
    results: (run) =>
      Promise.all(Array.from({ length: trials }, async (_, trial) => TrialResult.parse(await read(`${outputOf(run, trial)}/result.json`)))),
    jobs: async (name, run) => (await computeOf(name)).list({ run }),
    hasMachines: async (name) => {
      const compute = await computeOf(name);
      const pool = profile.pools.find(({ cluster }) => cluster === name);
      if (pool === undefined) throw new Error(`no pool of ${name}`);
      const { name: job } = await compute.create({
        name: `probe-${Date.now().toString(36)}`,
        labels: { pipeline: 'lab', run: 'probe', step: 'probe' },
        command: ['true'],
        env: {},
        resources: { cpu: 0.05, memoryMb: 32, gpu: 0 },
        pool,
        graceSeconds: 1,
      });
      const { state } = await compute.watch(job, { signal: new AbortController().signal, noCapacitySeconds: PATIENCE_SECONDS });
      if (state !== 'succeeded') throw new Error(`${name} has no machines: ${state}`);
      await compute.remove(job);
    },
    pods: async (name, run) => {
      const args = [
        '-n',
        NAMESPACE,
        'get',
        'pods',
        '-l',
        `longhaul.dev/run=${run}`,
        '-o',
        'jsonpath={range .items[*]}{.status.phase} {end}',
      ];
      return (await clusters[name].kubectl(args)).split(' ').filter(Boolean);
    },
    attempts: async (run) => (await ports.warehouse(ofRun(run))).ledger('attempts', { run }),
    written: async (table, run) => {
      const folder = join(directory, run, 'ledger', table, run);
      const files = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
      return files.flatMap((text) =>
        text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as LedgerRow),
      );
    },
    close: async () => {
      for (const name of NAMES) clusters[name].resume();
      sampler.shutdown();
      await Promise.all([sampling, ...NAMES.map((name) => workers[name].stop())]);
      await temporal.stop();
      await ports.close();
      await exposed.close();
      await emulators.stop();
      await Promise.all(NAMES.map((name) => clusters[name].stop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}
