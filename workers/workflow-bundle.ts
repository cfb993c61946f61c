/**
 * The workflows as one bundle, built once for each content (1–1.5 s) and kept in the cache directory. An image has them in LONGHAUL_BUNDLES:
 * the compiler needs a writable home that nobody else can write to, which a pod's emptyDir is not.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { builtAhead, cacheDirectory, root } from '../bin/setup-tools.mjs';
import { FAILURE_CONVERTER } from '../src/codec/encryption.ts';

const WORKFLOWS = join(root, 'workflows', 'index.ts');
const TEAM_QUEUES = join(root, 'workflows', 'team-queues.ts');
const TRACING_MODULE = '@temporalio/interceptors-opentelemetry/lib/workflow-interceptors';

/**
 * @param options.traced with the interceptors of OpenTelemetry; without them the bundle, and every history, is what it was
 * @param options.sealed failures of workflows are encrypted as payloads are
 */
export async function workflowBundle({ traced = false, sealed = false } = {}): Promise<{ codePath: string }> {
  const variant = `${traced ? '-traced' : ''}${sealed ? '-sealed' : ''}`;
  const ahead = builtAhead(`workflows${variant}.cjs`);
  if (ahead !== null) return { codePath: ahead };
  const name = `workflows-${await contentHash()}${variant}.cjs`;
  const codePath = join(cacheDirectory(), 'bundles', name);
  for (const path of [codePath, join(process.env.LONGHAUL_BUNDLES ?? '', name)]) if (existsSync(path)) return { codePath: path };
  const { code } = await bundleWorkflowCode({
    workflowsPath: WORKFLOWS,
    ...(sealed ? { failureConverterPath: FAILURE_CONVERTER } : {}),
    logger: SILENT,
    // Its modules are named from here, wherever the command was called: what is cached goes into packages, too.
    webpackConfigHook: (config) => ({ ...config, context: root }),
    workflowInterceptorModules: [TEAM_QUEUES, ...(traced ? [createRequire(import.meta.url).resolve(TRACING_MODULE)] : [])],
  });
  await mkdir(join(codePath, '..'), { recursive: true });
  // Others may make it at the same time, in this process too.
  const unfinished = `${codePath}.${randomUUID()}`;
  await writeFile(unfinished, code);
  await rename(unfinished, codePath);
  return { codePath };
}

async function contentHash(): Promise<string> {
  const hash = createHash('sha256').update(`${sdkVersion()} named from the root`);
  for (const file of await contentFiles()) hash.update(`\n${file}\n`).update(await readFile(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}

/** Whatever can get into the bundle, in whichever folder: our workflows, rules and contracts. */
export async function contentFiles(): Promise<string[]> {
  const folders = ['workflows', join('src', 'contract'), join('src', 'rules')];
  const files = await Promise.all(
    folders.map(async (folder) => (await readdir(join(root, folder), { recursive: true })).map((file) => join(folder, file))),
  );
  return files
    .flat()
    .filter((file) => file.endsWith('.ts'))
    .sort();
}

const sdkVersion = (): string => (createRequire(import.meta.url)('@temporalio/worker/package.json') as { version: string }).version;

const ignore = (): void => undefined;
const SILENT = { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
