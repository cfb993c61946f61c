/**
 * `npm run bench -- gcs-clients [--json]`: the clients that the trainer could read parts of `gs://` with. 200 MB in parts of 20 MB, four at a
 * time, from the emulator on this machine; each client in turn, the fastest of five rounds counts. `cpu` is the reader's processor time.
 */
import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Storage } from '@google-cloud/storage';
import { startEmulators } from '../src/stack/emulators/index.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const { values } = commandLine({
  call: 'npm run bench -- gcs-clients',
  about: 'Clients that the trainer could read parts of gs:// with.',
  options: {
    json: JSON_OPTION,
  },
});

const BUCKET = 'bench';
const PARTS = 10;
const PART_BYTES = 20_000_000;

const directory = mkdtempSync(join(tmpdir(), 'longhaul-bench-gcs-'));
const emulators = await startEmulators({ directory, gcs: { buckets: [BUCKET] } });
try {
  const address = emulators.gcs;
  if (address === null) throw new Error('the emulator did not start');
  const storage = new Storage({ projectId: 'bench', apiEndpoint: address });
  const part = randomFillSync(Buffer.alloc(PART_BYTES));
  for (let n = 0; n < PARTS; n++) await storage.bucket(BUCKET).file(`part-${n}`).save(part, { resumable: false });
  const { stdout } = await promisify(execFile)(
    process.env.LONGHAUL_PYTHON ?? 'python3',
    [join(import.meta.dirname, 'gcs-clients', 'read.py'), BUCKET, String(PARTS), String(PART_BYTES)],
    { env: { ...process.env, STORAGE_EMULATOR_HOST: address } },
  );
  const result = JSON.parse(stdout) as Record<string, number>;
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(20)} ${value}\n`);
} finally {
  await emulators.stop();
  rmSync(directory, { recursive: true, force: true });
}
