/** MLflow's own server, in an environment of its own: it is large, and only the suite `trackers` needs it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory, locked } from '../../bin/setup-tools.mjs';
import { freePort } from '../../src/stack/tcp.ts';
import { until } from '../workflow/environment.ts';

const VERSION = '3.17.2';

/** Its Python; the environment is made where it is missing. */
export async function mlflowPython(): Promise<string> {
  const folder = join(cacheDirectory(), `test-mlflow-${VERSION}`);
  const run = promisify(execFile);
  await locked(`${folder}.lock`, async () => {
    if (existsSync(join(folder, 'ready'))) return;
    await rm(folder, { recursive: true, force: true });
    await run(process.env.LONGHAUL_PYTHON ?? 'python3', ['-m', 'venv', folder]);
    await run(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', `mlflow==${VERSION}`]);
    await writeFile(join(folder, 'ready.new'), '');
    await rename(join(folder, 'ready.new'), join(folder, 'ready'));
  });
  return join(folder, 'bin', 'python');
}

interface MlflowServer {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** @param folder of its database */
export async function startMlflow(folder: string): Promise<MlflowServer> {
  const server = await serve(folder);
  // It takes long to start: others may have taken its port by then.
  return server ?? startMlflow(folder);
}

async function serve(folder: string): Promise<MlflowServer | null> {
  const port = await freePort();
  const words = ['-m', 'mlflow', 'server', '--backend-store-uri', `sqlite:///${folder}/mlflow.db`, '--artifacts-destination', folder];
  const child = spawn(await mlflowPython(), [...words, '--host', '127.0.0.1', '--port', String(port), '--workers', '1'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PYTHONPATH: '', MLFLOW_DISABLE_TELEMETRY: 'true' },
    // Its workers are its children.
    detached: true,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const url = `http://127.0.0.1:${port}`;
  const serves = (): Promise<boolean> =>
    fetch(`${url}/health`).then(
      async (response) => response.ok && (await response.text()) === 'OK',
      () => false,
    );
  await until(async () => child.exitCode !== null || said.includes('address already in use') || (await serves()), 'MLflow to serve');
  const stop = async (): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    process.kill(-child.pid, 'SIGTERM');
    await ended;
  };
  if (said.includes('address already in use')) {
    await stop();
    return null;
  }
  if (child.exitCode !== null) throw new Error(`mlflow ended with ${child.exitCode}: ${said}`);
  return { url, stop };
}
