import { link, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterError } from '../../contract/errors.ts';
import { LEDGER } from '../../contract/ledger.ts';
import type { LedgerRow, LedgerTable } from '../../contract/ledger.ts';
import { hasCode, syncDirectory, writeDurably } from '../files.ts';
import { uniqueName } from '../temporaries.ts';
import type { Layout } from './layout.ts';
import { safeName } from './layout.ts';

type Row = Readonly<Record<string, string | number | boolean | null>>;
type Filter = Readonly<Partial<Record<string, string | number | boolean>>>;

interface Append {
  readonly rows: readonly Row[];
  /** Decides between rows of the same time. */
  readonly appendedAt: number;
}

const READ_AT_ONCE = 64;
/** Rows of one append that belong to several runs. */
const MIXED = '%mixed';

/**
 * `ledger/{table}/{run}/{key}.jsonl`, a file an append: its name makes the append idempotent, and since it never changes, every process
 * reads it once. The run in the path keeps a page that shows one run from reading all of them.
 */
export class LedgerFiles {
  readonly #layout: Layout;
  readonly #read = new Map<string, Append>();

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  async append(table: LedgerTable, rows: readonly LedgerRow[], key: string): Promise<void> {
    const [first] = rows;
    if (!first) return;
    const foreign = rows.flatMap((row) => Object.keys(row)).find((column) => !(column in LEDGER[table].columns));
    if (foreign !== undefined)
      throw new AdapterError(
        'InvalidInput',
        `ledger ${table}: no column ${foreign}; expected ${Object.keys(LEDGER[table].columns).join(', ')}`,
      );
    const runs = new Set(rows.map((row) => row.run));
    const directory = join(this.#layout.ledger(table), runs.size === 1 ? safeName(first.run) : MIXED);
    await mkdir(directory, { recursive: true });
    const temporary = join(this.#layout.temporary, `ledger-${uniqueName('.jsonl')}`);
    try {
      await writeDurably(temporary, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      await link(temporary, join(directory, `${safeName(key)}.jsonl`));
      await syncDirectory(directory);
    } catch (error) {
      // The key was appended before.
      if (!hasCode(error, 'EEXIST')) throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async rows(table: LedgerTable, where: Filter = {}, since = -Infinity): Promise<LedgerRow[]> {
    const keyColumns: readonly string[] = LEDGER[table].key;
    // Only where the run is part of the key can rows of other runs not replace those of this one.
    const run = keyColumns.includes('run') && typeof where['run'] === 'string' ? where['run'] : undefined;
    const directories = run === undefined ? await namesIn(this.#layout.ledger(table)) : [safeName(run), MIXED];
    const files: string[] = [];
    for (const directory of directories) {
      const path = join(this.#layout.ledger(table), directory);
      for (const name of await namesIn(path)) if (name.endsWith('.jsonl') && !name.startsWith('.')) files.push(join(path, name));
    }
    const appends = await this.#contents(files);
    appends.sort((a, b) => a.appendedAt - b.appendedAt);
    const last = new Map<string, { row: Row; time: number }>();
    for (const row of appends.flatMap((append) => append.rows)) {
      const key = JSON.stringify(keyColumns.map((column) => row[column] ?? null));
      const time = Date.parse(String(row['time']));
      const known = last.get(key);
      if (!known || time >= known.time) last.set(key, { row, time });
    }
    const matches = (row: Row): boolean => Object.entries(where).every(([column, value]) => value === undefined || row[column] === value);
    return [...last.values()]
      .filter(({ row, time }) => time >= since && matches(row))
      .sort((a, b) => a.time - b.time)
      .map(({ row }) => complete(table, row));
  }

  async #contents(files: readonly string[]): Promise<Append[]> {
    const contents: Append[] = [];
    for (let i = 0; i < files.length; i += READ_AT_ONCE) {
      contents.push(
        ...(await Promise.all(files.slice(i, i + READ_AT_ONCE).map(async (file) => this.#read.get(file) ?? this.#readFile(file)))),
      );
    }
    return contents;
  }

  async #readFile(path: string): Promise<Append> {
    const file = await open(path, 'r');
    try {
      const { mtimeMs } = await file.stat();
      const text = await file.readFile('utf8');
      const append: Append = {
        rows: text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Row])),
        appendedAt: mtimeMs,
      };
      this.#read.set(path, append);
      return append;
    } finally {
      await file.close();
    }
  }
}

/** All columns of the table, null where the append had none. */
function complete(table: LedgerTable, row: Row): LedgerRow {
  return Object.fromEntries(Object.keys(LEDGER[table].columns).map((column) => [column, row[column] ?? null])) as LedgerRow;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
