import { AdapterError } from '../../contract/errors.ts';
import type { JobContext, Statement } from '../../ports/warehouse.ts';
import { faultOf } from '../google/faults.ts';
import { withRetries } from '../google/retry.ts';
import type { Connection } from './client.ts';
import { runJob } from './jobs.ts';
import { digest, quoted, tableRef } from './names.ts';
import type { TableRef } from './names.ts';
import { ensureDataset, tableOf } from './tables.ts';

const DAY_MS = 24 * 3600 * 1000;
/** Tables of sources and other helpers go by themselves. */
const HELPER_LIFE_MS = DAY_MS;

/** A table of Longhaul's own, e.g. one that stands for parquet files. */
export function helperTable({ config }: Connection, kind: string, of: string): TableRef {
  return { project: config.project, dataset: config.dataset, table: `longhaul_${kind}_${digest(of)}` };
}

export const helperExpiration = (): number => Date.now() + HELPER_LIFE_MS;

/** Quoted names of all tables and sources of a statement, by alias. */
export async function tablesOf(connection: Connection, statement: Statement, context: JobContext): Promise<Record<string, string>> {
  const names = Object.entries(statement.tables).map(
    ([alias, table]) => [alias, quoted(tableRef(table, connection.config.project))] as const,
  );
  const sources = await Promise.all(
    Object.entries(statement.sources).map(
      async ([alias, uri]) =>
        [alias, quoted(await sourceTable(connection, uri, `${statement.sqlFile}: sources.${alias}`, context))] as const,
    ),
  );
  return Object.fromEntries([...names, ...sources]);
}

/** An external table over one parquet file, or over the parts below a prefix. */
async function sourceTable(connection: Connection, uri: string, path: string, context: JobContext): Promise<TableRef> {
  const { uris, identity } = await filesOf(connection, uri, path);
  // Named by what lies there: files that were replaced get another table.
  const ref = helperTable(connection, 'source', `${connection.config.apiEndpoint ?? ''} ${identity}`);
  await ensureDataset(connection, ref.dataset);
  if (connection.emulator) await loadParquet(connection, ref, uris, `longhaul-${ref.table}`, context);
  else await createExternal(connection, ref, uris);
  return ref;
}

async function createExternal(connection: Connection, ref: TableRef, uris: readonly string[]): Promise<void> {
  try {
    await withRetries(() =>
      connection.bigquery.dataset(ref.dataset, { projectId: ref.project }).createTable(ref.table, {
        expirationTime: String(helperExpiration()),
        externalDataConfiguration: {
          sourceFormat: 'PARQUET',
          sourceUris: [...uris],
          autodetect: true,
          // Lists as ARRAYs, not as STRUCT<list ARRAY<STRUCT<element …>>>.
          parquetOptions: { enableListInference: true },
        },
      }),
    );
  } catch (error) {
    if (faultOf(error).status !== 409) throw error;
  }
}

/** Reads parquet files into a table, replacing what is there. Loading costs nothing. */
export async function loadParquet(
  connection: Connection,
  ref: TableRef,
  uris: readonly string[],
  jobId: string,
  context: JobContext,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const configuration = {
    labels: { ...labels },
    load: {
      sourceUris: [...uris],
      sourceFormat: 'PARQUET',
      parquetOptions: { enableListInference: true },
      writeDisposition: 'WRITE_TRUNCATE',
      destinationTable: { projectId: ref.project, datasetId: ref.dataset, tableId: ref.table },
    },
  };
  const stillThere = async (): Promise<boolean> => (await tableOf(connection, ref).exists())[0];
  await runJob(connection, { id: jobId, configuration, stillThere }, context);
}

async function filesOf(connection: Connection, uri: string, path: string): Promise<{ uris: string[]; identity: string }> {
  if (!uri.startsWith('gs://')) throw new AdapterError('InvalidInput', `${path}: BigQuery reads gs://…, found ${uri}`);
  const address = uri.replace(/\/+$/, '');
  const single = await connection.store.stat(address);
  if (single) return { uris: [address], identity: `${address}#${single.generation}` };
  const found: string[] = [];
  let pattern = `${address}/*.parquet`;
  for await (const info of connection.store.list(`${address}/`)) {
    if (!info.uri.endsWith('.parquet')) continue;
    // A pattern's asterisk goes over folders, too; parts lie directly below the prefix.
    if (info.uri.slice(address.length + 1).includes('/')) pattern = '';
    else found.push(`${info.uri}#${info.generation}`);
  }
  if (found.length === 0)
    throw new AdapterError('InvalidInput', `${path}: expected a parquet file or a prefix of parquet parts, found none at ${uri}`);
  const uris = pattern === '' ? found.map((each) => each.slice(0, each.lastIndexOf('#'))) : [pattern];
  return { uris, identity: found.join('\n') };
}
