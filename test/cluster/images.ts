import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeImage, pythonImage } from '../../deploy/dev-cluster/index.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';
import type { BuiltImage } from '../../deploy/dev-cluster/index.ts';

export const TRAINER_IMAGE = 'dev-cluster.local/trainer:1';
export const WORKER_IMAGE = 'dev-cluster.local/workers:1';
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const SOURCES = `${REPOSITORY}/trainer`;
const BUNDLES = '/opt/longhaul/bundles';
const INSIDE = '/opt/longhaul/trainer';

/** The reference trainer on this machine's Python; the nodes mount packages and sources, so that nothing is copied. */
export async function trainerImage(): Promise<BuiltImage> {
  const python = process.env['LONGHAUL_PYTHON'];
  if (python === undefined) throw new Error('LONGHAUL_PYTHON is not set: run the suite by `npm test -- cluster`');
  return pythonImage({
    name: TRAINER_IMAGE,
    venv: dirname(dirname(python)),
    mountPackages: true,
    folders: [{ from: SOURCES, at: INSIDE, mounted: true }],
    env: { PYTHONPATH: INSIDE, PYTHONDONTWRITEBYTECODE: '1' },
  });
}

/** Workers, console and command line: what deploy/docker/worker.Dockerfile makes, with this checkout mounted. */
export async function workerImage(): Promise<BuiltImage> {
  const bundle = dirname((await workflowBundle()).codePath);
  return nodeImage({
    name: WORKER_IMAGE,
    folders: [
      { from: REPOSITORY, at: '/app', mounted: true },
      { from: bundle, at: BUNDLES, mounted: true },
    ],
    workingDirectory: '/app',
    env: { NODE_ENV: 'production', LONGHAUL_BUNDLES: BUNDLES },
  });
}
