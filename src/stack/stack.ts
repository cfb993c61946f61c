/**
 * What a run on this machine needs: a Temporal server, three Node workers, the Python sampler. One stack a project directory;
 * `.longhaul/stack.json` tells others where it is, and remembers the ports.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, unlink, writeFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findDevelopmentStack, findTarget, isConfigured, type DevelopmentStack } from '../client/address.ts';
import { isProcess, startOf } from '../client/process-start.ts';
import { answers, freePort } from './tcp.ts';
import { isOwn, locked, makeFolder, SetupError } from '../../bin/setup-tools.mjs';
import { serveClusters } from './cluster-workers.ts';
import { createSupervisor, type ProcessEvent, type Program, type Supervised } from './supervisor.ts';
import { temporalServer, untilServing, type ServerPorts } from './temporal-server.ts';
import { GRACES } from '../rules/durations.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
const NAMESPACE = 'default';
/** As of docs/cli.md. */
const EXIT_BAD_INPUT = 2;
export const WORKERS = ['control', 'warehouse', 'training', 'sampler'] as const;

interface StackOptions {
  /** The project: `.longhaul` is made here. */
  readonly directory: string;
  readonly onEvent?: (event: ProcessEvent) => void;
}

export interface Stack {
  readonly address: string;
  readonly namespace: string;
  readonly ui: string | null;
  /** False: another process's stack is used. */
  readonly owned: boolean;
  /** Process ids by name, of what this stack started. */
  readonly pids: () => Readonly<Record<string, number | null>>;
  /** Resolves when all workers serve. */
  readonly ready: Promise<void>;
  /** Waits for other users, stops the workers, calls `between` (Jobs of this machine), stops the server. */
  readonly stop: (options?: { readonly between?: () => Promise<void>; readonly onWait?: (users: number) => void }) => Promise<void>;
}

interface StackFile extends DevelopmentStack {
  readonly ports: ServerPorts;
}

/** Uses the project's stack if there is one, otherwise starts one. */
export async function startStack({ directory, onEvent = () => undefined }: StackOptions): Promise<Stack> {
  const home = join(resolve(directory), '.longhaul');
  await makeFolder(home);
  const database = join(home, 'temporal.db');
  const foreign = [home, database].find((path) => existsSync(path) && !isOwn(statSync(path)));
  if (foreign !== undefined) {
    const message = `${foreign} is not the user's own, or others may write it: its runs would be worked on as you`;
    throw new SetupError(`${message}; work in a folder of your own, or take it over (chown, chmod go-w)`, EXIT_BAD_INPUT);
  }
  return locked(join(home, 'stack.lock'), async () => {
    const running = findDevelopmentStack(directory);
    if (running && (await answers(running.address))) return joinStack(home, running);
    return launchStack(home, directory, onEvent);
  });
}

/** Whoever uses a stack of another process leaves a file with its process id, and the owner waits for it. */
async function joinStack(home: string, running: DevelopmentStack): Promise<Stack> {
  const user = join(home, 'users', String(process.pid));
  await mkdir(join(home, 'users'), { recursive: true });
  await writeFile(user, startOf(process.pid) ?? '');
  const { address, namespace, ui } = running;
  return {
    address,
    namespace,
    ui,
    owned: false,
    pids: () => ({}),
    ready: Promise.resolve(),
    stop: () => unlink(user).catch(() => undefined),
  };
}

async function launchStack(home: string, directory: string, onEvent: (event: ProcessEvent) => void): Promise<Stack> {
  const supervisor = createSupervisor(onEvent);
  const started: Supervised[] = [];
  const start = (program: Program): Supervised => {
    const supervised = supervisor.start(program);
    started.push(supervised);
    return supervised;
  };
  try {
    const configured = isConfigured();
    const file = join(home, 'stack.json');
    const ports = await choosePorts(file);
    const target = configured
      ? findTarget()
      : { address: `127.0.0.1:${ports.temporal}`, namespace: NAMESPACE, ui: `http://127.0.0.1:${ports.ui}` };
    const server = configured ? null : start(temporalServer(home, ports));
    const { address, namespace, ui } = target;
    // A team has its workers at the server that it shares with others; this one is its owner's alone.
    const own = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, LONGHAUL_TEAM: '' };
    const environment = configured ? process.env : { ...process.env, ...own };
    const workers = WORKERS.map((name) => start(worker(name, directory, home, environment)));
    if (server) await untilServing(address, namespace, server.ready);
    await writeStack(file, { pid: process.pid, started: startOf(process.pid), address, namespace, ui, ports });
    // A foreign server gets its search attributes from the control worker.
    if (configured) await workers[0]?.ready;
    const clusters = serveClusters(home, (cluster) =>
      start(clusterWorker(cluster, worker('training', directory, home, environment), home)),
    );
    const stop: Stack['stop'] = async ({ between, onWait } = {}) => {
      await otherUsersGone(home, onWait);
      await Promise.all([clusters.stop(), ...workers.map((one) => one.stop())]);
      await between?.();
      await server?.stop();
      await writeStack(file, { pid: 0, started: null, address, namespace, ui, ports });
      supervisor.close();
    };
    const ready = Promise.all(workers.map((one) => one.ready)).then(() => undefined);
    ready.catch(() => undefined);
    return {
      address,
      namespace,
      ui,
      owned: true,
      pids: () => Object.fromEntries(started.map((one) => [one.name, one.pid()])),
      ready,
      stop,
    };
  } catch (error) {
    await Promise.all(started.map((one) => one.stop()));
    supervisor.close();
    throw error;
  }
}

function worker(name: (typeof WORKERS)[number], directory: string, home: string, environment: NodeJS.ProcessEnv): Program {
  const common = { name, cwd: directory, log: join(home, 'logs', `${name}.log`) };
  if (name === 'sampler') {
    const env = { ...environment, PYTHONPATH: join(ROOT, 'python'), PYTHONUNBUFFERED: '1' };
    return {
      ...common,
      command: process.env.LONGHAUL_PYTHON ?? 'python3',
      // The project's `optuna.py` is none of the sampler's.
      args: ['-P', '-m', 'longhaul_sampler'],
      env,
      ready: (line) => line.includes('ready on'),
    };
  }
  return {
    ...common,
    command: process.execPath,
    args: [join(ROOT, 'workers', `${name}${extname(import.meta.filename)}`)],
    env: { ...environment, ...metricsPort(name, environment.LONGHAUL_METRICS_PORT) },
    ready: (line) => line.startsWith('{"ready":true'),
  };
}

function clusterWorker(cluster: string, training: Program, home: string): Program {
  const name = `training-${cluster}`;
  // Metrics have a port for each of the others.
  const { LONGHAUL_METRICS_PORT: _port, ...env } = training.env;
  return { ...training, name, log: join(home, 'logs', `${name}.log`), env: { ...env, LONGHAUL_CLUSTER: cluster } };
}

/** One port for each worker, counted from the one that is asked for. */
function metricsPort(name: (typeof WORKERS)[number], first: string | undefined): Record<string, string> {
  return first === undefined || first === '' ? {} : { LONGHAUL_METRICS_PORT: String(Number(first) + WORKERS.indexOf(name)) };
}

async function choosePorts(file: string): Promise<ServerPorts> {
  const before = await portsOf(file);
  const temporal = await freePort(before?.temporal);
  return { temporal, ui: await freePort(before?.ui) };
}

/** A file that was cut off remembers none. */
async function portsOf(file: string): Promise<Partial<ServerPorts> | undefined> {
  try {
    return (JSON.parse(await readFile(file, 'utf8')) as Partial<StackFile> | null)?.ports;
  } catch {
    return undefined;
  }
}

async function writeStack(file: string, stack: StackFile): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  // Nobody's word but the user's own: src/client/address.ts.
  await writeFile(temporary, `${JSON.stringify(stack, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, file);
}

async function otherUsersGone(home: string, onWait: ((users: number) => void) | undefined): Promise<void> {
  const users = join(home, 'users');
  let told = false;
  for (;;) {
    const names = existsSync(users) ? await readdir(users) : [];
    const alive = names.filter((pid) => Number(pid) !== process.pid && isProcess(Number(pid), startIn(join(users, pid))));
    await Promise.all(names.filter((pid) => !alive.includes(pid)).map((pid) => unlink(join(users, pid)).catch(() => undefined)));
    if (alive.length === 0) return;
    if (!told) onWait?.(alive.length);
    told = true;
    await sleep(GRACES.stackUsersLookMs);
  }
}

function startIn(file: string): string | null {
  try {
    return readFileSync(file, 'utf8') || null;
  } catch {
    return null;
  }
}
