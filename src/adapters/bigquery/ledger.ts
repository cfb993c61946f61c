import { AdapterError } from '../../contract/errors.ts';
import { LEDGER } from '../../contract/ledger.ts';
import type { ColumnType, LedgerRow, LedgerTable } from '../../contract/ledger.ts';
import { faultOf } from '../google/faults.ts';
import { withRetries } from '../google/retry.ts';
import type { Json } from '../../contract/values.ts';
import type { Connection } from './client.ts';
import { NO_CONTEXT, runJob } from './jobs.ts';
import type { JobRequest } from './jobs.ts';
import { LedgerLoads } from './ledger-loads.ts';
import { identifier, quoted } from './names.ts';
import { Outbox } from './outbox.ts';
import { guard, readRows } from './queries.ts';
import type { Field } from './tables.ts';
import { ensureDataset, fieldsOf, getTable, tableOf } from './tables.ts';
import { uploadJob } from './upload.ts';
import { ensureViews } from './views.ts';
import { WAITS } from '../../rules/durations.ts';

type Equality = readonly [column: string, value: string | number | boolean];
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

interface Table {
  readonly outbox: Outbox;
  readonly loads: LedgerLoads;
}

/** The ledger as tables of the profile's data set: rows are loaded (free of charge), reading merges them by key and adds those that wait for it. */
export class LedgerTables {
  readonly #connection: Connection;
  readonly #intervalMs: number;
  readonly #ready = new Map<LedgerTable, Promise<void>>();
  readonly #tables = new Map<LedgerTable, Table>();

  constructor(connection: Connection, intervalMs = WAITS.ledgerLoadMs) {
    this.#connection = connection;
    this.#intervalMs = intervalMs;
  }

  async append(table: LedgerTable, rows: readonly LedgerRow[], key: string): Promise<void> {
    if (rows.length === 0) return;
    const columns: Readonly<Record<string, ColumnType>> = LEDGER[table].columns;
    const foreign = rows.flatMap((row) => Object.keys(row)).find((column) => !(column in columns));
    if (foreign !== undefined)
      throw new AdapterError('InvalidInput', `ledger ${table}: no column ${foreign}; expected ${Object.keys(columns).join(', ')}`);
    await guard(() => this.#ensure(table));
    const appendedAt = new Date().toISOString();
    const lines = rows.map((row) => `${JSON.stringify({ ...loadable(columns, row), [APPENDED_AT]: appendedAt })}\n`).join('');
    const { outbox, loads } = this.#table(table);
    await outbox.put(key, lines);
    await loads.appended();
  }

  /** Loads what this process has appended. */
  async close(): Promise<void> {
    await Promise.all([...this.#tables.values()].map(({ loads }) => loads.close()));
  }

  #table(table: LedgerTable): Table {
    const known = this.#tables.get(table);
    if (known) return known;
    const { store, config } = this.#connection;
    const outbox = new Outbox(store, `${store.root}/ledger/${config.dataset}/${table}`);
    const load = (id: string, lines: string): Promise<void> => this.#load(table, `longhaul-ledger-${table}-${id}`, lines);
    const made = { outbox, loads: new LedgerLoads(outbox, load, this.#intervalMs) };
    this.#tables.set(table, made);
    return made;
  }

  /** A load job of a deterministic id; one that is there has the rows already. */
  async #load(table: LedgerTable, id: string, lines: string): Promise<void> {
    const { project, dataset } = this.#connection.config;
    const load = {
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      schema: { fields: columnsOf(table) },
      writeDisposition: 'WRITE_APPEND',
      createDisposition: 'CREATE_NEVER',
      destinationTable: { projectId: project, datasetId: dataset, tableId: table },
    };
    const start: JobRequest['start'] = (jobId, configuration) => uploadJob(this.#connection, jobId, configuration, lines);
    await guard(() => runJob(this.#connection, { id, configuration: { load }, start }, NO_CONTEXT));
  }

  async rows(table: LedgerTable, where: Filter = {}, since?: number): Promise<LedgerRow[]> {
    await guard(() => this.#ensure(table));
    const columns: Readonly<Record<string, ColumnType>> = LEDGER[table].columns;
    const key: readonly string[] = LEDGER[table].key;
    const filters = Object.entries(where).filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined);
    // Rows of other runs cannot replace those of this one where the run is part of the key: less to read.
    const before = filters.filter(([column]) => column === 'run' && key.includes('run'));
    // Before the table: what is loaded meanwhile is seen twice, not never.
    const waiting = (await this.#table(table).outbox.waiting())
      .flatMap((lines) => lines.split('\n').flatMap((line) => (line === '' ? [] : [readBack(columns, line)])))
      .filter(({ row }) => before.every(([column, value]) => row[column] === value));
    const loaded = await this.#loaded(table, before, waiting.length === 0 ? filters : [], since);
    if (waiting.length === 0) return loaded.map(({ row }) => row as unknown as LedgerRow);
    return merged([...loaded, ...waiting], key).filter(
      (row) =>
        filters.every(([column, value]) => row[column] === value) && (since === undefined || Date.parse(row['time'] as string) >= since),
    ) as unknown as LedgerRow[];
  }

  async #loaded(table: LedgerTable, before: readonly Equality[], after: readonly Equality[], since?: number): Promise<Found[]> {
    const { config } = this.#connection;
    const columns: Readonly<Record<string, ColumnType>> = LEDGER[table].columns;
    const test = ([column]: Equality): string => `${identifier(column)} = @${column}`;
    const select = Object.entries(columns).map(([name, type]) =>
      type === 'JSON' ? `TO_JSON_STRING(${identifier(name)}) AS ${identifier(name)}` : identifier(name),
    );
    const clause = (word: string, tests: readonly string[]): string => (tests.length === 0 ? '' : `\n${word} ${tests.join(' AND ')}`);
    const recent = since === undefined ? [] : ['`time` >= @since'];
    const sql = `SELECT ${[...select, APPENDED_AT].join(', ')} FROM (
SELECT * FROM ${quoted({ project: config.project, dataset: config.dataset, table })}${clause('WHERE', before.map(test))}
QUALIFY ROW_NUMBER() OVER (PARTITION BY ${LEDGER[table].key.map(identifier).join(', ')} ORDER BY \`time\` DESC, ${APPENDED_AT} DESC) = 1
)${clause('WHERE', [...after.map(test), ...recent])}
ORDER BY \`time\``;
    const equal = [...before, ...after].map(([column, value]) => [column, { type: columns[column] ?? 'STRING', value }] as const);
    const parameters = Object.fromEntries(
      since === undefined ? equal : [...equal, ['since', { type: 'TIMESTAMP' as const, value: new Date(since).toISOString() }] as const],
    );
    const statement = { sql, sqlFile: `ledger ${table}`, parameters, tables: {}, sources: {} };
    return (await readRows(this.#connection, statement, NO_CONTEXT, Infinity)).map(({ [APPENDED_AT]: appendedAt, ...row }) => ({
      row,
      appendedAt: appendedAt as string,
    }));
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

interface Found {
  readonly row: Readonly<Record<string, Json>>;
  readonly appendedAt: string;
}

/** One row for each key: the last by time, of those the last that was appended. */
function merged(found: readonly Found[], key: readonly string[]): Found['row'][] {
  const inOrder = found
    .map(({ row, appendedAt }) => ({ row, at: [Date.parse(row['time'] as string), Date.parse(appendedAt)] as const }))
    .sort((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1]);
  const last = new Map<string, Found['row']>();
  for (const { row } of inOrder) {
    const of = JSON.stringify(key.map((column) => row[column] ?? null));
    last.delete(of);
    last.set(of, row);
  }
  return [...last.values()];
}

/** A line of the outbox as a query would give it. */
function readBack(columns: Readonly<Record<string, ColumnType>>, line: string): Found {
  const parsed = JSON.parse(line) as Record<string, Json>;
  const value = (name: string, type: ColumnType): Json => {
    const given = parsed[name] ?? null;
    return type === 'JSON' && given !== null ? JSON.stringify(given) : given;
  };
  return {
    row: Object.fromEntries(Object.entries(columns).map(([name, type]) => [name, value(name, type)])),
    appendedAt: parsed[APPENDED_AT] as string,
  };
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
