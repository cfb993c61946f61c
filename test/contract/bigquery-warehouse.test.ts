import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBigqueryWarehouse } from '../../src/adapters/bigquery/index.ts';
import { openGcsStore } from '../../src/adapters/gcs/index.ts';
import { EMULATOR_PROJECT, startEmulators } from '../../deploy/emulators/index.ts';
import { warehouseContract } from './warehouse.contract.ts';

warehouseContract('bigquery', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-bigquery-'));
  const emulators = await startEmulators({ directory, gcs: { buckets: ['contract'] }, bigquery: {} });
  const store = await openGcsStore({ kind: 'gcs', bucket: 'contract', prefix: '', apiEndpoint: emulators.gcs! });
  const open = (): ReturnType<typeof openBigqueryWarehouse> =>
    openBigqueryWarehouse(
      {
        kind: 'bigquery',
        project: EMULATOR_PROJECT,
        location: 'US',
        dataset: 'longhaul',
        priority: 'INTERACTIVE',
        pricePerTib: 6.25,
        apiEndpoint: emulators.bigquery!,
        predict: 'scorer',
      },
      { store, storageEndpoint: emulators.gcs! },
    );
  return {
    warehouse: await open(),
    other: await open(),
    store,
    dataset: 'contract',
    splitsParts: true,
    async close() {
      await emulators.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
