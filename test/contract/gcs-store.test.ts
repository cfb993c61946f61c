import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openGcsStore } from '../../src/adapters/gcs/index.ts';
import { startEmulators } from '../../src/stack/emulators/index.ts';
import { objectStoreContract } from './object-store.contract.ts';

objectStoreContract('gcs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-gcs-'));
  const emulators = await startEmulators({ directory, gcs: { buckets: ['contract'] } });
  const config = { kind: 'gcs', bucket: 'contract', prefix: 'team/a', apiEndpoint: emulators.gcs! } as const;
  return {
    store: await openGcsStore(config),
    other: await openGcsStore(config),
    async close() {
      await emulators.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
