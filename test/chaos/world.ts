/** A Temporal server behind a proxy, real workers and the embedded adapters, and the means to break each of them. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../deploy/local/ports.ts';
import { startStack, type Stack } from '../../deploy/local/stack.ts';
import { createSupervisor, type Supervised, type Supervisor } from '../../deploy/local/supervisor.ts';
import { temporalServer, untilServing } from '../../deploy/local/temporal-server.ts';
import { connect, type Longhaul } from '../../src/client/index.ts';
import { compile } from '../../src/compile/index.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import { openPorts, type OpenPorts } from '../../workers/adapters.ts';
import { startTcpFront, type TcpFront } from '../support/tcp-front.ts';
import { startWebhook } from './webhook.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PIPELINE = join(import.meta.dirname, 'pipeline', 'pipeline.yaml');
const TRAINER = join(ROOT, 'examples', 'custom-trainer', 'train.py');
const SHIFTED_CLOCK = new URL('shifted-clock.mjs', import.meta.url).href;
const DISK_MB = 96;
/** A part of the webhook's address, which must not turn up anywhere. */
export const SECRET = 'hush-7f3a91c2';
const WEBHOOK = 'LONGHAUL_CHAOS_WEBHOOK';

export interface World {
  readonly folder: string;
  readonly disk: string;
  readonly longhaul: Longhaul;
  readonly stack: Stack;
  readonly front: TcpFront;
  readonly ports: OpenPorts;
  readonly profile: Profile;
  /** False where this user may not mount: no full disks. */
  readonly hasOwnDisk: boolean;
  pid(process: string): number | null;
  /** How far the wall clock of a Node worker is off. */
  setClock(worker: string, offsetMs: number): void;
  document(salt: number): Promise<RunDocument>;
  close(): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-chaos-'));
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const hasOwnDisk = mountDisk(disk);
  const profile = profileOn(folder, disk);
  const profileFile = join(folder, 'chaos.json');
  writeFileSync(profileFile, JSON.stringify(profile));

  const supervisor = createSupervisor(() => undefined);
  const { server, front } = await startServer(folder, supervisor);
  const webhook = await startWebhook(`/${SECRET}`);
  const clocks = join(folder, 'clocks');
  mkdirSync(clocks);
  const variables = {
    TEMPORAL_ADDRESS: front.address,
    TEMPORAL_NAMESPACE: 'default',
    [WEBHOOK]: webhook.url,
    LONGHAUL_CHAOS_CLOCKS: clocks,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import ${SHIFTED_CLOCK}`,
  };
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  const stack = await startStack({ directory: folder });
  await stack.ready;
  const longhaul = await connect({ directory: folder });
  const ports = openPorts();
  return {
    folder,
    disk,
    longhaul,
    stack,
    front,
    ports,
    profile,
    hasOwnDisk,
    pid: (name) => (name === 'temporal' ? server.pid() : (stack.pids()[name] ?? null)),
    setClock: (worker, offsetMs) => writeFileSync(join(clocks, worker), String(offsetMs)),
    document: (salt) => compile(PIPELINE, { profile: profileFile, set: [`params.trainer=${TRAINER}`, `params.salt=${salt}`], cwd: folder }),
    close: async () => {
      await ports.close();
      await longhaul.close();
      await stack.stop();
      await front.close();
      await webhook.close();
      await server.stop();
      supervisor.close();
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      if (hasOwnDisk) execFileSync('umount', ['-l', disk]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const profileOn = (folder: string, disk: string): Profile =>
  Profile.parse({
    warehouse: { kind: 'duckdb', path: join(disk, 'warehouse') },
    storage: { kind: 'directory', path: join(disk, 'store') },
    compute: { kind: 'process', path: join(folder, 'jobs') },
    pools: [{ name: 'spot', spot: true, pricePerHour: 1, onDemandPricePerHour: 3 }],
    notifications: [{ on: ['finish', 'failure'], webhookEnv: WEBHOOK }],
  });

async function startServer(folder: string, supervisor: Supervisor): Promise<{ server: Supervised; front: TcpFront }> {
  const home = join(folder, 'temporal');
  mkdirSync(home);
  const ports = { temporal: await freePort(), ui: await freePort() };
  const server = supervisor.start(temporalServer(home, ports));
  await untilServing(`127.0.0.1:${ports.temporal}`, 'default', server.ready);
  return { server, front: await startTcpFront({ host: '127.0.0.1', port: ports.temporal }) };
}

/** A file system of its own, so that filling it harms nobody else. */
function mountDisk(path: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'longhaul-chaos', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Fills the disk to the last block for a while. */
export async function fillDisk(world: World, ms: number): Promise<void> {
  if (!world.hasOwnDisk) return;
  const ballast = join(world.disk, 'ballast');
  try {
    execFileSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64k'], { stdio: 'ignore' });
  } catch {
    // dd ends with an error when the disk is full: that is what it was to do.
  }
  await delay(ms);
  rmSync(ballast, { force: true });
}

/** Process groups of the Jobs of a run that have begun and not ended. */
export async function trainersOf(world: World, run: string): Promise<number[]> {
  const compute = await world.ports.compute(world.profile);
  const names = (await compute.list({ run })).filter((job) => job.phase === 'running').map((job) => job.name);
  return names.flatMap((name) => {
    const file = join(world.folder, 'jobs', name, 'started.json');
    return existsSync(file) ? [(JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid] : [];
  });
}
