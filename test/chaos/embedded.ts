/** DuckDB and a directory on a disk of their own, and processes of this machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerTable } from '../../src/contract/ledger.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { OpenPorts } from '../../src/adapters/open.ts';
import type { Ground, Row } from './ground.ts';
import { signal } from './processes.ts';

const TRAINER = join(import.meta.dirname, '..', '..', 'examples', 'custom-trainer', 'train.py');
const DISK_MB = 96;
const FULL_MS = 1500;

export function openEmbedded(folder: string): Ground {
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const hasOwnDisk = mountDisk(disk);
  const profile = Profile.parse({
    warehouse: { kind: 'duckdb', path: join(disk, 'warehouse') },
    storage: { kind: 'directory', path: join(disk, 'store') },
    compute: { kind: 'process', path: join(folder, 'jobs') },
    pools: [{ name: 'spot', spot: true, pricePerHour: 1, onDemandPricePerHour: 3 }],
  });
  const signalTrainers = async (ports: OpenPorts, run: string, name: NodeJS.Signals): Promise<void> => {
    const jobs = await (await ports.compute(profile)).list({ run });
    for (const pid of trainersOf(jobs, folder)) signal(pid, name);
  };
  return {
    profile,
    set: [`params.trainer=${TRAINER}`],
    mark: folder,
    inflict: ({ kind, ms }, run, ports) => {
      if (kind === 'kill-trainer') return signalTrainers(ports, run, 'SIGKILL');
      if (kind === 'preempt-trainer') return signalTrainers(ports, run, 'SIGTERM');
      if (kind === 'full-disk') return hasOwnDisk ? fillDisk(disk, ms) : Promise.resolve();
      return null;
    },
    rows: (table, run) => Promise.resolve(rowsOnDisk(disk, table, run)),
    requests: () => ({}),
    leftovers: () => Promise.resolve(leftoversOn(disk)),
    close: () => {
      if (hasOwnDisk) execFileSync('umount', ['-l', disk]);
      return Promise.resolve();
    },
  };
}

/** A file system of its own, so that filling it harms nobody else. False where this user may not mount: no full disks. */
export function mountDisk(path: string, megabytes = DISK_MB): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'longhaul-chaos', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** To the last block. @returns what makes room again */
export function fillUp(disk: string): () => void {
  const ballast = join(disk, 'ballast');
  try {
    execFileSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64k'], { stdio: 'ignore' });
  } catch {
    // dd ends with an error when the disk is full: that is what it was to do.
  }
  return () => {
    rmSync(ballast, { force: true });
  };
}

/** Fills the disk for a while. */
async function fillDisk(disk: string, ms = FULL_MS): Promise<void> {
  const makeRoom = fillUp(disk);
  await delay(ms);
  makeRoom();
}

/** Process groups of the Jobs that have begun and not ended. */
export function trainersOf(jobs: readonly { readonly name: string; readonly phase: string }[], folder: string): number[] {
  return jobs
    .filter(({ phase }) => phase === 'running')
    .flatMap(({ name }) => {
      const file = join(folder, 'jobs', name, 'started.json');
      return existsSync(file) ? [(JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid] : [];
    });
}

export function rowsOnDisk(disk: string, table: LedgerTable, run: string): Row[] {
  const folder = join(disk, 'warehouse', 'ledger', table, run);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  return files.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Row),
  );
}

/** Files that were to be renamed or removed, of writers that died. */
export function leftoversOn(disk: string): string[] {
  const temporary = /(^|\/)(\.[^/]*\.tmp|\.new-[^/]*|tmp\/.+)$/;
  return readdirSync(disk, { recursive: true, encoding: 'utf8' })
    .filter((path) => temporary.test(path))
    .map((path) => `left behind: ${path}`);
}
