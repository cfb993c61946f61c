/** What `npm run build` made, and its npm package installed, as somebody does who has nothing of the clone. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { ensurePrograms } from '../../bin/python.mjs';
import { cacheDirectory, root } from '../../bin/setup-tools.mjs';
import { argumentsOf } from '../support/dockerfile.ts';

const run = promisify(execFile);

export const DIST = join(root, 'dist');
/** Of `npm install --global`. */
export const PREFIX = join(cacheDirectory(), 'test-prefix');

/** A program of PyPI that the suite reads recipes with; the folder is another one when its version is. */
function programOf(name: string, requirements: string): { readonly path: string; readonly ensure: () => Promise<void> } {
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const target = join(cacheDirectory(), `test-${name}-${digest}`);
  const path = join(target, 'bin', name);
  return { path, ensure: () => ensurePrograms({ what: name, target, requirements, shows: path }) };
}
export const hadolint = programOf('hadolint', join(import.meta.dirname, 'hadolint-requirements.txt'));
const uv = programOf('uv', join(root, 'bin', 'uv-requirements.txt'));

/** Variables of a person who never saw the clone, with the Node of the system. */
export function outsider(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('LONGHAUL_') && name !== 'NODE_COMPILE_CACHE');
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.startsWith(root));
  return { ...Object.fromEntries(kept), PATH: [join(PREFIX, 'bin'), ...path].join(delimiter) };
}

/** Builds everything and installs it, with what its recipes are read with. */
export async function ensureBuilt(): Promise<void> {
  await hadolint.ensure();
  await uv.ensure();
  await run(process.execPath, ['bin/run.mjs', 'tools/build/run.ts'], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  await rm(PREFIX, { recursive: true, force: true });
  await mkdir(PREFIX, { recursive: true });
  const archive = join(DIST, `longhaul-${await versionOf()}.tgz`);
  await run('npm', ['install', '--global', '--prefix', PREFIX, '--no-audit', '--no-fund', archive], { cwd: PREFIX, env: outsider() });
  // What it has asked the index for is known from then on, without a network.
  await resolveRequirements();
}

/** Of the images' Python and system, Debian bookworm, which has glibc 2.36: each is to be had, by its hash. */
export async function resolveRequirements(): Promise<void> {
  const python = argumentsOf(readFileSync(join(root, 'deploy/docker/trainer.Dockerfile'), 'utf8')).get('PYTHON') ?? '';
  const [minor = ''] = /\d+\.\d+/.exec(python) ?? [];
  const files = ['requirements.txt', 'uv-requirements.txt'].flatMap((file) => ['-r', join(DIST, 'images', file)]);
  const where = ['--python-version', minor, '--python-platform', 'x86_64-manylinux_2_36', '--target', join(PREFIX, 'none')];
  const args = ['pip', 'install', '--dry-run', '--require-hashes', '--only-binary', ':all:', ...where, ...files];
  await run(uv.path, args, { env: { UV_CACHE_DIR: join(cacheDirectory(), 'uv'), ...process.env } });
}

export async function versionOf(): Promise<string> {
  const { default: about } = (await import('../../package.json', { with: { type: 'json' } })) as { default: { version: string } };
  return about.version;
}
