/**
 * A real Kubernetes cluster on one Linux machine, for tests and for trying things out: API server, controllers,
 * scheduler, etcd and kubelets with containerd and runc. See README.md for what is real and what is not.
 *
 * @example
 * const cluster = await startCluster({ nodes: [{ name: 'spot-1', labels: { pool: 'spot' } }] });
 * try { await cluster.kubectl(['get', 'nodes']); } finally { await cluster.stop(); }
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Cluster } from './cluster.ts';
import { createIdentities, startApiServer, startControllers, startEtcd } from './control-plane.ts';
import { ensureKueue, startKueue } from './kueue.ts';
import type { Layout } from './layout.ts';
import { register, registered, unregister } from './machine.ts';
import { reserveSubnet } from './network.ts';
import { checkSpec } from './node.ts';
import { isAlive, recordOf } from './processes.ts';
import { ClusterError, HANGS_AFTER_SECONDS } from './shell.ts';
import { hasState, readState, writeState } from './state.ts';
import type { Mount, NodeSpec, Timing } from './state.ts';
import { cacheDirectory, ensureTools, unnamedClusters } from './tools.ts';
import type { Progress } from './tools.ts';

export { ensureKueue } from './kueue.ts';
export { ensureTools } from './tools.ts';

export { Cluster } from './cluster.ts';
export { BUSYBOX_IMAGE } from './images.ts';
export { canRunCluster } from './machine.ts';
export type { BuiltImage, Folder } from './host-image.ts';
export { nodeImage } from './node-image.ts';
export { pythonImage } from './python-image.ts';
export { ClusterError } from './shell.ts';
export type { NodeSpec, Taint } from './state.ts';

/** Quicker than Kubernetes' 50 s, slow enough that a busy machine does not lose its nodes. */
const TIMING: Timing = { nodeMonitorGrace: 10, unreachableToleration: 300 };

interface ClusterOptions {
  /** State folder, not there yet or empty; a new one in the cache when absent. */
  readonly dir?: string;
  readonly nodes: readonly NodeSpec[];
  readonly timing?: Partial<Timing>;
  /** Folders of this machine that every container sees, read-only: what is too large to be in an image of every run. */
  readonly mounts?: readonly Mount[];
  /** Go on when this process has ended; only then is it not stopped as abandoned by the next start. */
  readonly detached?: boolean;
  /** Kueue beside it: it admits the Jobs that name a queue. */
  readonly kueue?: boolean;
  /** Called with lines for people; standard error when absent. */
  readonly progress?: Progress;
}

/** Folder of the cluster of `npm run cluster`. */
export const defaultDirectory = (): string => join(cacheDirectory(), 'cluster-state');

/** Starts a cluster and waits until its nodes are Ready. @throws ClusterError and leaves nothing behind. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const progress = options.progress ?? ((line) => process.stderr.write(`cluster: ${line}\n`));
  for (const spec of options.nodes) checkSpec(spec);
  const programs = await ensureTools(progress);
  const kueue = options.kueue === true ? await ensureKueue(progress) : null;
  await stopAbandoned();
  const directory = await newDirectory(options.dir);
  const timing = { ...TIMING, ...options.timing };
  const subnet = await reserveSubnet();
  const mounts = options.mounts ?? [];
  const layout: Layout = { directory, programs, subnet, timing, mounts };
  register(`lh${subnet.number}`, directory);
  const owner = options.detached === true ? null : (recordOf(process.pid) ?? null);
  writeState(directory, { version: 1, subnet, timing, mounts, owner, programs, components: {}, nodes: [] });
  const cluster = new Cluster(directory);
  try {
    const ready = startControlPlane(layout, cluster);
    // Machines boot and unpack their images while the API server starts.
    const nodes = options.nodes.map(async (spec) => await cluster.addNode(spec, ready));
    await Promise.all([ready, ...nodes]);
    await cluster.kubectl(['wait', '--for=create', 'serviceaccount/default', `--timeout=${HANGS_AFTER_SECONDS}s`]);
    if (kueue !== null) cluster.setComponents({ kueue: await startKueue(layout, kueue) });
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

/** A cluster that another process started. @throws ClusterError when there is none in the folder. */
export function openCluster(dir: string = defaultDirectory()): Cluster {
  const directory = resolve(dir);
  if (!hasState(directory)) throw new ClusterError(`no cluster in ${directory}; start one: npm run cluster -- up --dir ${directory}`);
  return new Cluster(directory);
}

/** Ends clusters whose process went away without `stop`, a killed test for example. */
export async function stopAbandoned(): Promise<void> {
  for (const { id, directory } of registered()) {
    if (!hasState(directory)) {
      unregister(id);
      continue;
    }
    const { owner } = readState(directory);
    if (owner !== null && !isAlive(owner)) await new Cluster(directory).stop();
  }
}

async function newDirectory(dir: string | undefined): Promise<string> {
  if (dir === undefined) {
    mkdirSync(unnamedClusters(), { recursive: true });
    return mkdtempSync(join(unnamedClusters(), 'cluster-'));
  }
  const directory = resolve(dir);
  if (hasState(directory)) {
    const old = new Cluster(directory);
    if (old.isUp()) throw new ClusterError(`a cluster runs in ${directory}; end it first: npm run cluster -- down --dir ${directory}`);
    await old.stop();
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

async function startControlPlane(layout: Layout, cluster: Cluster): Promise<void> {
  await createIdentities(layout);
  cluster.setComponents({ etcd: await startEtcd(layout) });
  cluster.setComponents({ 'kube-apiserver': await startApiServer(layout) });
  cluster.setComponents(await startControllers(layout));
}
