/** The emulators that a profile names by loopback addresses, for as long as a command needs them. */
import { join } from 'node:path';
import type { Profile } from '../contract/profile.ts';
import { answers } from '../stack/tcp.ts';
import type { Terminal } from './terminal.ts';

/** Runs `work` with the emulators of the profile, of which none runs yet, started before and stopped afterwards. Their data stays in `.longhaul/emulators`. */
export async function withEmulators<T>(profile: Profile, { say }: Pick<Terminal, 'say'>, work: () => Promise<T>): Promise<T> {
  const { warehouse, storage } = profile;
  const storageEndpoint = storage.kind === 'gcs' ? storage.apiEndpoint : undefined;
  const bigquery = warehouse.kind === 'bigquery' ? await missingPort(warehouse.apiEndpoint) : null;
  const gcs = await missingPort(storageEndpoint);
  if (bigquery === null && gcs === null) return work();
  say('starting the emulators of Google Cloud');
  const { startEmulators } = await import('../stack/emulators/index.ts');
  const emulators = await startEmulators({
    directory: join(process.cwd(), '.longhaul', 'emulators'),
    ...(gcs === null || storage.kind !== 'gcs' ? {} : { gcs: { port: gcs, buckets: [storage.bucket] } }),
    ...(bigquery === null ? {} : { bigquery: { port: bigquery, storageEndpoint } }),
  });
  try {
    return await work();
  } finally {
    await emulators.stop();
  }
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** The port of a loopback address at which nothing answers; null for any other. */
async function missingPort(endpoint: string | undefined): Promise<number | null> {
  if (endpoint === undefined || !URL.canParse(endpoint)) return null;
  const { hostname, host, port } = new URL(endpoint);
  return LOOPBACK.has(hostname) && !(await answers(host)) ? Number(port) : null;
}
