/** Wheels of the SDK and of the workers' Python, built without the network by the setuptools of the workers' environment. */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, step } from '../../bin/setup-tools.mjs';

/** Projects below the root. */
const PROJECTS = ['python/longhaul', 'python'];
const WITHOUT_NETWORK = ['--quiet', '--disable-pip-version-check', '--no-deps', '--no-build-isolation', '--no-index'];

export async function buildWheels(folder: string): Promise<void> {
  const python = process.env.LONGHAUL_PYTHON ?? 'python3';
  await mkdir(folder, { recursive: true });
  for (const project of PROJECTS) {
    // A build leaves folders in its source.
    const scratch = await mkdtemp(join(tmpdir(), 'longhaul-wheel-'));
    try {
      await cp(join(root, project), join(scratch, 'source'), {
        recursive: true,
        filter: (from) => !/__pycache__|_cache$|\/tests$/.test(from),
      });
      const build = ['-m', 'pip', 'wheel', ...WITHOUT_NETWORK, '-w', folder, join(scratch, 'source')];
      await step(`building the wheel of ${project}`, python, build, { cwd: scratch });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
}
