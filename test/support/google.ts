/** GCS and BigQuery on emulators of a test file's own, with Longhaul's adapters opened on them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EMULATOR_PROJECT, startEmulators } from '../../src/stack/emulators/index.ts';
import { openBigqueryWarehouse } from '../../src/adapters/bigquery/index.ts';
import { openGcsStore } from '../../src/adapters/gcs/index.ts';
import type { Profile } from '../../src/contract/profile.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { Warehouse } from '../../src/ports/warehouse.ts';

type BigqueryConfig = Extract<Profile['warehouse'], { kind: 'bigquery' }>;

export interface Google {
  readonly gcs: string;
  readonly bigquery: string;
  readonly store: ObjectStore;
  readonly config: BigqueryConfig;
  /** Another client, as another worker would have. */
  connect(changes?: Partial<BigqueryConfig>): Promise<Warehouse>;
  close(): Promise<void>;
}

const BUCKET = 'contract';

export function bigqueryConfig(changes: Partial<BigqueryConfig>): BigqueryConfig {
  return {
    kind: 'bigquery',
    project: EMULATOR_PROJECT,
    location: 'US',
    dataset: 'longhaul',
    priority: 'INTERACTIVE',
    pricePerTib: 6.25,
    predict: 'scorer',
    ...changes,
  };
}

export async function openGoogle(): Promise<Google> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-google-'));
  const emulators = await startEmulators({ directory, gcs: { buckets: [BUCKET] }, bigquery: {} });
  const { gcs, bigquery } = emulators;
  if (gcs === null || bigquery === null) throw new Error('both emulators were asked for');
  const store = await openGcsStore({ kind: 'gcs', bucket: BUCKET, prefix: '', apiEndpoint: gcs });
  const config = bigqueryConfig({ apiEndpoint: bigquery });
  return {
    gcs,
    bigquery,
    store,
    config,
    connect: (changes = {}) => openBigqueryWarehouse({ ...config, ...changes }, { store, storageEndpoint: gcs }),
    async close() {
      await emulators.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
