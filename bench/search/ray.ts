/** Ray Tune in an environment of its own, outside the checkout: it is measured beside, and no part of Longhaul needs it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const VERSION = '2.60.0';
const run = promisify(execFile);

/** @returns its interpreter; the first time, pip installs 630 MB from PyPI */
export async function rayPython(): Promise<string> {
  const cache = join(process.env.LONGHAUL_CACHE ?? join(homedir(), '.cache', 'longhaul'), 'bench');
  const folder = join(cache, `ray-${VERSION}`);
  const python = join(folder, 'bin', 'python');
  const installed = join(folder, 'installed');
  if (existsSync(installed)) return python;
  await mkdir(cache, { recursive: true });
  await rm(folder, { recursive: true, force: true });
  // Made at its final place, as an environment knows its own path; the mark says that it is whole.
  await run(process.env.LONGHAUL_PYTHON ?? 'python3', ['-m', 'venv', folder]);
  await run(python, ['-m', 'pip', 'install', '--quiet', `ray[tune]==${VERSION}`]);
  await mkdir(`${installed}.new`);
  await rename(`${installed}.new`, installed);
  return python;
}
