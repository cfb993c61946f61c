import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ClusterError, run, sleep, tryRun } from './shell.ts';

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), 'tools');
const HASHED = ['go.mod', 'go.sum', 'hyperkube/main.go', 'pause/main.go', 'logind/main.go'];
const COMPONENTS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'kubectl'];
/** About what `go list -deps ./hyperkube` counts; only for telling how far the build is. */
const PACKAGES_TO_BUILD = 2800;
const OLDEST_GO_MINOR = 26;
/** A build lets everything else have the processors first. */
const BUILDS_YIELD = 10;

/** What a node needs from the distribution: the program or folder that shows it is there, and the Debian package. */
const PACKAGES: readonly (readonly [path: string, name: string])[] = [
  ['/usr/bin/containerd', 'containerd'],
  ['/usr/sbin/runc', 'runc'],
  ['/usr/lib/cni/bridge', 'containernetworking-plugins'],
  ['/bin/busybox', 'busybox-static'],
  ['/usr/sbin/iptables', 'iptables'],
  ['/usr/sbin/conntrack', 'conntrack'],
  ['/usr/bin/dbus-daemon', 'dbus-daemon'],
  ['/usr/bin/openssl', 'openssl'],
  ['/usr/bin/unshare', 'util-linux'],
  ['/sbin/ip', 'iproute2'],
];

/** Where what is slow to make is kept: LONGHAUL_CACHE, or ~/.cache/longhaul. */
export function cacheDirectory(): string {
  return process.env['LONGHAUL_CACHE'] ?? join(homedir(), '.cache', 'longhaul');
}

/** Where the folders of clusters are whose caller named none. */
export const unnamedClusters = (): string => join(cacheDirectory(), 'clusters');

/** Folder of the programs for this very source: another version or flag gives another folder. */
function binaryDirectory(): string {
  const hash = createHash('sha256');
  for (const file of HASHED) hash.update(readFileSync(join(SOURCES, file)));
  return join(cacheDirectory(), `cluster-${hash.digest('hex').slice(0, 16)}`);
}

export const isBuilt = (): boolean => existsSync(join(binaryDirectory(), 'hyperkube'));

export const missingPackages = (): readonly string[] => PACKAGES.filter(([path]) => !existsSync(path)).map(([, name]) => name);

export type Progress = (line: string) => void;

/** Installs and builds what is missing, once; other processes that want the same wait. Returns the folder of the programs. */
export async function ensureTools(progress: Progress): Promise<string> {
  const directory = binaryDirectory();
  if (isBuilt() && missingPackages().length === 0) return directory;
  mkdirSync(cacheDirectory(), { recursive: true });
  const release = await lock(`${directory}.lock`, progress);
  try {
    await installPackages(progress);
    if (!isBuilt()) await build(directory, progress);
  } finally {
    release();
  }
  return directory;
}

async function installPackages(progress: Progress): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) throw new ClusterError(`missing programs; run as root: apt-get install ${missing.join(' ')}`);
  if (!existsSync('/usr/bin/apt-get')) throw new ClusterError(`missing programs, and this is not a Debian; install: ${missing.join(' ')}`);
  progress(`installing Debian packages: ${missing.join(' ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const options = ['-o', 'DPkg::Lock::Timeout=300', '-qq'];
  await tryRun('apt-get', [...options, 'update'], { env, timeoutMs: 300_000 });
  await run('apt-get', [...options, 'install', '-y', '--no-install-recommends', ...missing], { env, timeoutMs: 600_000 });
  const still = missingPackages();
  if (still.length > 0)
    throw new ClusterError(`apt-get installed its packages, but the programs of ${still.join(', ')} are not where they are on Debian`);
}

/** undefined when Go is there and new enough, else what to do. */
export async function goProblem(): Promise<string | undefined> {
  const version = await tryRun('go', ['env', 'GOVERSION']);
  const advice = `building Kubernetes needs Go 1.${OLDEST_GO_MINOR} or later on PATH (https://go.dev/dl)`;
  if (version === undefined) return `no Go here: ${advice}`;
  const minor = /^go1\.(\d+)/.exec(version)?.[1];
  return minor !== undefined && Number(minor) < OLDEST_GO_MINOR ? `Go is ${version.trim()}: ${advice}` : undefined;
}

/** The version that the API server reports is linked in; it follows go.mod. */
function linkerFlags(): string {
  const version = /k8s\.io\/kubernetes v(\d+)\.(\d+)\.(\d+)/.exec(readFileSync(join(SOURCES, 'go.mod'), 'utf8'));
  if (version === null) throw new ClusterError(`${SOURCES}/go.mod names no version of k8s.io/kubernetes`);
  const [, major, minor, patch] = version;
  const values = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((at) => [
    `-X ${at}.gitVersion=v${major}.${minor}.${patch} -X ${at}.gitMajor=${major} -X ${at}.gitMinor=${minor}`,
  ]);
  return ['-s -w', ...values].join(' ');
}

async function build(directory: string, progress: Progress): Promise<void> {
  await withGo(directory, 'Kubernetes from the Go module proxy, 3 to 9 minutes', progress, async (programs, env) => {
    for (const program of ['pause', 'logind', 'hyperkube']) {
      const flags = program === 'hyperkube' ? linkerFlags() : '-s -w';
      const args = ['build', '-v', '-trimpath', '-ldflags', flags, '-o', join(programs, program), `./${program}`];
      await goBuild(args, env, PACKAGES_TO_BUILD, progress);
    }
    for (const component of COMPONENTS) symlinkSync('hyperkube', join(programs, component));
  });
}

/** Fills the folder as a whole or not at all. @param what it is and how long it takes, in words */
export async function withGo(
  directory: string,
  what: string,
  progress: Progress,
  fill: (draft: string, env: Readonly<Record<string, string>>) => Promise<void>,
): Promise<void> {
  const problem = await goProblem();
  if (problem !== undefined) throw new ClusterError(problem);
  // Modules and build cache are about 4 GB: kept only where the caller already has a place for them.
  const scratch = mkdtempSync(`${directory}.build-`);
  const env = {
    GOMODCACHE: process.env['GOMODCACHE'] ?? join(scratch, 'modules'),
    GOCACHE: process.env['GOCACHE'] ?? join(scratch, 'build'),
    // Read-only module folders could not be removed afterwards.
    GOFLAGS: '-modcacherw -buildvcs=false -mod=readonly',
    CGO_ENABLED: '0',
  };
  const draft = join(scratch, 'programs');
  mkdirSync(draft);
  const started = Date.now();
  progress(`building ${what}, once`);
  try {
    await fill(draft, env);
    renameSync(draft, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  progress(`built in ${Math.round((Date.now() - started) / 1000)} s: ${directory}`);
}

/** With `-v` Go names each package that it compiles; that is the progress. @param packages about so many */
export async function goBuild(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  packages: number,
  progress: Progress,
): Promise<void> {
  const child = spawn('go', [...args], { cwd: SOURCES, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  if (child.pid !== undefined) setPriority(child.pid, BUILDS_YIELD);
  const recent: string[] = [];
  let compiled = 0;
  let fetched = 0;
  let lastReport = Date.now();
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('go: downloading')) fetched++;
    else compiled++;
    recent.push(line);
    if (recent.length > 20) recent.shift();
    if (Date.now() - lastReport < 10_000) return;
    lastReport = Date.now();
    progress(compiled === 0 ? `  ${fetched} modules fetched` : `  ${compiled} of about ${packages} packages compiled`);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new ClusterError(`go ${args[0]} failed (${code}):\n${recent.join('\n')}`);
}

/** A lock file that names its holder; one whose holder is gone is taken over. Returns what releases it. */
export async function lock(path: string, progress: Progress): Promise<() => void> {
  for (let waited = 0; ; waited++) {
    try {
      const file = openSync(path, 'wx');
      writeFileSync(file, String(process.pid));
      closeSync(file);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (holder !== '' && !existsSync(`/proc/${holder}`)) rmSync(path, { force: true });
    else {
      if (waited % 15 === 0) progress(`waiting for process ${holder}, which prepares the same programs`);
      await sleep(1000);
    }
  }
}
