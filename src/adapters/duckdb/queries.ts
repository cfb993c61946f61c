import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterError } from '../../contract/errors.ts';
import type { Json } from '../../contract/values.ts';
import type { JobContext, QueryEstimate, QueryRequest, Statement, TableInfo } from '../../ports/warehouse.ts';
import { uniqueName } from '../temporaries.ts';
import { identifier, literal } from './engine.ts';
import type { Engine, Session } from './engine.ts';
import type { Layout } from './layout.ts';
import { positionAt, SqlProblem } from '../google-sql/placeholders.ts';
import { atPlace, boundFor, prepareScript, runBefore, schemasOf, viewOf } from './script.ts';
import type { Script } from './script.ts';
import type { TableFiles } from './tables.ts';
import { tableInfo } from './tables.ts';
import type { Translator } from './translate.ts';
import { googleTypeOf, hasJson, isPlainArray, storedArray, storedArrays, storedType } from './types.ts';
import { jsonOf } from './values.ts';

/** What the parts of the adapter share. */
export interface Parts {
  readonly layout: Layout;
  readonly engine: Engine;
  readonly translator: Translator;
  readonly tables: TableFiles;
}

/** Rows with lists in them are wide: DuckDB's smallest group of rows, so that a few of them fit into memory. */
const NESTED_GROUP_ROWS = 2048;
const FLAT_GROUP_ROWS = 122_880;
const MAX_RESULT_ROWS = 10_000;

/** Runs the script; the last SELECT becomes the destination, tables that it changed become new versions. */
export async function runQuery(parts: Parts, request: QueryRequest, context: JobContext): Promise<TableInfo> {
  const script = await prepared(parts, request, context);
  const changed = script.changed.map((alias) => changedTable(request, alias));
  if (!script.select && !changed.includes(request.destination)) throw nothingToStore(script, request);
  await mkdir(parts.layout.temporary, { recursive: true });
  const execute = (): Promise<TableInfo> => parts.engine.session(context, (session) => executeScript(parts, script, request, session));
  // A table that is changed must not be replaced by others between being read and being written.
  return changed.length > 0 ? parts.tables.exclusively([...changed, request.destination], execute, context.signal) : execute();
}

/** Translated with the columns of what it reads: their structs are matched by place. */
async function prepared(parts: Parts, statement: Statement, context: JobContext): Promise<Script> {
  const columns = (file: string): Promise<TableInfo['columns']> => parts.engine.session(context, (session) => columnsOf(session, file));
  return prepareScript(parts.translator, statement, await schemasOf(statement, parts.tables, columns));
}

async function executeScript(parts: Parts, script: Script, request: QueryRequest, session: Session): Promise<TableInfo> {
  const files: string[] = [];
  const write = async (table: string, select: string, bound = boundFor(script, select)): Promise<Parameters<TableFiles['commit']>[0]> => {
    const file = join(parts.layout.temporary, `query-${uniqueName('.parquet')}`);
    files.push(file);
    const written = await writeParquet(session, file, select, bound);
    return { table, file, ...written, job: request.jobId, labels: request.labels };
  };
  try {
    await runBefore(script, session, parts.tables);
    const changes = [];
    for (const alias of script.changed) {
      const rows = `SELECT * FROM ${viewOf(alias)}`;
      changes.push(await atPlace(script, 0, () => write(changedTable(request, alias), rows)));
    }
    const { select } = script;
    const result = select && (await atPlace(script, script.before.length, () => write(request.destination, select.sql)));
    if (result) checkColumns(request, result.columns);
    let made: TableInfo | undefined;
    for (const change of changes) {
      const info = await parts.tables.commit(change);
      if (change.table === request.destination) made = info;
    }
    if (!result) {
      if (made) return made;
      throw nothingToStore(script, request);
    }
    const commit = (): Promise<TableInfo> => parts.tables.commit({ ...result, expirationDays: request.expirationDays });
    return script.changed.length > 0 ? await commit() : await parts.tables.exclusively([request.destination], commit);
  } finally {
    for (const file of files) await rm(file, { force: true });
  }
}

/** Writes a SELECT to a parquet file with GoogleSQL's types. */
async function writeParquet(
  session: Session,
  file: string,
  select: string,
  bound: ReturnType<typeof boundFor>,
): Promise<{ rows: number; columns: TableInfo['columns'] }> {
  const stored = await asStored(session, select, bound);
  const groupRows = stored.nested ? NESTED_GROUP_ROWS : FLAT_GROUP_ROWS;
  const result = await session.run(`COPY (${stored.select}) TO ${literal(file)} (FORMAT parquet, ROW_GROUP_SIZE ${groupRows})`, bound);
  const columns = await columnsOf(session, file);
  return { rows: Number(result.getRows()[0]?.[0]), columns: stored.hasJson ? await withJson(session, select, bound, columns) : columns };
}

/** The file has texts where the result has JSON: the table's description keeps the type, and whoever reads the table gets it back. */
async function withJson(
  session: Session,
  select: string,
  bound: ReturnType<typeof boundFor>,
  columns: TableInfo['columns'],
): Promise<TableInfo['columns']> {
  const result = await session.run(`SELECT * FROM (${select}) LIMIT 0`, bound);
  return columns.map((column, i) => ({ ...column, type: googleTypeOf(result.columnType(i)) }));
}

/** GoogleSQL names and types of a parquet file's columns. */
export async function columnsOf(session: Session, file: string): Promise<TableInfo['columns']> {
  const result = await session.run(`SELECT * FROM read_parquet(${literal(file)}) LIMIT 0`);
  return result.columnNames().map((name, i) => ({ name, type: googleTypeOf(result.columnType(i)) }));
}

/** Of two columns `x` of a subquery DuckDB makes `x` and `x_1`; neither the statement nor a table has such a name then. */
async function renamed(session: Session, select: string, columns: readonly { readonly name: string }[]): Promise<string | undefined> {
  const names = new Set(columns.map(({ name }) => name.toLowerCase()));
  const made = columns.flatMap(({ name }) => {
    const base = /^(.+)_[0-9]+$/s.exec(name)?.[1];
    return base !== undefined && names.has(base.toLowerCase()) && !select.includes(identifier(name)) ? [{ name, base }] : [];
  });
  if (made.length === 0) return undefined;
  const known = await session.run('SELECT DISTINCT lower(column_name) FROM duckdb_columns()');
  const own = new Set(known.getRows().map(([name]) => String(name)));
  return made.find(({ name }) => !own.has(name.toLowerCase()))?.base;
}

/** As it is written into a file. */
export async function asStored(
  session: Session,
  select: string,
  bound: ReturnType<typeof boundFor>,
  spelled: (type: string) => string = storedType,
): Promise<{ select: string; nested: boolean; hasJson: boolean }> {
  const described = await session.run(`DESCRIBE ${select}`, bound);
  const columns = described.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }));
  const twice = columns.find(({ name }, i) => columns.findIndex((each) => each.name.toLowerCase() === name.toLowerCase()) !== i);
  const name = twice?.name ?? (await renamed(session, select, columns));
  if (name !== undefined) throw new Error(`Binder Error: two columns of the result are named "${name}"`);
  const nested = columns.some(({ type }) => type.includes('[]'));
  const json = columns.some(({ type }) => hasJson(type));
  const deep = columns.some(({ type }) => type.includes('[]') && !isPlainArray(type));
  const types = deep ? (await session.run(`SELECT * FROM (${select}) LIMIT 0`, bound)).columnTypes() : [];
  const list = columns.map(({ name, type }, i) => {
    const written = isPlainArray(type) ? storedArray(identifier(name)) : types[i] ? storedArrays(types[i], identifier(name)) : null;
    const text = written ?? identifier(name);
    if (spelled(type) !== type) return `CAST(${text} AS ${spelled(type)}) AS ${identifier(name)}`;
    return written === null ? text : `${text} AS ${identifier(name)}`;
  });
  if (list.every((text, i) => text === identifier(columns[i]?.name ?? ''))) return { select, nested, hasJson: json };
  return { select: `SELECT ${list.join(', ')} FROM (${select})`, nested, hasJson: json };
}

/** Small results as JSON. */
export async function readRows(parts: Parts, statement: Statement, context: JobContext): Promise<Record<string, Json>[]> {
  const script = await prepared(parts, statement, context);
  const { select } = script;
  if (!select || script.changed.length > 0)
    throw problem(script, script.before.length - 1, 'this statement has no rows to return', 'a SELECT as the last statement');
  return parts.engine.session(context, async (session) => {
    await runBefore(script, session, parts.tables);
    return atPlace(script, script.before.length, async () => {
      const bound = boundFor(script, select.sql);
      const stored = await asStored(session, select.sql, bound, (type) => type);
      const reader = await session.readUntil(MAX_RESULT_ROWS + 1, stored.select, bound);
      if (reader.currentRowCount > MAX_RESULT_ROWS && !statement.firstRows)
        throw problem(
          script,
          script.before.length,
          `the result has more than ${MAX_RESULT_ROWS} rows`,
          'a small result',
          'let a query step write it to a table',
        );
      const names = reader.columnNames();
      const types = reader.columnTypes();
      return reader
        .getRows()
        .slice(0, MAX_RESULT_ROWS)
        .map((row) => Object.fromEntries(names.map((name, i) => [name, jsonOf(row[i] ?? null, types[i])])));
    });
  });
}

/** Binds every statement without running it, as far as the tables are there. */
export async function estimate(parts: Parts, statement: Statement): Promise<QueryEstimate> {
  const unknown: QueryEstimate = { bytes: null, cost: 0 };
  const quiet: JobContext = { signal: new AbortController().signal, progress: () => undefined };
  const script = await prepared(parts, statement, quiet);
  const missing = await Promise.all(
    [...script.quoted.aliases].map(
      async (alias) => statement.tables[alias] !== undefined && !(await parts.tables.describe(statement.tables[alias])),
    ),
  );
  // Tables that earlier steps will make: only the grammar could be checked.
  if (missing.some(Boolean)) return unknown;
  const statements = script.select ? [...script.before, script.select] : script.before;
  await parts.engine.session(quiet, async (session) => {
    await runBefore({ ...script, before: [] }, session, parts.tables);
    for (const [index, each] of statements.entries()) {
      const bound = boundFor(script, each.sql);
      const makesTable = /^create/i.test(each.kind);
      await atPlace(script, index, () => (makesTable ? makeEmpty(session, each.sql, bound) : session.run(`EXPLAIN ${each.sql}`, bound)));
    }
  });
  return unknown;
}

/** Later statements need the table, not its rows. */
async function makeEmpty(session: Session, sql: string, bound: ReturnType<typeof boundFor>): Promise<unknown> {
  return / AS /i.test(sql) ? session.run(`${sql} WITH NO DATA`, bound) : session.run(sql, bound);
}

export async function adoptTable(parts: Parts, recorded: TableInfo): Promise<TableInfo | null> {
  const current = await parts.tables.describe(recorded.table);
  return current && current.version === recorded.version ? tableInfo(current) : null;
}

function changedTable(request: Statement, alias: string): string {
  const table = request.tables[alias];
  if (table === undefined)
    throw new AdapterError(
      'InvalidQuery',
      `${request.sqlFile}: {${alias}} is a source of files and cannot be changed; expected an alias of tables`,
    );
  return table;
}

function checkColumns(request: QueryRequest, columns: TableInfo['columns']): void {
  const wanted = [...(request.partitioning ? [request.partitioning.column] : []), ...request.clustering];
  const missing = wanted.find((name) => !columns.some((column) => column.name.toLowerCase() === name.toLowerCase()));
  if (missing === undefined) return;
  throw new AdapterError(
    'InvalidQuery',
    `${request.sqlFile}: partitioning or clustering names the column ${missing}; expected one of ${columns.map((column) => column.name).join(', ')}`,
  );
}

function nothingToStore(script: Script, request: QueryRequest): SqlProblem {
  return problem(
    script,
    script.before.length - 1,
    `nothing for the destination ${request.destination}`,
    'a SELECT as the last statement, or a change of the destination itself',
  );
}

function problem(script: Script, statement: number, message: string, expected: string, hint?: string): SqlProblem {
  const place = positionAt(script.statement.sql, script.quoted.statements[statement] ?? 0);
  return new SqlProblem({ file: script.statement.sqlFile, ...place, message, expected, hint });
}
