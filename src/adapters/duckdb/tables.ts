import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TableInfo } from '../../ports/warehouse.ts';
import { hasCode, syncDirectory, writeDurably } from '../files.ts';
import { replaceFile, uniqueName } from '../temporaries.ts';
import { withLock } from '../kernel-lock.ts';
import type { Layout } from './layout.ts';
import { WAITS } from '../../rules/durations.ts';

/** What a version of a table is, beside its data: `table.json`. */
interface TableVersion extends TableInfo {
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly labels: Readonly<Record<string, string>>;
}

interface NewVersion {
  readonly table: string;
  /** A finished parquet file; it is moved. */
  readonly file: string;
  readonly rows: number;
  readonly columns: TableInfo['columns'];
  readonly job: string;
  readonly expirationDays?: number;
  readonly labels: Readonly<Record<string, string>>;
}

const CURRENT = 'CURRENT';
const DATA = 'data.parquet';
const DAY_MS = 24 * 3600 * 1000;

/** Tables as directories: every version is an immutable parquet file, `CURRENT` names the one that counts. */
export class TableFiles {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  async describe(table: string): Promise<TableVersion | null> {
    const directory = this.#layout.table(table);
    // Between reading the pointer and reading what it points to, the table may be replaced or dropped: look again.
    for (let seen: string | null = null; ;) {
      const version = await readOrNull(join(directory, CURRENT));
      if (version === null || version === seen) return null;
      const text = await readOrNull(join(directory, version, 'table.json'));
      if (text !== null) {
        const found = JSON.parse(text) as TableVersion;
        const expired = found.expiresAt !== null && found.expiresAt <= Date.now();
        // Data is not synced to the disk: after a power cut it may be shorter than it was.
        return !expired && (await sizeOf(this.file(found))) === found.bytes ? found : null;
      }
      seen = version;
    }
  }

  /** The parquet file of a version. */
  file(version: TableInfo): string {
    return join(this.#layout.table(version.table), version.version, DATA);
  }

  /** Holds off every other writer of the table, e.g. from reading it to replacing it. */
  exclusively<T>(tables: readonly string[], section: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    // Always in the same order, so that two that want the same tables cannot wait for each other.
    return [...new Set(tables)]
      .sort()
      .reverse()
      .reduce((inner, table) => () => withLock(this.#layout.tableLock(table), inner, { signal }), section)();
  }

  /** Makes the file the table's current version. The caller holds the table. */
  async commit(made: NewVersion): Promise<TableInfo> {
    const directory = this.#layout.table(made.table);
    const version = `${Date.now()}-${uniqueName()}`;
    const folder = join(directory, version);
    await mkdir(folder, { recursive: true });
    await rename(made.file, join(folder, DATA));
    const { size } = await stat(join(folder, DATA));
    const info: TableInfo = { table: made.table, rows: made.rows, bytes: size, version, columns: made.columns, job: made.job };
    const createdAt = Date.now();
    const whole: TableVersion = {
      ...info,
      createdAt,
      expiresAt: made.expirationDays === undefined ? null : createdAt + made.expirationDays * DAY_MS,
      labels: made.labels,
    };
    await writeDurably(join(folder, 'table.json'), JSON.stringify(whole));
    await syncDirectory(folder);
    await replaceFile(join(directory, CURRENT), version, this.#layout.temporary);
    await syncDirectory(directory);
    await this.#removeOldVersions(directory, version);
    return info;
  }

  async drop(table: string): Promise<void> {
    const directory = this.#layout.table(table);
    const doomed = join(this.#layout.temporary, `dropped-${uniqueName()}`);
    await mkdir(this.#layout.temporary, { recursive: true });
    await this.exclusively([table], async () => {
      try {
        await rename(directory, doomed);
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    });
    await rm(doomed, { recursive: true, force: true });
  }

  async #removeOldVersions(directory: string, current: string): Promise<void> {
    for (const name of await readdir(directory)) {
      const createdAt = /^([0-9]+)-/.exec(name)?.[1];
      if (createdAt !== undefined && name !== current && Date.now() - Number(createdAt) > WAITS.oldTableVersionMs)
        await rm(join(directory, name), { recursive: true, force: true });
    }
  }
}

/** The table as callers see it. */
export function tableInfo(version: TableVersion): TableInfo {
  const { table, rows, bytes, version: name, columns, job } = version;
  return { table, rows, bytes, version: name, columns, job };
}

async function sizeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ size }) => size,
    () => null,
  );
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}
