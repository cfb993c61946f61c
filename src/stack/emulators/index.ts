/** Starts the emulators of GCS and BigQuery. They end with their starter, also when it is killed. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../tcp.ts';
import { createSupervisor, type Program, type Supervised } from '../supervisor.ts';
import { installEmulators, type Installed } from './install.ts';
import { GRACES } from '../../rules/durations.ts';

export { installEmulators } from './install.ts';

/** Project of both emulators; they know no other and check nothing about it. */
export const EMULATOR_PROJECT = 'longhaul';

interface EmulatorOptions {
  /** Data and logs. */
  readonly directory: string;
  /** Which to start, and where; any free port without one. */
  readonly gcs?: {
    readonly port?: number;
    readonly buckets: readonly string[];
    /** Host under which others reach this port, pods for example: the links in its answers name it. */
    readonly externalHost?: string;
  };
  readonly bigquery?: {
    readonly port?: number;
    /** Where it finds `gs://`, if not in the emulator that is started with it. */
    readonly storageEndpoint?: string;
  };
}

export interface Emulators {
  /** `http://127.0.0.1:PORT`, or null for one that was not asked for. */
  readonly gcs: string | null;
  readonly bigquery: string | null;
  /** Process ids: one that is killed is started again, with its data. */
  readonly pids: () => Readonly<Record<'gcs' | 'bigquery', number | null>>;
  readonly stop: () => Promise<void>;
}

/**
 * Installs what is missing, starts what is asked for and waits until it answers.
 *
 * @example
 * const emulators = await startEmulators({ directory: '/tmp/emulators', gcs: { buckets: ['data'] }, bigquery: {} });
 * emulators.bigquery; // 'http://127.0.0.1:34567'
 * await emulators.stop();
 */
export async function startEmulators({ directory, gcs, bigquery }: EmulatorOptions): Promise<Emulators> {
  const installed = await installEmulators();
  await mkdir(directory, { recursive: true });
  const supervisor = createSupervisor(() => undefined);
  const started: Supervised[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((one) => one.stop()));
    supervisor.close();
  };
  const serve = async (program: Program, url: string): Promise<void> => {
    const one = supervisor.start(program);
    started.push(one);
    // They say that they listen a while before they answer, or never: only a failed start matters here.
    const ended = one.ready.then(() => new Promise<never>(() => undefined));
    await Promise.race([answering(url), ended]);
  };
  try {
    const gcsUrl = gcs ? `http://127.0.0.1:${await freePort(gcs.port)}` : null;
    // The files themselves are served under the name alone that others know.
    const files = gcs?.externalHost === undefined ? gcsUrl : externalUrl(gcs.externalHost, gcsUrl);
    const bigqueryUrl = bigquery ? `http://127.0.0.1:${await freePort(bigquery.port)}` : null;
    const starting: Promise<void>[] = [];
    if (gcs && gcsUrl)
      starting.push(
        serve(await gcsProgram(installed, directory, gcsUrl, gcs.externalHost), `${gcsUrl}/storage/v1/b?project=${EMULATOR_PROJECT}`).then(
          () => createBuckets(gcsUrl, gcs.buckets),
        ),
      );
    if (bigquery && bigqueryUrl)
      starting.push(
        serve(
          await bigqueryProgram(installed, directory, bigqueryUrl, bigquery.storageEndpoint ?? files),
          `${bigqueryUrl}/bigquery/v2/projects/${EMULATOR_PROJECT}/datasets`,
        ),
      );
    await Promise.all(starting);
    const pidOf = (name: string): number | null => started.find((one) => one.name === name)?.pid() ?? null;
    return { gcs: gcsUrl, bigquery: bigqueryUrl, pids: () => ({ gcs: pidOf('fake-gcs-server'), bigquery: pidOf('local-bigquery') }), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const externalUrl = (host: string, url: string | null): string => `http://${host}:${new URL(url ?? '').port}`;

async function gcsProgram(installed: Installed, directory: string, url: string, externalHost = '127.0.0.1'): Promise<Program> {
  const { port } = new URL(url);
  const external = externalUrl(externalHost, url);
  const root = join(directory, 'gcs');
  await mkdir(root, { recursive: true });
  return {
    name: 'fake-gcs-server',
    command: installed.fakeGcsServer,
    args: Object.entries({
      scheme: 'http',
      host: '127.0.0.1',
      port,
      backend: 'filesystem',
      'filesystem-root': root,
      'public-host': new URL(external).host,
      'external-url': external,
      // Otherwise it writes a line for every request.
      'log-level': 'warn',
    }).flatMap(([name, value]) => [`-${name}`, value]),
    env: process.env,
    cwd: directory,
    log: join(directory, 'fake-gcs-server.log'),
    ready: () => false,
  };
}

async function bigqueryProgram(installed: Installed, directory: string, url: string, storage: string | null): Promise<Program> {
  const data = join(directory, 'bigquery');
  await mkdir(data, { recursive: true });
  const { port } = new URL(url);
  return {
    name: 'local-bigquery',
    command: installed.localBigquery,
    args: [
      '--host',
      '127.0.0.1',
      '--port',
      port,
      '--grpc-port',
      String(await freePort()),
      '--project',
      EMULATOR_PROJECT,
      '--data-dir',
      data,
    ],
    env: {
      ...process.env,
      HOME: installed.localBigqueryHome,
      PYTHONUNBUFFERED: '1',
      ...(storage ? { STORAGE_EMULATOR_HOST: storage } : {}),
    },
    cwd: directory,
    log: join(directory, 'local-bigquery.log'),
    ready: () => false,
  };
}

/** Both answer only a while after they listen. */
async function answering(url: string): Promise<void> {
  for (const deadline = Date.now() + GRACES.emulatorStartMs; ;) {
    const problem = await fetch(url).then(
      async (response) => (response.ok ? null : `${response.status} ${await response.text()}`),
      (error: unknown) => String(error),
    );
    if (problem === null) return;
    if (Date.now() > deadline) throw new Error(`${url} does not answer after ${GRACES.emulatorStartMs / 1000} s: ${problem}`);
    await sleep(GRACES.emulatorStartLookMs);
  }
}

async function createBuckets(url: string, buckets: readonly string[]): Promise<void> {
  for (const name of buckets) {
    const response = await fetch(`${url}/storage/v1/b?project=${EMULATOR_PROJECT}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    // 409: it is there from an earlier start.
    if (!response.ok && response.status !== 409) throw new Error(`${url}: no bucket ${name}: ${await response.text()}`);
  }
}
