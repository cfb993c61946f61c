import type { TableField, TableMetadata } from '@google-cloud/bigquery';
import type { TableInfo } from '../../ports/warehouse.ts';
import { faultOf } from '../google/faults.ts';
import { withRetries } from '../google/retry.ts';
import type { Connection } from './client.ts';
import { literal, tableRef } from './names.ts';
import type { TableRef } from './names.ts';

const DAY_MS = 24 * 3600 * 1000;

export type Field = TableField;

/** The description of a table that Longhaul made tells by which job: people see it in the console, and `describe` reads it. */
export const descriptionOf = (jobId: string): string => `Made by Longhaul, job ${jobId}`;
const MADE_BY = /^Made by Longhaul, job (\S+)/;

export const tableOf = ({ bigquery }: Connection, ref: TableRef): ReturnType<ReturnType<typeof bigquery.dataset>['table']> =>
  bigquery.dataset(ref.dataset, { projectId: ref.project }).table(ref.table);

export async function getTable(connection: Connection, ref: TableRef): Promise<TableMetadata | null> {
  try {
    const answer = await withRetries(() => tableOf(connection, ref).getMetadata());
    return answer[0] as TableMetadata;
  } catch (error) {
    if (faultOf(error).status === 404) return null;
    throw error;
  }
}

export async function describe(connection: Connection, table: string): Promise<TableInfo | null> {
  const found = await getTable(connection, tableRef(table, connection.config.project));
  if (!found) return null;
  return {
    table,
    rows: Number(found.numRows ?? 0),
    bytes: Number(found.numBytes ?? 0),
    version: found.etag ?? String(found.lastModifiedTime),
    columns: fieldsOf(found).map((field) => ({ name: field.name ?? '', type: googleType(field) })),
    job: MADE_BY.exec(found.description ?? '')?.[1] ?? null,
  };
}

/** The client's type allows a schema as text, which the API never answers. */
export function fieldsOf({ schema }: TableMetadata): readonly Field[] {
  return typeof schema === 'object' && 'fields' in schema ? (schema.fields ?? []) : [];
}

/** Notes the job in the table that a script changed; those that a SELECT made have it from their creation on. */
export async function noteJob(connection: Connection, table: string, jobId: string, expirationDays?: number): Promise<void> {
  const ref = tableRef(table, connection.config.project);
  const expires = expirationDays === undefined ? {} : { expirationTime: String(Date.now() + expirationDays * DAY_MS) };
  await withRetries(() => tableOf(connection, ref).setMetadata({ description: descriptionOf(jobId), ...expires }));
}

/** For `OPTIONS` of a statement that makes a table. */
export const expirationOf = ({ expirationDays }: { readonly expirationDays?: number }): readonly string[] =>
  expirationDays === undefined ? [] : [expirationOption(Date.now() + expirationDays * DAY_MS)];

/** @param at ms since 1970 */
export const expirationOption = (at: number): string => `expiration_timestamp = TIMESTAMP ${literal(new Date(at).toISOString())}`;

/** No error for a table that is not there. */
export async function dropTable(connection: Connection, ref: TableRef): Promise<void> {
  try {
    await withRetries(() => tableOf(connection, ref).delete());
  } catch (error) {
    if (faultOf(error).status !== 404) throw error;
  }
}

/** Data sets seen to exist, one list a connection. */
const seen = new WeakMap<Connection, Set<string>>();

/** Makes a data set of the profile's own project where there is none. */
export async function ensureDataset(connection: Connection, dataset: string): Promise<void> {
  const known = seen.get(connection) ?? new Set<string>();
  seen.set(connection, known);
  if (known.has(dataset)) return;
  const { bigquery, config } = connection;
  try {
    await withRetries(() => bigquery.dataset(dataset).getMetadata());
  } catch (error) {
    if (faultOf(error).status !== 404) throw error;
    try {
      await withRetries(() =>
        bigquery.createDataset(dataset, {
          location: config.location,
          ...(config.kmsKey === undefined ? {} : { defaultEncryptionConfiguration: { kmsKeyName: config.kmsKey } }),
        }),
      );
    } catch (refused) {
      if (faultOf(refused).status !== 409) throw refused;
    }
  }
  known.add(dataset);
}

const NAMES: Readonly<Record<string, string>> = { INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL', RECORD: 'STRUCT' };

/** The API has the names of legacy SQL; these are GoogleSQL's. */
function googleType(field: Field): string {
  const name = NAMES[field.type ?? ''] ?? field.type ?? 'STRING';
  const nested = (field.fields ?? []).map((each) => `${each.name ?? ''} ${googleType(each)}`).join(', ');
  const type = name === 'STRUCT' ? `STRUCT<${nested}>` : name;
  return field.mode === 'REPEATED' ? `ARRAY<${type}>` : type;
}
