import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterError } from '../../contract/errors.ts';
import { pathOfFileUri } from '../../contract/file-uri.ts';
import { hasDecimals, parseGoogleType } from '../../contract/google-type.ts';
import type { Statement, TableInfo } from '../../ports/warehouse.ts';
import { hasCode } from '../files.ts';
import { identifier, NO_BINDINGS, pathLiteral } from './engine.ts';
import type { Bound, Session } from './engine.ts';
import { adapterError } from './errors.ts';
import { bindParameters } from './parameters.ts';
import { quoteAliases, requireAliases, SqlProblem } from '../google-sql/placeholders.ts';
import { typeOfParameter } from '../google-sql/type.ts';
import type { Quoted } from '../google-sql/placeholders.ts';
import type { TableFiles } from './tables.ts';
import type { Schemas, TranslatedStatement, Translator } from './translate.ts';
import { aliasOf, isSelect, refuseUndeclared } from './tables-used.ts';
import { duckdbSpelling, hasJson } from './types.ts';

/** A translated script and what its aliases stand for. */
export interface Script {
  readonly statement: Statement;
  readonly quoted: Quoted;
  /** All but the last SELECT, if there is one. */
  readonly before: readonly TranslatedStatement[];
  readonly select: TranslatedStatement | null;
  readonly parameters: readonly string[];
  /** Aliases of tables that the script changes. */
  readonly changed: readonly string[];
}

/** @param schemas columns of the statement's tables and sources, as far as they are there */
export async function prepareScript(translator: Translator, statement: Statement, schemas: Schemas): Promise<Script> {
  const { quoted, translation } = await translator.translate(statement.sql, statement.sqlFile, typesOfParameters(statement), schemas);
  requireAliases(statement.sql, statement.sqlFile, quoted, [...Object.keys(statement.tables), ...Object.keys(statement.sources)]);
  const statements = translation.statements;
  const last = statements.at(-1);
  if (!last) throw new SqlProblem({ file: statement.sqlFile, line: 1, column: 1, message: 'no statement in it', expected: 'a SELECT' });
  refuseUndeclared(statement.sql, statement.sqlFile, quoted, statements);
  const select = isSelect(last) ? last : null;
  const targets = statements.flatMap((each) => (each.target === null ? [] : [aliasOf(each.target)]));
  return {
    statement,
    quoted,
    before: select ? statements.slice(0, -1) : statements,
    select,
    parameters: translation.parameters,
    changed: [...quoted.aliases].filter((alias) => targets.includes(alias)),
  };
}

/** Those that are used and wrong in themselves are refused where they are bound, by their path. */
function typesOfParameters({ parameters, sqlFile }: Statement): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, parameter]) => {
      const isDecimal = hasDecimals(typeOfParameter(parameter, `${sqlFile}: parameters.${name}`));
      return [name, isDecimal ? 'STRING' : parameter.type];
    }),
  );
}

/** Makes every alias readable (and those that the script changes, changeable), then runs all but the last SELECT. */
export async function runBefore(script: Script, session: Session, tables: TableFiles): Promise<void> {
  await openAliases(script, session, tables);
  for (const [index, each] of script.before.entries()) {
    if (isSelect(each)) continue; // Its result would go nowhere.
    await atPlace(script, index, () => session.run(each.sql, boundFor(script, each.sql)));
  }
}

/** Errors of DuckDB get the place in the user's file. */
export async function atPlace<T>(script: Script, statement: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw adapterError(error, { sql: script.statement.sql, file: script.statement.sqlFile, quoted: script.quoted, statement });
  }
}

/** Values of the parameters that occur in this statement. */
export function boundFor(script: Script, sql: string): Bound {
  const used = script.parameters.filter((name) => new RegExp(`\\$${name}\\b`).test(sql));
  return used.length === 0 ? NO_BINDINGS : bindParameters(script.statement.parameters, used, script.statement.sqlFile);
}

export const viewOf = (alias: string): string => identifier(`{${alias}}`);

async function openAliases(script: Script, session: Session, tables: TableFiles): Promise<void> {
  const { statement, quoted, changed } = script;
  for (const alias of quoted.aliases) {
    const { files, columns } = await contentOf(statement, alias, tables);
    const what = changed.includes(alias) ? 'TEMP TABLE' : 'TEMP VIEW';
    const rows = `SELECT *${replacedJson(columns)} FROM read_parquet([${files.map(pathLiteral).join(', ')}])`;
    if (alias in statement.sources) await refuseDecimals(session, rows, `${statement.sqlFile}: sources.${alias}`);
    await atPlace(script, 0, () => session.run(`CREATE ${what} ${viewOf(alias)} AS ${rows}`));
  }
}

/** DuckDB divides decimals as floats and keeps other digits of a product: results would differ from BigQuery's, and nobody would see it. */
async function refuseDecimals(session: Session, rows: string, path: string): Promise<void> {
  const described = await session.run(`DESCRIBE ${rows}`);
  const decimal = described.getRows().find(([, type]) => /\bDECIMAL\(/.test(String(type)));
  if (!decimal) return;
  throw new AdapterError(
    'InvalidInput',
    `${path}: column ${String(decimal[0])} is ${String(decimal[1])}, NUMERIC in BigQuery, which the embedded warehouse does not compute alike; write the file with float64, or whole numbers (cents)`,
  );
}

/** Columns of JSON are texts in the file. */
function replacedJson(columns: TableInfo['columns']): string {
  const casts = columns.flatMap(({ name, type }) => {
    const known = hasJson(type) ? parseGoogleType(type) : null;
    return known ? [`CAST(${identifier(name)} AS ${duckdbSpelling(known)}) AS ${identifier(name)}`] : [];
  });
  return casts.length === 0 ? '' : ` REPLACE (${casts.join(', ')})`;
}

/** What is known of the aliases that the statement names; a table or file that is not there yet is left out. */
export async function schemasOf(
  statement: Statement,
  tables: TableFiles,
  columnsOf: (file: string) => Promise<TableInfo['columns']>,
): Promise<Schemas> {
  const named = [...quoteAliases(statement.sql).aliases];
  const found = await Promise.all(
    named.map(async (alias): Promise<[string, TableInfo['columns']][]> => {
      const table = statement.tables[alias];
      if (table !== undefined) return (await tables.describe(table).then((version) => version && [[alias, version.columns]])) ?? [];
      const uri = statement.sources[alias];
      if (uri === undefined) return [];
      const [first] = await sourceFiles(uri, '').catch(() => []);
      return first === undefined ? [] : [[alias, await columnsOf(first).catch(() => [])]];
    }),
  );
  return Object.fromEntries(found.flat().filter(([, columns]) => columns.length > 0));
}

interface Content {
  readonly files: readonly string[];
  readonly columns: TableInfo['columns'];
}

async function contentOf(statement: Statement, alias: string, tables: TableFiles): Promise<Content> {
  const table = statement.tables[alias];
  // `requireAliases` has seen to it that an alias is one of the two.
  if (table === undefined)
    return { files: await sourceFiles(statement.sources[alias] ?? '', `${statement.sqlFile}: sources.${alias}`), columns: [] };
  const version = await tables.describe(table);
  if (!version) throw new AdapterError('InvalidInput', `${statement.sqlFile}: tables.${alias}: there is no table ${table}`);
  return { files: [tables.file(version)], columns: version.columns };
}

/** One parquet file, or the parts below a prefix in the order of their names. */
async function sourceFiles(uri: string, path: string): Promise<string[]> {
  if (!uri.startsWith('file:///'))
    throw new AdapterError('InvalidInput', `${path}: the embedded warehouse reads files; expected file:///…, found ${uri}`);
  const escaped = pathOfFileUri(uri).replace(/\/+$/, '');
  // Earlier releases took what follows `file://` as it is written.
  const written = uri.slice('file://'.length).replace(/\/+$/, '');
  const file = !existsSync(escaped) && existsSync(written) ? written : escaped;
  try {
    if ((await stat(file)).isFile()) return [file];
    const parts = (await readdir(file)).filter((name) => name.endsWith('.parquet')).sort();
    if (parts.length > 0) return parts.map((name) => join(file, name));
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
  throw new AdapterError('InvalidInput', `${path}: expected a parquet file or a prefix of parquet parts, found none at ${uri}`);
}
