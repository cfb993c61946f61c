import { writeFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdapterError } from '../../contract/errors.ts';
import { LEDGER } from '../../contract/ledger.ts';
import type { ColumnType, LedgerRow, LedgerTable } from '../../contract/ledger.ts';
import { uniqueName } from '../temporaries.ts';
import { faultOf } from '../google/faults.ts';
import { withRetries } from '../google/retry.ts';
import type { Connection } from './client.ts';
import { QUIET, runJob } from './jobs.ts';
import type { JobResource } from './jobs.ts';
import { digest, identifier, quoted } from './names.ts';
import { guard, readRows } from './queries.ts';
import type { Field } from './tables.ts';
import { ensureDataset, fieldsOf, getTable, tableOf } from './tables.ts';
import { ensureViews } from './views.ts';

type Filter = Readonly<Partial<Record<string, string | number | boolean>>>;

/** Decides between rows of one key and time. */
const APPENDED_AT = 'appended_at';
const API_TYPES: Readonly<Record<ColumnType, string>> = {
  STRING: 'STRING',
  INT64: 'INTEGER',
  FLOAT64: 'FLOAT',
  BOOL: 'BOOLEAN',
  TIMESTAMP: 'TIMESTAMP',
  JSON: 'JSON',
};

/** The ledger as tables of the profile's data set: rows are loaded (free of charge), reading merges them by key. */
export class LedgerTables {
  readonly #connection: Connection;
  readonly #ready = new Map<LedgerTable, Promise<void>>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async append(table: LedgerTable, rows: readonly LedgerRow[], key: string): Promise<void> {
    if (rows.length === 0) return;
    const columns: Readonly<Record<string, ColumnType>> = LEDGER[table].columns;
    const foreign = rows.flatMap((row) => Object.keys(row)).find((column) => !(column in columns));
    if (foreign !== undefined)
      throw new AdapterError('InvalidInput', `ledger ${table}: no column ${foreign}; expected ${Object.keys(columns).join(', ')}`);
    await guard(() => this.#ensure(table));
    const file = join(tmpdir(), `longhaul-ledger-${uniqueName('.jsonl')}`);
    const appendedAt = new Date().toISOString();
    try {
      await writeFile(file, rows.map((row) => `${JSON.stringify({ ...loadable(columns, row), [APPENDED_AT]: appendedAt })}\n`).join(''));
      await guard(() => this.#load(table, file, `longhaul-ledger-${table}-${digest(`${this.#connection.config.dataset} ${key}`)}`));
    } finally {
      await rm(file, { force: true });
    }
  }

  /** A load job of a deterministic id; one that is there has the rows already. */
  async #load(table: LedgerTable, file: string, id: string): Promise<void> {
    const { bigquery, config } = this.#connection;
    const options = {
      location: config.location,
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      schema: { fields: columnsOf(table) },
      writeDisposition: 'WRITE_APPEND',
      createDisposition: 'CREATE_NEVER',
    };
    const target = bigquery.dataset(config.dataset).table(table);
    const start = async (jobId: string): Promise<JobResource> => (await target.createLoadJob(file, { ...options, jobId }))[1];
    await runJob(this.#connection, { id, configuration: {}, start }, QUIET);
  }

  async rows(table: LedgerTable, where: Filter = {}): Promise<LedgerRow[]> {
    await guard(() => this.#ensure(table));
    const { config } = this.#connection;
    const columns: Readonly<Record<string, ColumnType>> = LEDGER[table].columns;
    const key: readonly string[] = LEDGER[table].key;
    const filters = Object.entries(where).filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined);
    const test = ([column]: readonly [string, unknown]): string => `${identifier(column)} = @${column}`;
    // Rows of other runs cannot replace those of this one where the run is part of the key: less to read.
    const before = filters.filter(([column]) => column === 'run' && key.includes('run'));
    const select = Object.entries(columns).map(([name, type]) =>
      type === 'JSON' ? `TO_JSON_STRING(${identifier(name)}) AS ${identifier(name)}` : identifier(name),
    );
    const clause = (word: string, tests: readonly string[]): string => (tests.length === 0 ? '' : `\n${word} ${tests.join(' AND ')}`);
    const sql = `SELECT ${select.join(', ')} FROM (
SELECT * FROM ${quoted({ project: config.project, dataset: config.dataset, table })}${clause('WHERE', before.map(test))}
QUALIFY ROW_NUMBER() OVER (PARTITION BY ${key.map(identifier).join(', ')} ORDER BY \`time\` DESC, ${APPENDED_AT} DESC) = 1
)${clause('WHERE', filters.map(test))}
ORDER BY \`time\``;
    const parameters = Object.fromEntries(filters.map(([column, value]) => [column, { type: columns[column] ?? 'STRING', value }]));
    const rows = await readRows(
      this.#connection,
      { sql, sqlFile: `ledger ${table}`, parameters, tables: {}, sources: {} },
      QUIET,
      Infinity,
    );
    return rows as unknown as LedgerRow[];
  }

  /** Creates the table, or adds the columns that a newer version of Longhaul has. Once a process. */
  #ensure(table: LedgerTable): Promise<void> {
    const known = this.#ready.get(table);
    if (known) return known;
    const ensuring = ensureTable(this.#connection, table);
    this.#ready.set(table, ensuring);
    ensuring.catch(() => this.#ready.delete(table));
    return ensuring;
  }
}

async function ensureTable(connection: Connection, table: LedgerTable): Promise<void> {
  const { bigquery, config } = connection;
  await ensureDataset(connection, config.dataset);
  const ref = { project: config.project, dataset: config.dataset, table };
  const found = await getTable(connection, ref);
  const wanted = columnsOf(table);
  if (!found) {
    try {
      await withRetries(() =>
        bigquery.dataset(config.dataset).createTable(table, {
          description: `Longhaul's ledger: ${table}. Rows of equal ${LEDGER[table].key.join(', ')} are one fact; the last by time counts.`,
          schema: { fields: wanted },
          clustering: { fields: LEDGER[table].key.slice(0, 4) },
        }),
      );
    } catch (error) {
      if (faultOf(error).status !== 409) throw error;
    }
  } else {
    const fields = fieldsOf(found);
    const missing = wanted.filter((field) => !fields.some((each) => each.name === field.name));
    if (missing.length > 0) await withRetries(() => tableOf(connection, ref).setMetadata({ schema: { fields: [...fields, ...missing] } }));
  }
  await ensureViews(connection, table);
}

function columnsOf(table: LedgerTable): Field[] {
  const columns = Object.entries({ ...LEDGER[table].columns, [APPENDED_AT]: 'TIMESTAMP' } as Record<string, ColumnType>);
  return columns.map(([name, type]) => ({ name, type: API_TYPES[type], mode: 'NULLABLE' }));
}

/** JSON columns are loaded as JSON, not as texts of it. */
function loadable(columns: Readonly<Record<string, ColumnType>>, row: LedgerRow): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      columns[name] === 'JSON' && typeof value === 'string' ? (JSON.parse(value) as unknown) : value,
    ]),
  );
}
