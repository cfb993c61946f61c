/** Makes ready what suites need, one after another, before the first test starts: nothing is fetched or built beside a test. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPython } from '../bin/python.mjs';
import { cacheDirectory, locked, SetupError } from '../bin/setup-tools.mjs';
import { canRunCluster, ensureKueue, ensureTools } from '../deploy/dev-cluster/index.ts';
import { goProblem as kubernetesGoProblem } from '../deploy/dev-cluster/tools.ts';
import { ensureHelm } from '../deploy/helm/tool.ts';
import { installEmulators } from '../src/stack/emulators/index.ts';
import { ensureBuilt } from './packages/built.ts';
import { installDebianPackages } from './debian-packages.ts';
import { clientPackages } from './support/client-packages.ts';
import { fetchFrameworks } from './support/frameworks.ts';
import { mlflowPython } from './support/mlflow.ts';
import { wandbPython } from './support/wandb.ts';
import { MISSING_TOOLS, type Tool } from './support/tools.ts';

const run = promisify(execFile);

/** Wheels that pipelines of tests fetch from PyPI. */
export const WHEELS = (): string => join(cacheDirectory(), 'test-wheels');
const EXAMPLE_DATA = join(import.meta.dirname, '..', 'examples', 'grocery-ranking', 'fetch_data.py');

interface Preparation {
  readonly what: string;
  /** null: done; otherwise why this machine cannot have it. A failure where it could is thrown. */
  readonly ensure: (say: (line: string) => void) => Promise<string | null>;
}

const PREPARATIONS: Readonly<Record<Tool, Preparation>> = {
  chromium: {
    what: 'Chromium',
    ensure: async () => await installDebianPackages({ '/usr/bin/chromium': 'chromium' }, process.env.LONGHAUL_CHROMIUM),
  },
  prometheus: { what: 'Prometheus', ensure: async () => await installDebianPackages({ '/usr/bin/prometheus': 'prometheus' }) },
  wheels: { what: 'wheels of PyPI that pipelines and notebooks fetch', ensure: fetchWheels },
  emulators: {
    what: 'emulators of GCS and BigQuery',
    ensure: async () => (await goProblem()) ?? (await pythonProblem(13)) ?? (await done(installEmulators())),
  },
  kubernetes: {
    what: 'Kubernetes',
    ensure: async (say) => {
      const capability = await canRunCluster();
      if (!capability.ok) return capability.why;
      return await done(ensureTools(say));
    },
  },
  kueue: {
    what: 'Kueue',
    ensure: async (say) => {
      const capability = await canRunCluster();
      return capability.ok ? await done(ensureKueue(say)) : capability.why;
    },
  },
  mlflow: { what: 'MLflow', ensure: async () => await done(mlflowPython()) },
  wandb: { what: 'Weights & Biases', ensure: async () => await done(wandbPython()) },
  frameworks: { what: 'onnxruntime and PyTorch', ensure: async () => await fetchFrameworks(WHEELS()) },
  packages: { what: 'packages', ensure: async () => await done(ensureBuilt()) },
  helm: { what: 'Helm', ensure: async () => (await goProblem()) ?? (await done(ensureHelm())) },
};

/** The order in which they are made: what is quick first, so that a mistake shows soon. */
const ORDER: readonly Tool[] = [
  'chromium',
  'prometheus',
  'wheels',
  'emulators',
  'helm',
  'kubernetes',
  'kueue',
  'packages',
  'mlflow',
  'wandb',
  'frameworks',
];

/** @returns environment of every suite: what is missing and why, and no way to fetch anything any more. */
export async function prepare(tools: ReadonlySet<Tool>, say: (line: string) => void): Promise<Readonly<Record<string, string>>> {
  const missing: Partial<Record<Tool, string>> = {};
  for (const tool of ORDER.filter((name) => tools.has(name))) {
    const { what, ensure } = PREPARATIONS[tool];
    const started = performance.now();
    say(`prepare: ${what} …`);
    const why = await ensure((line) => {
      say(`prepare: ${line}`);
    });
    if (why !== null) missing[tool] = why;
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    say(`prepare: ${what}: ${why === null ? `ready after ${seconds} s` : `not here: ${why}; tests that need it are skipped`}`);
  }
  return { [MISSING_TOOLS]: JSON.stringify(missing), ...OFFLINE() };
}

/** A test that would fetch something fails at once, on every machine, and not only on one whose caches are cold. */
const OFFLINE = (): Record<string, string> => ({
  PIP_NO_INDEX: '1',
  PIP_FIND_LINKS: WHEELS(),
  UV_OFFLINE: '1',
  GOPROXY: 'off',
  npm_config_offline: 'true',
});

async function fetchWheels(): Promise<string | null> {
  const requirement = /^REQUIREMENT = "([^ ]+) --hash/m.exec(await readFile(EXAMPLE_DATA, 'utf8'))?.[1];
  if (requirement === undefined) throw new Error(`${EXAMPLE_DATA} names no REQUIREMENT`);
  const stamp = join(WHEELS(), requirement);
  await locked(`${WHEELS()}.lock`, async () => {
    if (existsSync(stamp)) return;
    await mkdir(WHEELS(), { recursive: true });
    const python = process.env.LONGHAUL_PYTHON ?? 'python3';
    await run(python, ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', WHEELS(), requirement]);
    await mkdir(stamp);
  });
  await clientPackages();
  return null;
}

const done = async (work: Promise<unknown>): Promise<null> => {
  await work;
  return null;
};

async function pythonProblem(minor: number): Promise<string | null> {
  try {
    return await done(findPython([minor]));
  } catch (error) {
    if (error instanceof SetupError) return error.message;
    throw error;
  }
}

const goProblem = async (): Promise<string | null> => (await kubernetesGoProblem()) ?? null;
