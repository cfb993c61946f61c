/** What `longhaul-sdk[client]` needs besides the product's own environment: pandas, in a folder of its own. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory, locked } from '../../bin/setup-tools.mjs';

/** `--no-deps`: numpy is there. */
const PACKAGES = ['pandas==3.0.0', 'python-dateutil==2.9.0.post0', 'six==1.17.0'] as const;

/** The folder, for PYTHONPATH; it is made where it is missing. */
export async function clientPackages(): Promise<string> {
  const folder = join(cacheDirectory(), `test-client-${PACKAGES.join('-').replaceAll('==', '-')}`);
  await locked(`${folder}.lock`, async () => {
    if (existsSync(folder)) return;
    const making = `${folder}.new`;
    await rm(making, { recursive: true, force: true });
    const python = process.env.LONGHAUL_PYTHON ?? 'python3';
    const install = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--target', making, ...PACKAGES];
    await promisify(execFile)(python, install);
    await rename(making, folder);
  });
  return folder;
}
