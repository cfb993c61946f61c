import { AdapterError } from '../../contract/errors.ts';
import type { ExportManifest, ExportRequest, JobContext, TableInfo } from '../../ports/warehouse.ts';
import { bucketsOf, bySession, requireSession, startsWithSession } from '../google-sql/buckets.ts';
import type { Connection } from './client.ts';
import { runJob } from './jobs.ts';
import type { JobResource } from './jobs.ts';
import { digest, identifier, jobIdOf, labelsOf, literal, quoted, tableRef } from './names.ts';
import type { TableRef } from './names.ts';
import { guard, readRows } from './queries.ts';
import { countsByFile } from './file-counts.ts';
import { helperExpiration, helperTable } from './sources.ts';
import { kmsOption } from './settings.ts';
import { describe, ensureDataset, expirationOption, getTable } from './tables.ts';

const MIB = 1024 * 1024;
/** Partitions that one job may write. */
const MAX_PARTS = 4000;
/** `EXPORT DATA` writes another file after 1 GB, which could cut a session. */
const MAX_SESSION_PART_MB = 700;
const EXPORTS_AT_ONCE = 8;
const CODECS = { snappy: 'SNAPPY', zstd: 'ZSTD', gzip: 'GZIP', none: null } as const;
/** Column of the helper table: which part a row belongs to. */
const PART = 'longhaul_part';

/** One `EXPORT DATA` and what it wrote. */
interface Slice {
  readonly index: number;
  readonly select: string;
}
interface WrittenSlice {
  readonly index: number;
  /** Objects' names below the destination begin with this. */
  readonly prefix: string;
  readonly files: number;
  readonly rows: number;
}

/**
 * Writes the parts with `EXPORT DATA`, one statement for each, then the manifest. Parts are named after the job, so that those of two
 * exports can never be taken for each other; what else lies there is removed before the manifest is written.
 */
export async function exportTable(connection: Connection, request: ExportRequest, context: JobContext): Promise<ExportManifest> {
  context.signal.throwIfAborted();
  const { store } = connection;
  checkDestination(store.root, request.destination);
  const record = `${store.root}/jobs/exports/${digest(request.jobId)}.json`;
  const recorded = await store.read(record);
  const adopted = recorded && (await adopt(connection, JSON.parse(Buffer.from(recorded.data).toString('utf8')) as ExportManifest));
  if (adopted) return adopted;

  const table = await guard(() => describe(connection, request.table));
  if (!table) throw new AdapterError('InvalidInput', `export: there is no table ${request.table}`);
  const order = orderOf(request, table);
  requireSession(request, table);
  // Of the division as well: parts that an older version began to write are divided otherwise.
  const of = digest(`${table.version} by hash of ${request.session ?? 'row'}`);
  const name = `part-${digest(`${request.jobId} ${of}`).slice(0, 8)}-`;
  // What is removed of an earlier try must be exported again, whatever its jobs say.
  const again = recorded ? `-${digest(recorded.info.generation).slice(0, 6)}` : '';
  const id = `${jobIdOf(request.jobId)}-${of.slice(0, 6)}${again}`;
  const plan: Plan = { request, table, order, name, id };
  const written = await guard(() => writeParts(connection, plan, context));

  const rows = written.reduce((sum, slice) => sum + slice.rows, 0);
  if (rows !== table.rows)
    throw new AdapterError('RowCountMismatch', `export of ${request.table}: the parts have ${rows} rows, the table ${table.rows}`);
  return publish(connection, plan, written, record, context);
}

interface Plan {
  readonly request: ExportRequest;
  readonly table: TableInfo;
  readonly order: string;
  readonly name: string;
  readonly id: string;
}

async function writeParts(connection: Connection, plan: Plan, context: JobContext): Promise<WrittenSlice[]> {
  const { request } = plan;
  const count = countOf(plan);
  const from = quoted(tableRef(request.table, connection.config.project));
  if (count === 1) return [await writeSlice(connection, plan, { index: 0, select: selectOf(plan, from) }, context)];
  const helper = helperTable(connection, 'export', plan.id);
  await ensureDataset(connection, helper.dataset);
  await divideRows(connection, plan, count, helper, context);
  const slices = (await filledBuckets(connection, request, helper, context)).map((index): Slice => ({
    index,
    select: selectOf(plan, `(SELECT * EXCEPT (${PART}) FROM ${quoted(helper)} WHERE ${PART} = ${index})`),
  }));
  const written: WrittenSlice[] = [];
  const total = slices.length;
  const lane = async (): Promise<void> => {
    for (let slice = slices.shift(); slice; slice = slices.shift()) {
      written.push(await writeSlice(connection, plan, slice, context));
      context.progress({ stage: 'writing parts', done: written.length / total });
    }
  };
  await Promise.all(Array.from({ length: EXPORTS_AT_ONCE }, lane));
  return written.sort((a, b) => a.index - b.index);
}

/** By rows where they are given, else by the table's size: BigQuery tells it uncompressed, so parts come out smaller than wished. */
function countOf({ request, table }: Plan): number {
  const wished = bucketsOf(request, table, MAX_PARTS);
  if (request.session === undefined) return wished;
  return Math.min(MAX_PARTS, Math.max(wished, Math.ceil(table.bytes / (MAX_SESSION_PART_MB * MIB))));
}

/** The rows of one part in their order, sessions whole. */
function selectOf({ request, order }: Plan, from: string): string {
  if (request.session === undefined) return `SELECT * FROM ${from}${order === '' ? '' : ` ORDER BY ${order}`}`;
  const session = identifier(request.session);
  const grouped = bySession(from, session, order, startsWithSession(request));
  if (grouped === null) return `SELECT * FROM ${from} ORDER BY ${order === '' ? session : order}`;
  return `SELECT * EXCEPT (longhaul_row, longhaul_first) FROM ${grouped} ORDER BY longhaul_first, longhaul_row`;
}

/** Writes each row's part into a helper table that is partitioned by it: each statement then reads its own partition only. Nothing is sorted for it. */
async function divideRows(connection: Connection, plan: Plan, count: number, helper: TableRef, context: JobContext): Promise<void> {
  const { request } = plan;
  const from = quoted(tableRef(request.table, connection.config.project));
  // Without sessions any division does, as long as it is the same each time.
  const hashed = request.session === undefined ? 'TO_JSON_STRING(t)' : `IFNULL(CAST(t.${identifier(request.session)} AS STRING), '')`;
  const options = [expirationOption(helperExpiration()), ...kmsOption(connection.config)];
  const query = `CREATE OR REPLACE TABLE ${quoted(helper)} PARTITION BY RANGE_BUCKET(${PART}, GENERATE_ARRAY(0, ${count}, 1))
OPTIONS (${options.join(', ')}) AS
SELECT *, MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(MD5(${hashed})), 1, 15)) AS INT64), ${count}) AS ${PART} FROM ${from} AS t`;
  const configuration = { labels: labelsOf(request.labels), query: { query, useLegacySql: false } };
  context.progress({ stage: 'dividing rows' });
  // It goes by itself: another worker that exports the same may still be reading it.
  const stillThere = async (): Promise<boolean> => (await getTable(connection, helper)) !== null;
  await runJob(connection, { id: `${plan.id}-rows`, configuration, stillThere }, context);
}

/** A trainer takes an empty part for a broken one. */
async function filledBuckets(connection: Connection, request: ExportRequest, helper: TableRef, context: JobContext): Promise<number[]> {
  const rows = await readRows(
    connection,
    {
      ...{ sql: `SELECT t.${PART} AS part, COUNT(*) AS n FROM {helper} AS t GROUP BY 1 ORDER BY 1`, sqlFile: `parts of ${request.table}` },
      ...{ parameters: {}, tables: { helper: `${helper.project}.${helper.dataset}.${helper.table}` }, sources: {}, labels: request.labels },
    },
    context,
  );
  return rows.map((row) => Number(row['part']));
}

async function writeSlice(connection: Connection, plan: Plan, slice: Slice, context: JobContext): Promise<WrittenSlice> {
  const { request, name, id } = plan;
  const prefix = `${name}${String(slice.index).padStart(5, '0')}-`;
  const codec = CODECS[request.compression];
  const options = [
    `uri = ${literal(`${request.destination}/${prefix}*.parquet`)}`,
    `format = 'PARQUET'`,
    'overwrite = true',
    ...(codec === null ? [] : [`compression = '${codec}'`]),
  ];
  const query = `EXPORT DATA OPTIONS (${options.join(', ')}) AS\n${slice.select}`;
  const configuration = { labels: labelsOf(request.labels), query: { query, useLegacySql: false } };
  const { job } = await runJob(
    connection,
    { id: `${id}-${slice.index}`, configuration, stillThere: (ended) => filesAreThere(connection, request, prefix, ended) },
    context,
  );
  const { files, rows } = exportStatistics(job);
  if (request.session !== undefined && files > 1)
    throw new AdapterError(
      'InvalidInput',
      `export of ${request.table}: BigQuery wrote part ${slice.index} as ${files} files, which may cut sessions; ask for smaller parts (partSize, rowsPerPart)`,
    );
  return { index: slice.index, prefix, files, rows };
}

function exportStatistics(job: JobResource): { files: number; rows: number } {
  const { exportDataStatistics } = (job.statistics?.query ?? {}) as {
    exportDataStatistics?: { fileCount?: string | null; rowCount?: string | null };
  };
  return { files: Number(exportDataStatistics?.fileCount ?? 0), rows: Number(exportDataStatistics?.rowCount ?? 0) };
}

async function filesAreThere({ store }: Connection, request: ExportRequest, prefix: string, job: JobResource): Promise<boolean> {
  let found = 0;
  for await (const _ of store.list(`${request.destination}/${prefix}`)) found++;
  return found === exportStatistics(job).files;
}

/** Removes what belongs to no part, lists the parts and writes the manifest, which makes them count. */
async function publish(
  connection: Connection,
  plan: Plan,
  written: readonly WrittenSlice[],
  record: string,
  context: JobContext,
): Promise<ExportManifest> {
  const { request, table, name } = plan;
  const { store } = connection;
  const prefix = `${request.destination}/`;
  const manifestUri = `${prefix}manifest.json`;
  const infos = [];
  const foreign = [];
  for await (const info of store.list(prefix)) {
    const object = info.uri.slice(prefix.length);
    if (written.some((slice) => object.startsWith(slice.prefix))) infos.push(info);
    else if (info.uri !== manifestUri) foreign.push(info);
  }
  // The old manifest goes first: it never lists what is not there.
  if (foreign.length > 0) await store.remove(manifestUri);
  for (const info of foreign) await store.remove(info.uri);
  const counts = await countsByFile(connection, request.destination, name, written, context);
  const parts = infos.map((info) => {
    const object = info.uri.slice(prefix.length);
    const rows = counts.get(object);
    if (rows === undefined) throw new AdapterError('Unavailable', `export: ${info.uri} appeared while the parts were counted`);
    const slice = written.find(({ prefix: own }) => object.startsWith(own));
    const bucket = plan.request.session === undefined || !slice ? {} : { bucket: slice.index };
    return { name: object, ...bucket, rows, bytes: info.bytes, generation: info.generation, crc32c: info.crc32c };
  });
  const manifest: ExportManifest = {
    uri: manifestUri,
    table: request.table,
    tableVersion: table.version,
    rows: table.rows,
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    layout: { session: request.session ?? null, buckets: countOf(plan), orderBy: request.orderBy },
    parts,
  };
  await store.write(manifest.uri, textOf(manifest), { contentType: 'application/json' });
  await store.write(record, textOf(manifest), { contentType: 'application/json' });
  return manifest;
}

const textOf = (manifest: ExportManifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

/** The recorded manifest if all that it lists is as it was written. */
async function adopt({ store }: Connection, recorded: ExportManifest): Promise<ExportManifest | null> {
  const found = await store.read(recorded.uri);
  if (!found || Buffer.from(found.data).toString('utf8') !== textOf(recorded)) return null;
  const prefix = recorded.uri.slice(0, recorded.uri.lastIndexOf('/'));
  const infos = await Promise.all(recorded.parts.map((part) => store.stat(`${prefix}/${part.name}`)));
  return infos.every((info, i) => info?.generation === recorded.parts[i]?.generation) ? recorded : null;
}

function checkDestination(root: string, destination: string): void {
  const name = destination.startsWith(`${root}/`) ? destination.slice(root.length + 1) : '';
  if (!destination.startsWith('gs://') || name === '' || name.split('/').some((segment) => ['', '.', '..'].includes(segment)))
    throw new AdapterError('InvalidInput', `export: expected a destination below ${root}/, found ${destination}`);
  // BigQuery takes these for patterns.
  if (/[*?[\]]/.test(name)) throw new AdapterError('InvalidInput', `export: expected a destination without * ? [ ], found ${destination}`);
}

function orderOf(request: ExportRequest, table: TableInfo): string {
  return request.orderBy
    .map((text) => {
      const [, name, direction] = /^\s*([A-Za-z_][A-Za-z0-9_]*)(?:\s+(asc|desc))?\s*$/i.exec(text) ?? [];
      if (name === undefined || !table.columns.some((column) => column.name.toLowerCase() === name.toLowerCase()))
        throw new AdapterError(
          'InvalidInput',
          `export of ${table.table}: orderBy: expected columns of ${table.columns.map((column) => column.name).join(', ')}, with asc or desc, found ${JSON.stringify(text)}`,
        );
      return `${identifier(name)}${direction?.toLowerCase() === 'desc' ? ' DESC' : ''}`;
    })
    .join(', ');
}
