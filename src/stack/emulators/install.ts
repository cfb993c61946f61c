/** Installs the emulators of GCS and BigQuery into the cache, once for a version; other processes that want the same wait. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory, capture, locked, say, SetupError, sha256, step } from '../../../bin/setup-tools.mjs';

const HERE = import.meta.dirname;
const GO_SOURCES = join(HERE, 'fake-gcs-server');
const REQUIREMENTS = join(HERE, 'local-bigquery.txt');
const GO_PACKAGE = 'github.com/fsouza/fake-gcs-server';
/** local-bigquery uses its type syntax. */
const PYTHON = '3.13';

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

async function installLocalBigquery(): Promise<string> {
  const requirements = await readFile(REQUIREMENTS, 'utf8');
  const target = join(cacheDirectory(), `local-bigquery-${sha256(requirements).slice(0, 12)}`);
  const stamp = join(target, 'longhaul-stamp');
  if (existsSync(stamp)) return target;
  await locked(`${target}.lock`, async () => {
    if (existsSync(stamp)) return;
    const python = await findPython();
    say(`BigQuery emulator in ${target} (about 800 MB, once)`);
    // A virtual environment cannot be moved: the stamp says that it is whole.
    await rm(target, { recursive: true, force: true });
    await step('creating its Python environment', python, ['-m', 'venv', target]);
    const inside = join(target, 'bin', 'python');
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--require-hashes', '-r', REQUIREMENTS];
    await step('installing the BigQuery emulator', inside, pip);
    const home = join(target, 'home');
    await mkdir(home);
    const extensions = { env: { ...process.env, HOME: home } };
    await step('installing its DuckDB extensions', inside, [join(HERE, 'install_extensions.py')], extensions);
    await writeFile(stamp, PYTHON);
  });
  return target;
}

async function findPython(): Promise<string> {
  const pyenv = join(process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv'), 'versions');
  const versions = existsSync(pyenv) ? (await readdir(pyenv)).filter((name) => name.startsWith(`${PYTHON}.`)) : [];
  for (const candidate of [`python${PYTHON}`, ...versions.map((name) => join(pyenv, name, 'bin', 'python3'))]) {
    const found = await capture(candidate, ['-c', 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])']);
    if (found.code === 0 && found.output.trim() === PYTHON) return candidate;
  }
  throw new SetupError(`the BigQuery emulator needs Python ${PYTHON} with the module venv`);
}
