/** Sets up, then becomes the given TypeScript program on Node 24. */
import { spawn } from 'node:child_process';
import * as nodeModule from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SetupError, cacheDirectory, loopbackWithoutProxy, makeFolder } from './setup-tools.mjs';
import { setup } from './setup.mjs';

const NODE_MAJOR = 24;

/**
 * Sources stripped of types and compiled, kept between starts: they are half of what a short command takes. Null where nothing can be kept: told to make
 * the folder there itself, Node may try without an end (makeFolder).
 */
async function compiled() {
  if (process.env.NODE_COMPILE_CACHE !== undefined) return process.env.NODE_COMPILE_CACHE;
  const folder = join(cacheDirectory(), 'compiled');
  try {
    await makeFolder(folder);
    return folder;
  } catch {
    return null;
  }
}

export async function launch(target, args, needs = {}) {
  Object.assign(process.env, loopbackWithoutProxy(process.env));
  let ready;
  try {
    ready = await setup(needs);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`longhaul: ${error.message}\n`);
    process.exit(error.exitCode);
  }
  const kept = await compiled();
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) {
    Object.assign(process.env, ready.env);
    process.argv = [process.execPath, target, ...args];
    if (kept !== null) {
      nodeModule.enableCompileCache?.(kept);
      // For the workers and whatever else it starts.
      process.env.NODE_COMPILE_CACHE = kept;
    }
    await import(pathToFileURL(target).href);
    return;
  }
  const child = spawn(ready.node, [target, ...args], {
    stdio: 'inherit',
    env: { ...process.env, ...ready.env, ...(kept === null ? {} : { NODE_COMPILE_CACHE: kept }) },
  });
  // A terminal sends Ctrl-C to the child as well; everything else reaches this process only.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}
