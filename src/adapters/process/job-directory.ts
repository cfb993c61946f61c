import { readFileSync, statSync } from 'node:fs';
import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobSpec } from '../../contract/jobs.ts';
import { hasCode, syncDirectory, writeDurably } from '../files.ts';
import { sweepTemporaries, uniqueName } from '../temporaries.ts';
import type { ProcessIdentity } from './identity.ts';
import { identityOf } from './identity.ts';

/** What the supervisor is to run: the spec with this machine's environment resolved. */
export interface Launch {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Variables that the supervisor takes from its own ones, by these: their values are in no file. Absent of Jobs of earlier releases. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly graceSeconds: number;
  readonly deadlineSeconds: number | null;
  /** So many processes; absent: one. */
  readonly nodes?: number;
  /** While this file exists, the Job waits; its content says why. */
  readonly gate: string;
  readonly createdAt: number;
}

/** `exit.json`, the supervisor's last word. */
export interface ExitRecord {
  readonly exitCode: number;
  readonly signal: string | null;
  readonly startedAt: number | null;
  readonly endedAt: number;
  readonly deadlineExceeded: boolean;
  readonly terminated: boolean;
  readonly outOfMemory: boolean;
  /** Of several processes each one's end, by rank. */
  readonly nodes?: readonly {
    readonly rank: number;
    readonly exitCode: number;
    readonly signal: string | null;
    readonly endedAt: number;
  }[];
}

const logName = (rank: number): string => (rank === 0 ? 'log' : `log.${rank}`);

/** Directories of Jobs that were being made or removed when their process died. */
export const sweepJobDirectories = (root: string): Promise<void> => sweepTemporaries(root, (name) => /^\.(new|gone)-/.test(name));

/** The files of one Job. The directory appears at once with its spec; after that the supervisor writes, and everybody reads. */
export class JobDirectory {
  readonly path: string;
  readonly name: string;
  readonly log: string;
  readonly #root: string;

  constructor(root: string, name: string) {
    this.#root = root;
    this.name = name;
    this.path = join(root, name);
    this.log = this.logOf(0);
  }

  logOf(rank: number): string {
    return join(this.path, logName(rank));
  }

  /** False if there is one of that name already. */
  async create(spec: JobSpec, launchIn: (workDirectory: string) => Launch): Promise<boolean> {
    await mkdir(this.#root, { recursive: true });
    const temporary = join(this.#root, `.new-${uniqueName()}`);
    await mkdir(join(temporary, 'work'), { recursive: true, mode: 0o700 });
    try {
      await writeDurably(join(temporary, 'spec.json'), canonicalJson(spec));
      await writeDurably(join(temporary, 'launch.json'), JSON.stringify(launchIn(join(this.path, 'work'))));
      for (let rank = 0; rank < (spec.nodes ?? 1); rank++) await writeFile(join(temporary, logName(rank)), '');
      // Renaming onto a directory that holds files fails: one creator wins.
      await rename(temporary, this.path);
      await syncDirectory(this.#root);
      return true;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
      throw error;
    }
  }

  async exists(): Promise<boolean> {
    return stat(this.path).then(
      () => true,
      () => false,
    );
  }

  /** Canonical JSON of the spec, which decides adoption. */
  specText(): Promise<string | null> {
    return readOrNull(join(this.path, 'spec.json'));
  }
  launch(): Promise<Launch | null> {
    return this.#read<Launch>('launch.json');
  }
  supervisor(): Promise<ProcessIdentity | null> {
    return this.#read<ProcessIdentity>('supervisor.json');
  }
  started(): Promise<(ProcessIdentity & { readonly startedAt: number }) | null> {
    return this.#read('started.json');
  }
  exit(): Promise<ExitRecord | null> {
    return this.#read<ExitRecord>('exit.json');
  }

  /** Cheap enough to ask many times a second. */
  has(file: 'exit.json' | 'started.json' | 'supervisor.json' | 'spec.json'): boolean {
    return statSync(join(this.path, file), { throwIfNoEntry: false }) !== undefined;
  }

  /** Why it waits for its pool, or null if it does not. */
  gateMessage(launch: Launch): string | null {
    try {
      return readFileSync(launch.gate, 'utf8').trim() || 'the pool is closed';
    } catch {
      return null;
    }
  }

  /** So that a Job whose supervisor has not begun yet ends as well. False if the Job is gone. */
  async requestTermination(): Promise<boolean> {
    try {
      await writeFile(join(this.path, 'terminate'), '');
      return true;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    }
  }

  /** Takes the supervisor's place, so that none will ever run this Job. False if there is one. */
  async claimForNobody(): Promise<boolean> {
    const temporary = join(this.path, `.supervisor.${uniqueName()}`);
    try {
      await writeFile(temporary, JSON.stringify(identityOf(process.pid)));
      await link(temporary, join(this.path, 'supervisor.json'));
      return true;
    } catch (error) {
      if (hasCode(error, 'EEXIST', 'ENOENT')) return false;
      throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Forgets the Job: its name is free at once. */
  async remove(): Promise<void> {
    const doomed = join(this.#root, `.gone-${uniqueName()}`);
    try {
      await rename(this.path, doomed);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return;
      throw error;
    }
    await rm(doomed, { recursive: true, force: true });
  }

  async #read<T>(file: string): Promise<T | null> {
    const text = await readOrNull(join(this.path, file));
    return text === null ? null : (JSON.parse(text) as T);
  }
}

/** Names of all Jobs; directories with a dot are unfinished or doomed. */
export async function jobNames(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  return entries.flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : [])).sort();
}

/** JSON with sorted keys: equal for equal values. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
