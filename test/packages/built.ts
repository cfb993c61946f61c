/** What `npm run build` made, and an npm cache that has all that its package needs: tests install without the network. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../bin/setup-tools.mjs';

const run = promisify(execFile);

export const DIST = join(root, 'dist');

/** Builds everything and installs it once. */
export async function ensureBuilt(): Promise<void> {
  await run(process.execPath, ['bin/run.mjs', 'tools/build/run.ts'], { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  const prefix = await mkdtemp(join(tmpdir(), 'longhaul-install-'));
  try {
    const archive = join(DIST, `longhaul-${await versionOf()}.tgz`);
    await run('npm', ['install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', archive], { cwd: prefix });
  } finally {
    await rm(prefix, { recursive: true, force: true });
  }
}

export async function versionOf(): Promise<string> {
  const { default: about } = (await import('../../package.json', { with: { type: 'json' } })) as { default: { version: string } };
  return about.version;
}
