/** Whole trials with the reference trainer in real pods: cluster, object store, Temporal, and workers outside of the cluster. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { WorkflowHandle } from '@temporalio/client';
import { createTrainingActivities } from '../../activities/training.ts';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { startEmulators } from '../../src/stack/emulators/index.ts';
import { trialWorkflowId } from '../../src/contract/ids.ts';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { TrialInput } from '../../src/contract/trial-run.ts';
import { SearchSpec } from '../../src/contract/steps.ts';
import { Latest, ProgressRecord } from '../../src/contract/trial.ts';
import type { Compute, ObjectStore, Ports } from '../../src/ports/index.ts';
import { openPorts } from '../../src/adapters/open.ts';
import type { trial } from '../../workflows/index.ts';
import { startHarness } from '../workflow/environment.ts';
import { makeNamespace, removeNamespace } from './harness.ts';
import { TRAINER_IMAGE } from './images.ts';

const BUCKET = 'lab';
const TRAINER_MEMORY_MB = 1200;

interface LabOptions {
  readonly namespace: string;
  readonly pools: readonly string[];
  /** Parts of the data set, of about 40,000 candidates each. */
  readonly parts?: number;
  /** How long a trial trains. */
  readonly epochs?: number;
}

export interface TrialLab {
  readonly profile: Profile;
  readonly compute: Compute;
  readonly store: ObjectStore;
  start(run: string, more?: Partial<TrialInput>): Promise<WorkflowHandle<typeof trial>>;
  outputOf(run: string): string;
  /** Records of the trial, oldest first. */
  records(run: string): Promise<readonly ProgressRecord[]>;
  latest(run: string): Promise<Latest | null>;
  close(): Promise<void>;
}

export async function openTrialLab(cluster: Cluster, { namespace, pools, parts = 6, epochs = 8 }: LabOptions): Promise<TrialLab> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-lab-'));
  await makeNamespace(cluster, namespace);
  const emulators = await startEmulators({
    directory: join(directory, 'emulators'),
    gcs: { buckets: [BUCKET], externalHost: cluster.hostAddress },
  });
  const exposed = await cluster.expose(Number(new URL(emulators.gcs ?? '').port));
  const endpoint = `http://${exposed.host}:${exposed.port}`;
  const profile = Profile.parse({
    warehouse: { kind: 'duckdb', path: join(directory, 'warehouse') },
    storage: { kind: 'gcs', bucket: BUCKET, apiEndpoint: endpoint },
    compute: {
      kind: 'kubernetes',
      namespace,
      kubeconfig: cluster.kubeconfig,
      image: TRAINER_IMAGE,
    },
    pools: pools.map((name) => ({ name, spot: name.startsWith('spot'), pricePerHour: 1, nodeSelector: { pool: name } })),
  });
  const ports = openPorts();
  const store = await ports.store(profile);
  const data = await uploadData(store, directory, parts);
  const temporal = await startHarness(ports, 'real', createTrainingActivities(ports satisfies Ports));
  const outputOf = (run: string): string => `gs://${BUCKET}/runs/${run}/trial-0`;
  const read = async (uri: string): Promise<unknown> => {
    const object = await store.read(uri);
    return object === null ? null : (JSON.parse(new TextDecoder().decode(object.data)) as unknown);
  };
  return {
    profile,
    compute: await ports.compute(profile),
    store,
    outputOf,
    start: (run, more = {}) => {
      const input: TrialInput = {
        run,
        pipeline: 'lab',
        step: 'search',
        commit: null,
        trial: 0,
        parameters: { learning_rate: 0.01 },
        profile,
        spec: specOf(data, epochs),
        output: outputOf(run),
        search: null,
        priority: 0,
        deadlineAt: null,
        fork: null,
        resumed: null,
        ...more,
      };
      return temporal.client.workflow.start<typeof trial>(WORKFLOWS.trial, {
        taskQueue: TASK_QUEUES.control,
        workflowId: trialWorkflowId(run, 'search', 0),
        args: [input],
      });
    },
    records: async (run) => {
      const records: ProgressRecord[] = [];
      for (let n = 1; ; n++) {
        const record = await read(`${outputOf(run)}/progress/${n}.json`);
        if (record === null) return records;
        records.push(ProgressRecord.parse(record));
      }
    },
    latest: async (run) => Latest.nullable().parse(await read(`${outputOf(run)}/checkpoints/LATEST`)),
    close: async () => {
      await temporal.stop();
      await ports.close();
      await exposed.close();
      await emulators.stop();
      await removeNamespace(cluster, namespace);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function specOf(data: string, epochs: number): SearchSpec {
  return SearchSpec.parse({
    kind: 'search',
    data: { train: data, validation: data },
    features: `${data}/features.json`,
    objective: { metric: 'validation_loss', goal: 'minimize' },
    space: { learning_rate: { type: 'float', low: 0.001, high: 0.1 } },
    resources: { cpu: 0.5, memoryMb: TRAINER_MEMORY_MB },
    trials: 1,
    epochs,
    checkpoint: { minSeconds: 1, maxSeconds: 5 },
    output: `gs://${BUCKET}/unused`,
  });
}

const MAKE_DATA = `
import json, sys
from pathlib import Path
from bench.support import data
write = Path(sys.argv[1])
data.write_parts(write, distinct=int(sys.argv[2]), parts=int(sys.argv[2]), sessions=400)
(write / "features.json").write_text(json.dumps({"layout": data.trial(write, "")["layout"], "features": data.features()}))
`;

/** Parts of the example's shape, with the manifest that an export would write. */
async function uploadData(store: ObjectStore, directory: string, parts: number): Promise<string> {
  const from = join(directory, 'data');
  const repository = new URL('../..', import.meta.url).pathname;
  await promisify(execFile)(process.env['LONGHAUL_PYTHON'] ?? 'python3', ['-c', MAKE_DATA, from, String(parts)], { cwd: repository });
  const to = `gs://${BUCKET}/data`;
  const manifest = JSON.parse(await readFile(join(from, 'manifest.json'), 'utf8')) as { parts: { name: string; rows: number }[] };
  const uploaded = await Promise.all(
    (await readdir(from))
      .filter((name) => name !== 'manifest.json')
      .map(async (name) => [name, await store.write(`${to}/${name}`, await readFile(join(from, name)))] as const),
  );
  const infoOf = new Map(uploaded);
  const entries = manifest.parts.map(({ name, rows }) => {
    const info = infoOf.get(name);
    return { name, rows, bytes: info?.bytes ?? 0, generation: info?.generation ?? '0', crc32c: info?.crc32c ?? null };
  });
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  await store.write(`${to}/manifest.json`, JSON.stringify({ ...manifest, uri: to, bytes, parts: entries }), {
    contentType: 'application/json',
  });
  return to;
}
