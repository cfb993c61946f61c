/** Installs the emulators of GCS and BigQuery into the cache, once for a version; other processes that want the same wait. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureEnvironment } from '../../../bin/python.mjs';
import { cacheDirectory, capture, locked, SetupError, sha256, step } from '../../../bin/setup-tools.mjs';

const HERE = import.meta.dirname;
const GO_SOURCES = join(HERE, 'fake-gcs-server');
const REQUIREMENTS = join(HERE, 'local-bigquery.txt');
const GO_PACKAGE = 'github.com/fsouza/fake-gcs-server';

export interface Installed {
  readonly fakeGcsServer: string;
  readonly localBigquery: string;
  /** $HOME of local-bigquery: DuckDB finds its extensions there. */
  readonly localBigqueryHome: string;
}

/** @throws SetupError with one line that says what is missing. */
export async function installEmulators(): Promise<Installed> {
  const [fakeGcsServer, bigquery] = await Promise.all([installFakeGcsServer(), installLocalBigquery()]);
  return { fakeGcsServer, localBigquery: join(bigquery, 'bin', 'local-bigquery'), localBigqueryHome: join(bigquery, 'home') };
}

export async function installFakeGcsServer(): Promise<string> {
  const sources = await Promise.all(['go.mod', 'go.sum'].map((name) => readFile(join(GO_SOURCES, name), 'utf8')));
  const target = join(cacheDirectory(), `fake-gcs-server-${sha256(...sources).slice(0, 12)}`);
  if (existsSync(target)) return target;
  await locked(`${target}.lock`, async () => {
    if (existsSync(target)) return;
    if ((await capture('go', ['version'])).code !== 0)
      throw new SetupError('the GCS emulator is built with Go, which is not on PATH (https://go.dev/dl)');
    await mkdir(cacheDirectory(), { recursive: true });
    const temporary = `${target}.new`;
    const flags = ['build', '-mod=readonly', '-trimpath', '-ldflags', '-s -w', '-o', temporary, GO_PACKAGE];
    await step('building the GCS emulator (1 to 5 minutes, once)', 'go', flags, {
      cwd: GO_SOURCES,
      env: { ...process.env, CGO_ENABLED: '0' },
    });
    await rename(temporary, target);
  });
  return target;
}

/** @returns the folder of its environment */
async function installLocalBigquery(): Promise<string> {
  const python = await ensureEnvironment({
    what: 'the BigQuery emulator (800 MB, once)',
    name: 'local-bigquery',
    requirements: REQUIREMENTS,
    // local-bigquery uses the type syntax of 3.13, and its wheels end there.
    minors: [13],
    finish: async (inside, directory) => {
      const home = join(directory, 'home');
      await mkdir(home);
      const extensions = { env: { ...process.env, HOME: home } };
      await step('installing its DuckDB extensions', inside, [join(HERE, 'install_extensions.py')], extensions);
    },
  });
  return dirname(dirname(python));
}
