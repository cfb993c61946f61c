/** The peers in a Python environment of their own, outside of the checkout; installed once for each list of versions. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from '../../bin/setup-tools.mjs';

const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');

/** Path of its Python. */
export async function ensurePeers(): Promise<string> {
  const version = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12);
  const directory = join(cacheDirectory(), 'bench', `peers-${version}`);
  const python = join(directory, 'bin', 'python');
  const stamp = join(directory, 'complete');
  if (existsSync(stamp)) return python;
  process.stderr.write(`installing the peers into ${directory}, once\n`);
  rmSync(directory, { recursive: true, force: true });
  const run = promisify(execFile);
  await run(process.env.LONGHAUL_PYTHON ?? 'python3', ['-m', 'venv', directory]);
  await run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '-r', REQUIREMENTS], { maxBuffer: 16 * 1024 * 1024 });
  writeFileSync(stamp, '');
  return python;
}

/** As pinned, for the table. */
export function versionOf(peer: string): string {
  return new RegExp(`^${peer}==(\\S+)$`, 'm').exec(readFileSync(REQUIREMENTS, 'utf8'))?.[1] ?? '?';
}
