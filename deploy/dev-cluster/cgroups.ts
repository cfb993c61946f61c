import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './shell.ts';

const ROOT = '/sys/fs/cgroup';
const CONTROLLERS_V1 = [
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'systemd',
  'hugetlb',
  'net_cls',
  'net_prio',
  'perf_event',
  'unified',
];

const isV2 = (): boolean => existsSync(join(ROOT, 'cgroup.controllers'));

/** The folder of a node in every hierarchy: one with cgroup v2, one a controller with v1 and runc's own in the hybrid. */
function directories(name: string): readonly string[] {
  if (isV2()) return [join(ROOT, name)];
  return CONTROLLERS_V1.filter((controller) => existsSync(join(ROOT, controller, 'cgroup.procs'))).map((controller) =>
    join(ROOT, controller, name),
  );
}

/** Makes the root below which a node's kubelet puts its pods. */
export function createCgroup(name: string): void {
  if (isV2()) delegate(ROOT);
  for (const directory of directories(name)) {
    mkdirSync(directory, { recursive: true });
    // v1 starts a cpuset empty, and nothing can run in it.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (!isV2() && existsSync(join(directory, file)))
        writeFileSync(join(directory, file), readFileSync(join(directory, '..', file), 'utf8'));
    }
    if (isV2()) delegate(directory);
  }
}

/** cgroup v2: lets children use every controller that there is. */
function delegate(directory: string): void {
  const controllers = readFileSync(join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ').filter(Boolean);
  const wanted = controllers.filter((controller) => ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb'].includes(controller));
  writeFileSync(join(directory, 'cgroup.subtree_control'), wanted.map((controller) => `+${controller}`).join(' '));
}

function descend(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...below.flatMap((entry) => descend(join(directory, entry.name))), directory];
}

function processesIn(name: string): readonly number[] {
  // The pids hierarchy has every process of a pod; with v2 there is but one.
  const root = isV2() ? join(ROOT, name) : join(ROOT, 'pids', name);
  return descend(root).flatMap((directory) => {
    try {
      return readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    } catch {
      return []; // removed in between
    }
  });
}

/** SIGKILL to every process of a node's pods, until none is left. */
export async function killCgroup(name: string): Promise<void> {
  await until(`end of the pods in cgroup ${name}`, async () => (signalCgroup(name, 'SIGKILL') === 0 ? true : undefined));
}

/** @returns how many processes a node's pods have */
export function signalCgroup(name: string, signal: NodeJS.Signals): number {
  const pids = processesIn(name);
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // ended by itself
    }
  }
  return pids.length;
}

/** Removes a node's folders once the last process is gone. */
export async function removeCgroup(name: string): Promise<void> {
  await until(`removal of cgroup ${name}`, async () => {
    for (const directory of directories(name).flatMap(descend)) rmdirSync(directory);
    return true;
  });
}
