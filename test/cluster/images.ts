import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeImage, pythonImage } from '../../deploy/dev-cluster/index.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';
import type { BuiltImage, Folder } from '../../deploy/dev-cluster/index.ts';

export const TRAINER_IMAGE = 'dev-cluster.local/trainer:1';
export const WORKER_IMAGE = 'dev-cluster.local/workers:1';
export const SCORING_WORKER_IMAGE = 'dev-cluster.local/scoring-workers:1';
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const SOURCES = `${REPOSITORY}/python`;
const BUNDLES = '/opt/longhaul/bundles';
const INSIDE = '/opt/longhaul/python';

/** The reference trainer on this machine's Python; the nodes mount packages and sources, so that nothing is copied. */
export async function trainerImage(name = TRAINER_IMAGE): Promise<BuiltImage> {
  return pythonImage({ name, ...python() });
}

/** Workers, console and command line: what deploy/docker/worker.Dockerfile makes, with this checkout mounted. */
export async function workerImage(name = WORKER_IMAGE): Promise<BuiltImage> {
  return nodeImage({ name, ...(await checkout()) });
}

/** Both in one, for a warehouse worker that scores: deploy/docker/scoring-worker.Dockerfile. */
export async function scoringWorkerImage(name = SCORING_WORKER_IMAGE): Promise<BuiltImage> {
  const trainer = python();
  const { folders, workingDirectory, env } = await checkout();
  return pythonImage({
    ...trainer,
    name,
    folders: [...trainer.folders, ...folders],
    programs: [realpathSync(process.execPath)],
    workingDirectory,
    env: { ...trainer.env, ...env },
  });
}

function python(): { venv: string; mountPackages: boolean; folders: readonly Folder[]; env: Readonly<Record<string, string>> } {
  const executable = process.env['LONGHAUL_PYTHON'];
  if (executable === undefined) throw new Error('LONGHAUL_PYTHON is not set: run the suite by `npm test -- cluster`');
  return {
    venv: dirname(dirname(executable)),
    mountPackages: true,
    folders: [{ from: SOURCES, at: INSIDE, mounted: true }],
    env: { PYTHONPATH: INSIDE, PYTHONDONTWRITEBYTECODE: '1' },
  };
}

interface Checkout {
  readonly folders: readonly Folder[];
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string>>;
}

let made: Promise<Checkout> | undefined;
/** The workflows are bundled once, for images that are made at the same time. */
const checkout = (): Promise<Checkout> => (made ??= makeCheckout());

async function makeCheckout(): Promise<Checkout> {
  const bundle = dirname((await workflowBundle()).codePath);
  return {
    folders: [
      { from: REPOSITORY, at: '/app', mounted: true },
      { from: bundle, at: BUNDLES, mounted: true },
    ],
    workingDirectory: '/app',
    env: { NODE_ENV: 'production', LONGHAUL_BUNDLES: BUNDLES },
  };
}
