/**
 * GoogleSQL of the kind that feature engineering needs, on the embedded warehouse and on BigQuery's emulator: the same rows, or the
 * embedded one refuses the statement. The emulator is no judge of its own: where GoogleSQL's documentation gives the answer, it is here too.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { openDuckdbWarehouse } from '../../../src/adapters/duckdb/index.ts';
import { AdapterError } from '../../../src/contract/errors.ts';
import type { Json } from '../../../src/contract/values.ts';
import type { JobContext, Statement, Warehouse } from '../../../src/ports/warehouse.ts';
import { openGoogle } from '../../support/google.ts';
import type { Google } from '../../support/google.ts';
import { SALES, STATEMENTS } from './sales.ts';
import { KNOWN } from './statements.ts';

/** What the emulator does otherwise than GoogleSQL's documentation says. */
const EMULATOR_ERRS = new Set(['PIVOT', 'CONCAT writes what is no text as CAST does', 'CONCAT of columns, whatever their type']);

describe('GoogleSQL on both warehouses', () => {
  let google: Google;
  let folder: string;
  let bigquery: Warehouse;
  let duckdb: Warehouse;

  beforeAll(async () => {
    google = await openGoogle();
    bigquery = await google.connect();
    folder = await mkdtemp(join(tmpdir(), 'longhaul-googlesql-'));
    const store = await openDirectoryStore({ kind: 'directory', path: join(folder, 'store') });
    duckdb = await openDuckdbWarehouse({ kind: 'duckdb', path: join(folder, 'warehouse'), threads: 2, memoryLimitMb: 1024 }, { store });
    for (const warehouse of [bigquery, duckdb])
      await warehouse.query({ ...statement(SALES), jobId: 'sales', destination: 'main.sales', clustering: [], labels: {} }, context);
  });
  afterAll(async () => {
    await duckdb.close();
    await google.close();
    await rm(folder, { recursive: true, force: true });
  });

  const context: JobContext = { signal: new AbortController().signal, progress: () => undefined };
  const statement = (sql: string): Statement => ({
    sql,
    sqlFile: 'sql/test.sql',
    parameters: {},
    tables: sql.includes('{s}') ? { s: 'main.sales' } : {},
    sources: {},
  });
  /** Sums of floats may differ in their last bits. */
  const rounded = (value: Json): Json => {
    if (typeof value === 'number') return Number(value.toPrecision(12));
    if (Array.isArray(value)) return value.map(rounded);
    return typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, rounded(each)]))
      : value;
  };
  const answer = async (warehouse: Warehouse, sql: string): Promise<Json> =>
    rounded((await warehouse.rows(statement(sql), context)) as Json);

  it.each(KNOWN.filter(({ name }) => !EMULATOR_ERRS.has(name)))('gives the known rows on the emulator: $name', async ({ sql, rows }) => {
    expect(await answer(bigquery, sql)).toEqual(rounded(rows as Json));
  });

  it.each(KNOWN.filter(({ name }) => EMULATOR_ERRS.has(name)))('is still wrong on the emulator: $name', async ({ sql, rows }) => {
    expect(await answer(bigquery, sql)).not.toEqual(rounded(rows as Json));
  });

  it('is more than sixty statements', () => expect(STATEMENTS.length).toBeGreaterThan(60));

  it.each(STATEMENTS.map(([what, sql, rows]) => ({ what, sql, rows })))('$what', async ({ sql, rows }) => {
    const embedded = await answer(duckdb, sql).catch((error: unknown) => {
      // Refused with the place, never answered otherwise.
      expect(error).toBeInstanceOf(AdapterError);
      expect(error).toMatchObject({ type: 'InvalidQuery', message: expect.stringMatching(/^sql\/test\.sql:\d+:\d+/) as string });
      return null;
    });
    if (rows) expect(embedded ?? rows).toEqual(rows);
    const emulated = await answer(bigquery, sql);
    if (rows) expect(emulated).toEqual(rows);
    if (embedded !== null) expect(embedded).toEqual(emulated);
  });
});
