import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathOfFileUri } from '../../contract/file-uri.ts';
import { AdapterError } from '../../contract/errors.ts';
import type { ExportManifest, ExportRequest, JobContext, PartsLayout, TableInfo } from '../../ports/warehouse.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { crc32cOfFile } from '../crc32c.ts';
import { hasCode } from '../files.ts';
import { bucketsOf, bySession, requireSession, startsWithSession } from '../google-sql/buckets.ts';
import { uniqueName } from '../temporaries.ts';
import { withLock } from '../kernel-lock.ts';
import { identifier, literal, pathLiteral } from './engine.ts';
import type { Session } from './engine.ts';
import { adapterError } from './errors.ts';
import type { Parts } from './queries.ts';
import { tableInfo } from './tables.ts';

const MIB = 1024 * 1024;
/** Parts end where a group of rows ends, so a part has about so many groups. */
const GROUPS_PER_PART = 4;
const MIN_GROUP_ROWS = 2048;
const MAX_GROUP_ROWS = 122_880;
const CODECS = { snappy: 'snappy', zstd: 'zstd', gzip: 'gzip', none: 'uncompressed' } as const;

/** Writes the parts beside the destination, then puts them in its place at once; `manifest.json` comes last. */
export async function exportTable(parts: Parts, store: ObjectStore, request: ExportRequest, context: JobContext): Promise<ExportManifest> {
  const destination = directoryOf(store, request.destination);
  const source = await parts.tables.describe(request.table);
  if (!source) throw new AdapterError('InvalidInput', `export: there is no table ${request.table}`);
  const staging = join(storeTemporaries(store), `export-${uniqueName()}`);
  await mkdir(staging, { recursive: true });
  try {
    const written = await parts.engine.session(context, async (session) => {
      try {
        return await writeParts(session, parts.tables.file(source), tableInfo(source), request, staging, context);
      } catch (error) {
        throw adapterError(error);
      }
    });
    const rows = written.reduce((sum, part) => sum + part.rows, 0);
    if (rows !== source.rows)
      throw new AdapterError('RowCountMismatch', `export of ${request.table}: the parts have ${rows} rows, the table ${source.rows}`);
    return await withLock(
      parts.layout.exportLock(request.destination),
      () => publish(store, request, tableInfo(source), staging, destination, written),
      { signal: context.signal },
    );
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** The manifest if all that it lists is as it was written. */
export async function adoptExport(store: ObjectStore, recorded: ExportManifest): Promise<ExportManifest | null> {
  const found = await store.read(recorded.uri);
  if (!found || Buffer.from(found.data).toString('utf8') !== manifestText(recorded)) return null;
  const prefix = dirname(recorded.uri);
  const infos = await Promise.all(recorded.parts.map((part) => store.stat(`${prefix}/${part.name}`)));
  return infos.every((info, i) => info?.generation === recorded.parts[i]?.generation) ? recorded : null;
}

interface WrittenPart {
  readonly name: string;
  readonly rows: number;
  readonly bucket?: number;
}

async function writeParts(
  session: Session,
  file: string,
  table: TableInfo,
  request: ExportRequest,
  staging: string,
  context: JobContext,
): Promise<WrittenPart[]> {
  const order = orderOf(request, table);
  requireSession(request, table);
  const format = `FORMAT parquet, COMPRESSION ${CODECS[request.compression]}`;
  if (request.session !== undefined)
    return writeSessions(session, file, table, { ...request, session: request.session }, order, staging, context);
  if (request.rowsPerPart === undefined) {
    const bytesPerPart = Math.max(1, Math.round(request.partSizeMb * MIB));
    const bytesPerRow = Math.max(1, table.bytes / Math.max(1, table.rows));
    const groupRows = Math.min(MAX_GROUP_ROWS, Math.max(MIN_GROUP_ROWS, Math.round(bytesPerPart / GROUPS_PER_PART / bytesPerRow)));
    const into = join(staging, 'parts');
    await session.run(
      `COPY (${selectAll(file, order)}) TO ${literal(into)} (${format}, ROW_GROUP_SIZE ${groupRows}, FILE_SIZE_BYTES ${bytesPerPart}, FILENAME_PATTERN 'part-{i}', OVERWRITE true)`,
    );
    return nameParts(session, into, staging);
  }
  // Slices are of the table as it lies; sorted first where an order is wanted.
  if (order !== '') await session.run(`CREATE TEMP TABLE longhaul_sorted AS ${selectAll(file, order)}`);
  const numbered =
    order === ''
      ? `SELECT * EXCLUDE (file_row_number), file_row_number AS longhaul_row FROM read_parquet(${pathLiteral(file)}, file_row_number = true)`
      : 'SELECT *, rowid AS longhaul_row FROM longhaul_sorted';
  const written: WrittenPart[] = [];
  for (let first = 0; first === 0 || first < table.rows; first += request.rowsPerPart) {
    context.signal.throwIfAborted();
    const name = partName(written.length);
    const slice = `SELECT * EXCLUDE (longhaul_row) FROM (${numbered}) WHERE longhaul_row >= ${first} AND longhaul_row < ${first + request.rowsPerPart}`;
    const result = await session.run(`COPY (${slice}) TO ${literal(join(staging, name))} (${format})`);
    written.push({ name, rows: Number(result.getRows()[0]?.[0] ?? 0) });
    context.progress({ stage: 'writing parts', done: Math.min(1, (first + request.rowsPerPart) / Math.max(1, table.rows)) });
  }
  return written;
}

/** Sessions by their hash, so that none is ever in two parts; sorted once, then each part is read from where it lies. */
async function writeSessions(
  session: Session,
  file: string,
  table: TableInfo,
  request: ExportRequest & { readonly session: string },
  order: string,
  staging: string,
  context: JobContext,
): Promise<WrittenPart[]> {
  const column = identifier(request.session);
  const count = bucketsOf(request, table, table.rows);
  const bucket = `CAST(CONCAT('0x', SUBSTR(MD5(COALESCE(CAST(${column} AS VARCHAR), '')), 1, 15)) AS BIGINT) % ${count}`;
  const numbered = `SELECT *, ${bucket} AS longhaul_bucket FROM read_parquet(${pathLiteral(file)}, file_row_number = true)`;
  const total = order === '' ? '' : `${order}, file_row_number`;
  const grouped = bySession(`(${numbered})`, column, total, startsWithSession(request));
  const sorting = grouped === null ? (order === '' ? `${column}, file_row_number` : total) : 'longhaul_first, longhaul_row';
  const own = ['file_row_number', ...(grouped === null ? [] : ['longhaul_first', 'longhaul_row'])];
  await session.run(
    `CREATE TEMP TABLE longhaul_sessions AS SELECT * EXCLUDE (${own.join(', ')}) FROM ${grouped ?? `(${numbered})`} ORDER BY longhaul_bucket, ${sorting}`,
  );
  const counts = await session.run('SELECT longhaul_bucket, COUNT(*) FROM longhaul_sessions GROUP BY 1 ORDER BY 1');
  const buckets = counts.getRows().map(([found]) => Number(found));
  const written: WrittenPart[] = [];
  const format = `FORMAT parquet, COMPRESSION ${CODECS[request.compression]}`;
  // A table without rows has one part that says its columns.
  for (const index of buckets.length === 0 ? [0] : buckets) {
    context.signal.throwIfAborted();
    const name = partName(index);
    const rows = `SELECT * EXCLUDE (longhaul_bucket) FROM longhaul_sessions WHERE longhaul_bucket = ${index} ORDER BY rowid`;
    const result = await session.run(`COPY (${rows}) TO ${literal(join(staging, name))} (${format})`);
    written.push({ name, rows: Number(result.getRows()[0]?.[0] ?? 0), bucket: index });
    context.progress({ stage: 'writing parts', done: written.length / Math.max(1, buckets.length) });
  }
  return written;
}

/** Rows that are equal in the order stay as they lie in the table, so that the same table always gives the same parts. */
function selectAll(file: string, order: string): string {
  if (order === '') return `SELECT * FROM read_parquet(${pathLiteral(file)})`;
  return `SELECT * EXCLUDE (file_row_number) FROM read_parquet(${pathLiteral(file)}, file_row_number = true) ORDER BY ${order}, file_row_number`;
}

/** As in GoogleSQL, nulls are the smallest. */
function orderOf(request: ExportRequest, table: TableInfo): string {
  return request.orderBy
    .map((text) => {
      const [, name, direction] = /^\s*([A-Za-z_][A-Za-z0-9_]*)(?:\s+(asc|desc))?\s*$/i.exec(text) ?? [];
      if (name === undefined || !table.columns.some((column) => column.name.toLowerCase() === name.toLowerCase())) {
        throw new AdapterError(
          'InvalidInput',
          `export of ${table.table}: orderBy: expected columns of ${table.columns.map((column) => column.name).join(', ')}, with asc or desc, found ${JSON.stringify(text)}`,
        );
      }
      return `${identifier(name)} ${direction?.toLowerCase() === 'desc' ? 'DESC NULLS LAST' : 'ASC NULLS FIRST'}`;
    })
    .join(', ');
}

const partName = (index: number): string => `part-${String(index).padStart(5, '0')}.parquet`;

/** `part-7.parquet` → `part-00007.parquet`, with the rows of each. */
async function nameParts(session: Session, from: string, to: string): Promise<WrittenPart[]> {
  const indexes = (await readdir(from)).map((name) => Number(/^part-([0-9]+)\.parquet$/.exec(name)?.[1])).sort((a, b) => a - b);
  const written: WrittenPart[] = [];
  for (const index of indexes) {
    const name = partName(written.length);
    await rename(join(from, `part-${index}.parquet`), join(to, name));
    const counted = await session.run(`SELECT num_rows FROM parquet_file_metadata(${pathLiteral(join(to, name))})`);
    written.push({ name, rows: Number(counted.getRows()[0]?.[0]) });
  }
  await rm(from, { recursive: true });
  return written;
}

/** The directory is exchanged whole: nobody sees parts of two exports, nor a manifest without its parts. */
async function publish(
  store: ObjectStore,
  request: ExportRequest,
  table: TableInfo,
  staging: string,
  destination: string,
  written: readonly WrittenPart[],
): Promise<ExportManifest> {
  const checksums = await Promise.all(written.map((part) => crc32cOfFile(join(staging, part.name))));
  const replaced = join(storeTemporaries(store), `replaced-${uniqueName()}`);
  await mkdir(dirname(destination), { recursive: true });
  try {
    await rename(destination, replaced);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  await rename(staging, destination);
  await rm(replaced, { recursive: true, force: true });
  const manifestParts = await Promise.all(
    written.map(async (part, i) => {
      const info = await store.stat(`${request.destination}/${part.name}`);
      if (!info) throw new AdapterError('Unavailable', `export: ${request.destination}/${part.name} vanished while it was written`);
      const bucket = part.bucket === undefined ? {} : { bucket: part.bucket };
      return { name: part.name, ...bucket, rows: part.rows, bytes: info.bytes, generation: info.generation, crc32c: checksums[i] ?? null };
    }),
  );
  const manifest: ExportManifest = {
    uri: `${request.destination}/manifest.json`,
    table: request.table,
    tableVersion: table.version,
    rows: table.rows,
    bytes: manifestParts.reduce((sum, part) => sum + part.bytes, 0),
    layout: layoutOf(request, table),
    parts: manifestParts,
  };
  await store.write(manifest.uri, manifestText(manifest), { contentType: 'application/json' });
  return manifest;
}

function layoutOf(request: ExportRequest, table: TableInfo): PartsLayout {
  const { session = null, orderBy } = request;
  return { session, buckets: session === null ? 1 : bucketsOf(request, table, table.rows), orderBy };
}

const manifestText = (manifest: ExportManifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

function directoryOf(store: ObjectStore, uri: string): string {
  if (!store.root.startsWith('file:///'))
    throw new AdapterError(
      'InvalidInput',
      `export: the embedded warehouse writes to a directory; expected storage.kind "directory", found ${store.root}`,
    );
  const name = uri.startsWith(`${store.root}/`) ? uri.slice(store.root.length + 1) : '';
  if (name === '' || name.split('/').some((segment) => ['', '.', '..', '.longhaul'].includes(segment))) {
    throw new AdapterError('InvalidInput', `export: expected a destination below ${store.root}/, found ${uri}`);
  }
  return join(pathOfFileUri(store.root), name);
}

/** On the same file system as the objects, and never listed. */
const storeTemporaries = (store: ObjectStore): string => join(pathOfFileUri(store.root), '.longhaul', 'tmp');
