import { AdapterError } from '../../contract/errors.ts';
import type { ExportManifest, ExportRequest, JobContext, TableInfo } from '../../ports/warehouse.ts';
import type { Connection } from './client.ts';
import { runJob } from './jobs.ts';
import type { JobResource } from './jobs.ts';
import { digest, identifier, jobIdOf, labelsOf, literal, quoted, tableRef } from './names.ts';
import type { TableRef } from './names.ts';
import { guard } from './queries.ts';
import { countsByFile } from './file-counts.ts';
import { helperExpiration, helperTable } from './sources.ts';
import { kmsOption } from './settings.ts';
import { describe, ensureDataset, getTable } from './tables.ts';

const MIB = 1024 * 1024;
/** Partitions that one job may write. */
const MAX_PARTS = 4000;
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
  const name = `part-${digest(`${request.jobId} ${table.version}`).slice(0, 8)}-`;
  // What is removed of an earlier try must be exported again, whatever its jobs say.
  const again = recorded ? `-${digest(recorded.info.generation).slice(0, 6)}` : '';
  const id = `${jobIdOf(request.jobId)}-${digest(table.version).slice(0, 6)}${again}`;
  const written = await guard(() => writeParts(connection, { request, table, order, name, id }, context));

  const rows = written.reduce((sum, slice) => sum + slice.rows, 0);
  if (rows !== table.rows)
    throw new AdapterError('RowCountMismatch', `export of ${request.table}: the parts have ${rows} rows, the table ${table.rows}`);
  return publish(connection, request, table, name, written, record, context);
}

interface Plan {
  readonly request: ExportRequest;
  readonly table: TableInfo;
  readonly order: string;
  readonly name: string;
  readonly id: string;
}

async function writeParts(connection: Connection, plan: Plan, context: JobContext): Promise<WrittenSlice[]> {
  const parts = partsOf(plan.request, plan.table);
  const from = quoted(tableRef(plan.request.table, connection.config.project));
  if (parts.count === 1) {
    const select = `SELECT * FROM ${from}${plan.order === '' ? '' : ` ORDER BY ${plan.order}`}`;
    return [await writeSlice(connection, plan, { index: 0, select }, context)];
  }
  const helper = helperTable(connection, 'export', plan.id);
  await ensureDataset(connection, helper.dataset);
  await numberRows(connection, plan, parts, helper, context);
  const slices = Array.from({ length: parts.count }, (_, index): Slice => {
    const select = `SELECT * EXCEPT (${PART}) FROM ${quoted(helper)} WHERE ${PART} = ${index}`;
    return { index, select: `${select}${plan.order === '' ? '' : ` ORDER BY ${plan.order}`}` };
  });
  const written: WrittenSlice[] = [];
  let done = 0;
  const lane = async (): Promise<void> => {
    for (let slice = slices.shift(); slice; slice = slices.shift()) {
      written[slice.index] = await writeSlice(connection, plan, slice, context);
      context.progress({ stage: 'writing parts', done: ++done / parts.count });
    }
  };
  await Promise.all(Array.from({ length: EXPORTS_AT_ONCE }, lane));
  return written;
}

interface Parts {
  readonly count: number;
  readonly rowsPerPart: number;
}

/** By rows where they are given, else by the table's size: BigQuery tells it uncompressed, so parts come out smaller than wished. */
function partsOf(request: ExportRequest, table: TableInfo): Parts {
  const wished = request.rowsPerPart
    ? Math.ceil(table.rows / request.rowsPerPart)
    : Math.ceil(table.bytes / Math.max(1, request.partSizeMb * MIB));
  const count = Math.max(1, Math.min(MAX_PARTS, wished, table.rows));
  const even = Math.max(1, Math.ceil(table.rows / count));
  return { count, rowsPerPart: request.rowsPerPart && wished <= MAX_PARTS ? request.rowsPerPart : even };
}

/** Numbers the rows into a helper table that is partitioned by part: each statement then reads its own partition only. */
async function numberRows(connection: Connection, plan: Plan, parts: Parts, helper: TableRef, context: JobContext): Promise<void> {
  const from = quoted(tableRef(plan.request.table, connection.config.project));
  // Any order does where none is wanted, as long as it is the same each time.
  const order = plan.order === '' ? 'FARM_FINGERPRINT(TO_JSON_STRING(t))' : plan.order;
  const expires = new Date(helperExpiration()).toISOString();
  const query = `CREATE OR REPLACE TABLE ${quoted(helper)} PARTITION BY RANGE_BUCKET(${PART}, GENERATE_ARRAY(0, ${parts.count}, 1))
OPTIONS (${[`expiration_timestamp = TIMESTAMP ${literal(expires)}`, ...kmsOption(connection.config)].join(', ')}) AS
SELECT *, DIV((ROW_NUMBER() OVER (ORDER BY ${order}) - 1), ${parts.rowsPerPart}) AS ${PART} FROM ${from} AS t`;
  const configuration = { labels: labelsOf(plan.request.labels), query: { query, useLegacySql: false } };
  context.progress({ stage: 'numbering rows' });
  // It goes by itself: another worker that exports the same may still be reading it.
  const stillThere = async (): Promise<boolean> => (await getTable(connection, helper)) !== null;
  await runJob(connection, { id: `${plan.id}-rows`, configuration, stillThere }, context);
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
  return { prefix, files, rows };
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
  request: ExportRequest,
  table: TableInfo,
  name: string,
  written: readonly WrittenSlice[],
  record: string,
  context: JobContext,
): Promise<ExportManifest> {
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
    return { name: object, rows, bytes: info.bytes, generation: info.generation, crc32c: info.crc32c };
  });
  const manifest: ExportManifest = {
    uri: manifestUri,
    table: request.table,
    tableVersion: table.version,
    rows: table.rows,
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
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
