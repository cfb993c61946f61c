/** Packs the folder or file of `code:`, without what is ignored, and refuses what would not be the same elsewhere. */
import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { sha256 } from '../../contract/canonical-json.ts';
import type { Code, Requirements } from '../../contract/code.ts';
import { isInside, type Files } from '../files.ts';
import type { Problems } from '../problems.ts';
import type { Place } from '../tree.ts';
import { archivedBytes, archiveOf, type ArchivedFile } from './archive.ts';
import { ignoreRules, isIgnored, LEFT_OUT, type IgnoreRule } from './ignore.ts';
import { requirementProblems } from './requirements.ts';

const MIB = 1024 * 1024;
const MAX_CODE_BYTES = 64 * MIB;
const LARGEST = 5;
const IGNORE_FILES = ['.gitignore', '.longhaulignore'];
const ALWAYS_OUT = ['.git', '.hg', '.svn'];

/** What a run needs in its store: by SHA-256. */
export type Ship = (sha256: string, data: Uint8Array) => void;

interface Where {
  /** Where it is written, and its path in the document. */
  readonly at: Place;
  readonly path: string;
}

interface Found {
  readonly path: string;
  readonly absolute: string;
  readonly bytes: number;
  readonly executable: boolean;
}

/** Each folder is packed once for a compilation, whoever names it. */
export class CodePacker {
  readonly #files: Files;
  readonly #problems: Problems;
  readonly #ship: Ship;
  readonly #packed = new Map<string, Promise<Code | null>>();

  constructor(files: Files, problems: Problems, ship: Ship = () => undefined) {
    this.#files = files;
    this.#problems = problems;
    this.#ship = ship;
  }

  /** null: it cannot be shipped, and why is told. */
  async code(written: string, where: Where): Promise<Code | null> {
    const wanted = resolve(where.at.folder, written);
    const found = await realpath(wanted).catch(() => null);
    const shown = JSON.stringify(written);
    if (found === null) {
      this.#problems.add(where.at, where.path, 'no such folder or file', {
        expected: `a path relative to ${this.#files.display(where.at.folder) || 'this folder'}`,
        found: shown,
      });
      return null;
    }
    if (!isInside(this.#files.root, found)) {
      this.#problems.add(where.at, where.path, 'the code lies outside of the project', {
        expected: `a folder or file under ${this.#files.root}`,
        found: shown,
        hint: 'copy it into the project, or put both into one git repository',
      });
      return null;
    }
    const packing = this.#packed.get(found) ?? this.#pack(found, where);
    this.#packed.set(found, packing);
    return packing;
  }

  /** A file, or the lines themselves. */
  async requirements(written: string | readonly string[], where: Where): Promise<Requirements | null> {
    const file = typeof written === 'string' ? await this.#files.read(written, where.at, where.path) : null;
    if (typeof written === 'string' && !file) return null;
    const text = file?.text ?? `${(written as readonly string[]).join('\n')}\n`;
    const problems = requirementProblems(text);
    for (const { line, message, ...details } of problems)
      this.#problems.add(file ? { ...file.at, line } : where.at, where.path, message, details);
    if (problems.length > 0) return null;
    const data = Buffer.from(text);
    const digest = sha256(text);
    this.#ship(digest, data);
    return { sha256: digest, from: file?.name ?? 'the pipeline' };
  }

  async #pack(found: string, where: Where): Promise<Code | null> {
    const from = relative(this.#files.root, found).split(sep).join('/') || '.';
    const info = await lstat(found);
    const listed = info.isDirectory()
      ? await this.#list(found, where)
      : [{ path: basename(found), absolute: found, bytes: info.size, executable: (info.mode & 0o100) !== 0 }];
    if (listed === null || !this.#fits(listed, from, where)) return null;
    const contents = await Promise.all(
      listed.map(async ({ path, absolute, executable }): Promise<ArchivedFile> => ({ path, data: await readFile(absolute), executable })),
    );
    const archive = archiveOf(contents);
    const digest = sha256(archive);
    this.#ship(digest, archive);
    return { sha256: digest, bytes: archive.length, files: listed.length, from };
  }

  #fits(listed: readonly Found[], from: string, { at, path }: Where): boolean {
    if (listed.length === 0) {
      this.#problems.add(at, path, 'there is nothing to ship', {
        found: `${from}: every file in it is ignored, or it is empty`,
        hint: `${IGNORE_FILES.join(' and ')} say what is left out; \`!name\` brings it back`,
      });
      return false;
    }
    const total = listed.reduce((sum, file) => sum + archivedBytes(file.path, file.bytes), 0);
    if (total <= MAX_CODE_BYTES) return true;
    const largest = [...listed].sort((a, b) => b.bytes - a.bytes).slice(0, LARGEST);
    this.#problems.add(at, path, 'the code is too large', {
      expected: `at most ${MAX_CODE_BYTES / MIB} MiB`,
      found: `${mebibytes(total)} in ${listed.length} files, the largest ${largest.map((file) => `${file.path} (${mebibytes(file.bytes)})`).join(', ')}`,
      hint: 'name what the code does not need in .longhaulignore; data belong into the store',
    });
    return false;
  }

  /** null: something in it cannot be shipped. */
  async #list(folder: string, { at, path }: Where): Promise<Found[] | null> {
    const found: Found[] = [];
    const refused: string[] = [];
    const refuse = (name: string, what: string): void => {
      refused.push(name);
      this.#problems.add(at, path, `${what} cannot be shipped`, {
        found: name,
        hint: 'put a copy of the file there, or name it in .longhaulignore',
      });
    };
    const walk = async (inside: string, above: readonly IgnoreRule[]): Promise<void> => {
      const here = join(folder, inside);
      const rules = [...above, ...(await rulesIn(here, inside))];
      for (const entry of await readdir(here, { withFileTypes: true })) {
        const name = `${inside}${entry.name}`;
        if (ALWAYS_OUT.includes(entry.name) || isIgnored(name, entry.isDirectory(), rules)) continue;
        if (entry.isDirectory()) await walk(`${name}/`, rules);
        else if (!entry.isFile()) refuse(name, entry.isSymbolicLink() ? 'a symbolic link' : 'what is no file');
        else if (name.includes('\uFFFD')) refuse(name, 'a name that is no UTF-8');
        else {
          const info = await lstat(join(here, entry.name));
          found.push({ path: name, absolute: join(here, entry.name), bytes: info.size, executable: (info.mode & 0o100) !== 0 });
        }
      }
    };
    await walk('', [...ignoreRules(LEFT_OUT), ...(await this.#rulesAbove(folder))]);
    return refused.length > 0 ? null : found;
  }

  /** Of the folders above, up to the project's: their patterns, as seen from here. */
  async #rulesAbove(folder: string): Promise<IgnoreRule[]> {
    const rules: IgnoreRule[] = [];
    for (let above = dirname(folder); isInside(this.#files.root, above) && folder !== this.#files.root; above = dirname(above)) {
      const way = `${relative(above, folder).split(sep).join('/')}/`;
      const found = await rulesIn(above, '');
      rules.unshift(...found.map((rule): IgnoreRule => ({ ...rule, matches: (path) => rule.matches(`${way}${path}`) })));
      if (above === dirname(above)) break;
    }
    return rules;
  }
}

async function rulesIn(folder: string, base: string): Promise<IgnoreRule[]> {
  const texts = await Promise.all(IGNORE_FILES.map((name) => readFile(join(folder, name), 'utf8').catch(() => '')));
  return texts.flatMap((text) => ignoreRules(text, base));
}

const mebibytes = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
