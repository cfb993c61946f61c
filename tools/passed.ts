/** What passed a check before, by what was read for it: kept outside of the checkout, for one that is new is mostly as another was. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { cacheDirectory } from '../bin/setup-tools.mjs';

/** Enough for some hundred states of the whole, or for each file of several checkouts. */
const MOST = 20_000;
const HOME = join(cacheDirectory(), 'checks');

const digest = (...parts: readonly (string | Buffer)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}\n`).update(part);
  return hash.digest('hex');
};

/** Digest of each file that `patterns` of Git match, also of those that are not committed yet; null outside of a Git repository. */
export async function digestsOf(patterns: readonly string[]): Promise<ReadonlyMap<string, string> | null> {
  let listed: string;
  try {
    const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate', '--', ...patterns];
    listed = execFileSync('git', list, { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return null;
  }
  const found = await Promise.all(
    listed
      .split('\0')
      .filter((file) => file !== '')
      .sort()
      .map(async (file) => [file, await readFile(file).catch(() => null)] as const),
  );
  return new Map(found.flatMap(([file, data]) => (data ? [[file, digest(file, data)]] : [])));
}

export const digestOfAll = (files: ReadonlyMap<string, string>): string => digest(...files.values());

export class Passed {
  readonly #file: string;
  readonly #how: string;
  #known: readonly string[] = [];

  /** @param how all that the outcome depends on besides the files: the command with its options, the versions of the tools. */
  private constructor(name: string, how: string) {
    this.#file = join(HOME, `${name.replace(/\W+/g, '-')}.json`);
    this.#how = how;
  }

  static async open(name: string, how: readonly string[]): Promise<Passed> {
    const passed = new Passed(name, digest(...how));
    passed.#known = await passed.#read();
    return passed;
  }

  async #read(): Promise<readonly string[]> {
    try {
      return JSON.parse(await readFile(this.#file, 'utf8')) as string[];
    } catch {
      return [];
    }
  }

  has(found: string): boolean {
    return this.#known.includes(digest(this.#how, found));
  }

  /** Those that do not pass for sure. */
  without(files: ReadonlyMap<string, string>): readonly string[] {
    const known = new Set(this.#known);
    return [...files].filter(([, found]) => !known.has(digest(this.#how, found))).map(([file]) => file);
  }

  async add(found: Iterable<string>): Promise<void> {
    const added = [...found].map((each) => digest(this.#how, each));
    const all = [...new Set([...added, ...(await this.#read())])].slice(0, MOST);
    await replace(this.#file, (path) => writeFile(path, JSON.stringify(all)));
  }
}

/** What a tool found out about each file, for a checkout that has nothing of it yet. */
export async function takeOver(kept: string): Promise<void> {
  await cp(join(HOME, kept), resolve(kept), { recursive: true, force: false, preserveTimestamps: true }).catch(() => undefined);
}

/** Not while a database of it is being written, as by a process of the tool that ends after it; and what cannot be kept is found out again. */
export async function keep(kept: string): Promise<void> {
  if (await isBeingWritten(resolve(kept))) return;
  await replace(join(HOME, kept), (path) => cp(resolve(kept), path, { recursive: true, preserveTimestamps: true })).catch(() => undefined);
}

const isBeingWritten = async (folder: string): Promise<boolean> =>
  (await readdir(folder, { recursive: true }).catch(() => [])).some((file) => /-(wal|journal)$/.test(file));

/** As a whole, since others may read it or write it now. */
async function replace(path: string, write: (path: string) => Promise<unknown>): Promise<void> {
  const made = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await write(made);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
  try {
    await rename(made, path);
  } catch {
    // A folder that is there is not replaced at once; whoever finds none begins anew.
    await rm(path, { recursive: true, force: true });
    await rename(made, path).catch(() => rm(made, { recursive: true, force: true }));
  }
}
