/** What `npm run build` made, and its npm package installed, as somebody does who has nothing of the clone. */
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory, root } from '../../bin/setup-tools.mjs';

const run = promisify(execFile);

export const DIST = join(root, 'dist');
/** Of `npm install --global`. */
export const PREFIX = join(cacheDirectory(), 'test-prefix');

/** Variables of a person who never saw the clone, with the Node of the system. */
export function outsider(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('LONGHAUL_') && name !== 'NODE_COMPILE_CACHE');
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.startsWith(root));
  return { ...Object.fromEntries(kept), PATH: [join(PREFIX, 'bin'), ...path].join(delimiter) };
}

/** Builds everything and installs it. */
export async function ensureBuilt(): Promise<void> {
  await run(process.execPath, ['bin/run.mjs', 'tools/build/run.ts'], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  await rm(PREFIX, { recursive: true, force: true });
  await mkdir(PREFIX, { recursive: true });
  const archive = join(DIST, `longhaul-${await versionOf()}.tgz`);
  await run('npm', ['install', '--global', '--prefix', PREFIX, '--no-audit', '--no-fund', archive], { cwd: PREFIX, env: outsider() });
}

export async function versionOf(): Promise<string> {
  const { default: about } = (await import('../../package.json', { with: { type: 'json' } })) as { default: { version: string } };
  return about.version;
}
