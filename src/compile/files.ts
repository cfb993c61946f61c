/**
 * Files that a pipeline refers to. They must lie inside of the project (the git work tree of the pipeline; without one the working
 * directory or the pipeline's folder), symbolic links followed: a pipeline from elsewhere shall not carry a machine's files into a run.
 */
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { fileProblem } from '../contract/file-problems.ts';
import type { Problems } from './problems.ts';
import type { Place } from './tree.ts';

const MIB = 1024 * 1024;
const MAX_FILE_BYTES = 4 * MIB;
const MAX_ALL_BYTES = 32 * MIB;

export interface SourceFile {
  /** Absolute, links followed. */
  readonly path: string;
  /** As the document names it: relative to the project. */
  readonly name: string;
  readonly text: string;
  /** Its beginning. */
  readonly at: Place;
}

export class Files {
  readonly root: string;
  readonly #cwd: string;
  readonly #problems: Problems;
  readonly #read = new Map<string, Promise<SourceFile | null>>();
  #bytes = 0;

  constructor(root: string, cwd: string, problems: Problems) {
    this.root = root;
    this.#cwd = cwd;
    this.#problems = problems;
  }

  /** null: it could not be read, and the problem is told. @param at where the path is written */
  async read(written: string, at: Place, path: string): Promise<SourceFile | null> {
    const wanted = resolve(at.folder, written);
    const shown = JSON.stringify(written);
    const found = await realpath(wanted).catch(() => null);
    if (found === null) {
      const folder = this.display(at.folder);
      this.#problems.add(at, path, 'no such file', {
        expected: at.line === undefined ? 'the path of a file' : `a path relative to ${folder === '' ? 'this folder' : folder}`,
        found: shown,
      });
      return null;
    }
    if (!isInside(this.root, found)) {
      this.#problems.add(at, path, 'the file lies outside of the project', {
        expected: `a file under ${this.root}`,
        found: shown,
        hint: 'copy it into the project, or put both into one git repository',
      });
      return null;
    }
    const before = this.#read.get(found);
    if (before) return before;
    const reading = this.#load(found, at, path, shown);
    this.#read.set(found, reading);
    return reading;
  }

  async #load(found: string, at: Place, path: string, shown: string): Promise<SourceFile | null> {
    const info = await stat(found);
    if (!info.isFile()) {
      this.#problems.add(at, path, 'not a file', { expected: 'a file', found: shown });
      return null;
    }
    this.#bytes += info.size;
    if (info.size > MAX_FILE_BYTES || this.#bytes > MAX_ALL_BYTES) {
      const limit = info.size > MAX_FILE_BYTES ? MAX_FILE_BYTES : MAX_ALL_BYTES;
      this.#problems.add(at, path, info.size > MAX_FILE_BYTES ? 'the file is too large' : 'the files of the pipeline are too large', {
        expected: `at most ${limit / MIB} MiB`,
        found: `${(info.size / MIB).toFixed(1)} MiB`,
      });
      return null;
    }
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(found));
    } catch (error) {
      this.#problems.add(
        at,
        path,
        error instanceof TypeError ? 'the file is no UTF-8 text' : `cannot read the file: ${fileProblem(error)?.message ?? String(error)}`,
        {
          found: shown,
        },
      );
      return null;
    }
    if (text.includes('\0')) {
      this.#problems.add(at, path, 'the file is no text', { found: shown });
      return null;
    }
    return { path: found, name: relative(this.root, found).split(sep).join('/'), text, at: this.place(found) };
  }

  /** The beginning of a file. */
  place(file: string): Place {
    return { file: this.display(file), folder: dirname(file) };
  }

  /** The file of a place as the document names it. */
  nameOf(at: Place): string {
    return relative(this.root, resolve(at.folder, basename(at.file)))
      .split(sep)
      .join('/');
  }

  display(path: string): string {
    const short = relative(this.#cwd, path);
    return short.startsWith(`..${sep}..${sep}..`) ? path : short.split(sep).join('/');
  }
}

export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (!isAbsolute(way) && way !== '..' && !way.startsWith(`..${sep}`));
}
