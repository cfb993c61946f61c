import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openDuckdbWarehouse } from '../../src/adapters/duckdb/index.ts';
import { warehouseContract } from './warehouse.contract.ts';

warehouseContract('duckdb', async () => {
  const root = await mkdtemp(join(tmpdir(), 'longhaul-duckdb-'));
  const store = await openDirectoryStore({ kind: 'directory', path: join(root, 'store') });
  const connect = (): ReturnType<typeof openDuckdbWarehouse> => openDuckdbWarehouse({ kind: 'duckdb', path: join(root, 'warehouse'), threads: 2, memoryLimitMb: 1024 }, { store });
  const [warehouse, other] = [await connect(), await connect()];
  return {
    warehouse,
    other,
    store,
    dataset: 'contract',
    splitsParts: true,
    async close() {
      await Promise.all([warehouse.close(), other.close()]);
      await rm(root, { recursive: true, force: true });
    },
  };
});
