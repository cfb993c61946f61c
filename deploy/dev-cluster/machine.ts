import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBuilt, goProblem, missingPackages } from './tools.ts';
import { tryRun } from './shell.ts';

/** Clusters on this machine, one file each; cleared by a reboot, as are the sysctls. */
const REGISTRY = '/run/longhaul-dev-cluster';
const SAVED_SYSCTLS = join(REGISTRY, 'sysctls.saved');

/** What a kubelet sets for the whole machine; everything else it does stays in its node's namespaces. */
const SYSCTLS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

/** A kubelet and what runs beside it take some ten each, all of one user; without any left it ends with "too many open files". */
const WATCHERS = 'fs/inotify/max_user_instances';
const ENOUGH_WATCHERS = 8192;

/** Folders that kubelets and CNI want at fixed places; each node mounts its own over them. */
const MOUNT_POINTS = ['/var/lib/kubelet', '/var/lib/cni'];

interface Capability {
  readonly ok: boolean;
  /** One line: why it cannot, or, when it can, what the first start has to do before. */
  readonly why: string;
}

/** Whether this machine can run a cluster; changes nothing. */
export async function canRunCluster(): Promise<Capability> {
  const no = (why: string): Capability => ({ ok: false, why });
  if (process.platform !== 'linux') return no(`a cluster needs Linux, this is ${process.platform}`);
  if (process.getuid?.() !== 0) return no('a cluster needs root: it makes namespaces, bridges and cgroups');
  if (!existsSync('/dev/kmsg')) return no('there is no /dev/kmsg, which kubelets read: an unprivileged container?');
  const missing = missingPackages();
  if (missing.length > 0 && !existsSync('/usr/bin/apt-get')) return no(`not a Debian, and these are missing: ${missing.join(', ')}`);
  if (!isBuilt()) {
    const problem = await goProblem();
    if (problem !== undefined) return no(problem);
  }
  const probe = 'ip link add name probe type bridge && ip link add probe0 type veth peer name probe1 && mount -t tmpfs probe /run';
  if (
    !missing.includes('iproute2') &&
    (await tryRun('unshare', ['--mount', '--pid', '--net', '--uts', '--ipc', '--fork', 'sh', '-c', probe])) === undefined
  ) {
    return no('namespaces, bridges or mounts are not allowed here: an unprivileged container?');
  }
  const todo = [
    ...(missing.length > 0 ? [`install ${missing.length} Debian packages`] : []),
    ...(isBuilt() ? [] : ['build Kubernetes, 3 to 9 minutes']),
  ];
  return { ok: true, why: todo.length > 0 ? `the first start will ${todo.join(' and ')}` : '' };
}

/** Notes a cluster; the first one also saves what kubelets change, and makes room for the watchers of all. */
export function register(id: string, directory: string): void {
  mkdirSync(REGISTRY, { recursive: true, mode: 0o700 });
  if (!existsSync(SAVED_SYSCTLS)) {
    const saved = [...SYSCTLS, WATCHERS].map((name) => `${name} ${sysctl(name)}`);
    writeFileSync(SAVED_SYSCTLS, saved.join('\n'));
  }
  if (Number(sysctl(WATCHERS)) < ENOUGH_WATCHERS) writeFileSync(join('/proc/sys', WATCHERS), String(ENOUGH_WATCHERS));
  writeFileSync(join(REGISTRY, `${id}.cluster`), directory);
  for (const path of MOUNT_POINTS) mkdirSync(path, { recursive: true });
}

const sysctl = (name: string): string => readFileSync(join('/proc/sys', name), 'utf8').trim();

/** Forgets a cluster; the last one gives the machine back as it was. */
export function unregister(id: string): void {
  rmSync(join(REGISTRY, `${id}.cluster`), { force: true });
  if (registered().length > 0 || !existsSync(SAVED_SYSCTLS)) return;
  for (const line of readFileSync(SAVED_SYSCTLS, 'utf8').split('\n')) {
    const [name = '', value = ''] = line.split(' ');
    writeFileSync(join('/proc/sys', name), value);
  }
  rmSync(REGISTRY, { recursive: true, force: true });
  for (const path of MOUNT_POINTS) removeIfEmpty(path);
}

/** What is not empty belongs to someone else too: another kubelet of this machine, another cluster. */
export function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** State folders of all clusters that are up on this machine. */
export function registered(): readonly { readonly id: string; readonly directory: string }[] {
  if (!existsSync(REGISTRY)) return [];
  return readdirSync(REGISTRY)
    .filter((file) => file.endsWith('.cluster'))
    .map((file) => ({ id: file.slice(0, -'.cluster'.length), directory: readFileSync(join(REGISTRY, file), 'utf8') }));
}
