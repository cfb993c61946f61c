import { randomUUID } from 'node:crypto';
import { AdapterError } from '../../contract/errors.ts';
import type { Json } from '../../contract/values.ts';
import type { JobContext, QueryEstimate, QueryRequest, Statement, TableInfo } from '../../ports/warehouse.ts';
import { withRetries } from '../google/retry.ts';
import { SqlProblem } from '../google-sql/placeholders.ts';
import type { Connection } from './client.ts';
import { adapterError } from './errors.ts';
import { NO_CONTEXT, runJob } from './jobs.ts';
import type { EndedJob, JobRequest } from './jobs.ts';
import { identifier, jobIdOf, labelsOf, literal, quoted, tableRef } from './names.ts';
import { apiParameters } from './parameters.ts';
import { render, requireParameters } from './render.ts';
import type { Rendered } from './render.ts';
import { tablesOf } from './sources.ts';
import { describe, descriptionOf, dropTable, ensureDataset, expirationOf, noteJob } from './tables.ts';
import type { Field } from './tables.ts';
import { encryption, kmsOption, withSettings, type JobConfiguration } from './settings.ts';
import type { ApiRow } from './values.ts';
import { rowOf } from './values.ts';

const MAX_RESULT_ROWS = 10_000;
const BYTES_PER_TIB = 2 ** 40;

/** Runs the script; its last SELECT becomes the destination. */
export async function runQuery(connection: Connection, request: QueryRequest, context: JobContext): Promise<TableInfo> {
  context.signal.throwIfAborted();
  const destination = tableRef(request.destination, connection.config.project);
  if (destination.project === connection.config.project) await guard(() => ensureDataset(connection, destination.dataset));
  const id = jobIdOf(request.jobId);
  const partition = request.partitioning && (await partitionExpression(connection, request, request.partitioning, context));
  const rendered = await renderStatement(connection, request, context, createTable(connection, request, id, partition));
  if (!rendered.selects && !changesDestination(request)) throw nothingToStore(request);
  const job: JobRequest = {
    id,
    configuration: configurationOf(request, rendered, request),
    stillThere: async () => (await describe(connection, request.destination))?.job === id,
  };
  await guard(async () => {
    try {
      await runJob(connection, job, context);
    } catch (error) {
      if (!wantsOtherPartitioning(error)) throw error;
      // A table keeps its partitioning for life.
      await dropTable(connection, destination);
      await runJob(connection, job, context);
    }
  }, rendered);
  return guard(async () => {
    if (!rendered.selects && (await describe(connection, request.destination))?.job !== id)
      await noteJob(connection, request.destination, id);
    const made = await describe(connection, request.destination);
    if (!made) throw nothingToStore(request);
    return made;
  });
}

/** One statement makes the table with all that belongs to it: a destination of the job could have neither labels nor an expiration, and scripts have none. */
function createTable(connection: Connection, request: QueryRequest, jobId: string, partition: string | undefined): string {
  const labels = Object.entries(labelsOf(request.labels)).map(([key, value]) => `(${literal(key)}, ${literal(value)})`);
  const options = [
    `description = ${literal(descriptionOf(jobId))}`,
    `labels = [${labels.join(', ')}]`,
    ...kmsOption(connection.config),
    ...expirationOf(request),
  ];
  return [
    `CREATE OR REPLACE TABLE ${quoted(tableRef(request.destination, connection.config.project))}`,
    ...(partition === undefined ? [] : [`PARTITION BY ${partition}`]),
    ...(request.clustering.length > 0 ? [`CLUSTER BY ${request.clustering.map(identifier).join(', ')}`] : []),
    `OPTIONS (${options.join(', ')}) AS\n`,
  ].join(' ');
}

/** How a column is partitioned depends on its type, which a dry run of the SELECT tells. */
async function partitionExpression(
  connection: Connection,
  request: QueryRequest,
  { column, granularity }: NonNullable<QueryRequest['partitioning']>,
  context: JobContext,
): Promise<string> {
  const rendered = await renderStatement(connection, request, context);
  const { fields } = await guard(() => dryRun(connection, configurationOf(request, rendered, {})), rendered);
  const found = fields.find((field) => field.name?.toLowerCase() === column.toLowerCase());
  if (fields.length > 0 && !found)
    throw new AdapterError(
      'InvalidQuery',
      `${request.sqlFile}: partitioning names the column ${column}; expected one of ${fields.map((field) => field.name).join(', ')}`,
    );
  // Of a script a dry run tells no columns: a date then.
  const type = found?.type ?? 'DATE';
  if (type === 'DATE') return granularity === 'DAY' ? identifier(column) : `DATE_TRUNC(${identifier(column)}, ${granularity})`;
  return `${type}_TRUNC(${identifier(column)}, ${granularity})`;
}

const wantsOtherPartitioning = (error: unknown): boolean =>
  error instanceof Error && /different (?:partitioning|clustering) spec/i.test(error.message);

const changesDestination = (request: QueryRequest): boolean =>
  Object.entries(request.tables).some(([alias, table]) => table === request.destination && request.sql.includes(`{${alias}}`));

function nothingToStore(request: QueryRequest): SqlProblem {
  return new SqlProblem({
    file: request.sqlFile,
    line: 1,
    column: 1,
    message: `nothing for the destination ${request.destination}`,
    expected: 'a SELECT as the last statement, or a change of the destination itself',
  });
}

async function renderStatement(connection: Connection, statement: Statement, context: JobContext, beforeSelect = ''): Promise<Rendered> {
  // Aliases are checked before anything is made for them.
  const aliases = Object.fromEntries([...Object.keys(statement.tables), ...Object.keys(statement.sources)].map((alias) => [alias, alias]));
  requireParameters(render(statement, aliases), statement);
  return render(statement, await guard(() => tablesOf(connection, statement, context)), beforeSelect);
}

function configurationOf(
  statement: Statement,
  rendered: Rendered,
  limits: { readonly labels?: Readonly<Record<string, string>>; readonly maximumBytesBilled?: number },
): JobConfiguration {
  const most = limits.maximumBytesBilled;
  const parameters = apiParameters(statement.parameters, rendered.parameters, statement.sqlFile);
  return {
    labels: labelsOf(limits.labels ?? {}),
    query: {
      query: rendered.sql,
      useLegacySql: false,
      ...(most === undefined ? {} : { maximumBytesBilled: String(most) }),
      ...(parameters.length === 0 ? {} : { parameterMode: 'NAMED', queryParameters: parameters }),
    } as NonNullable<JobConfiguration['query']>,
  };
}

/** Small results; all of them only where the caller knows what it asks for. */
export async function readRows(
  connection: Connection,
  statement: Statement,
  context: JobContext,
  most = MAX_RESULT_ROWS,
): Promise<Record<string, Json>[]> {
  context.signal.throwIfAborted();
  const rendered = await renderStatement(connection, statement, context);
  if (!rendered.selects)
    throw new SqlProblem({
      file: statement.sqlFile,
      line: 1,
      column: 1,
      message: 'this statement has no rows to return',
      expected: 'a SELECT as the last statement',
    });
  const selecting = configurationOf(statement, rendered, statement);
  const configuration = { ...selecting, query: { ...selecting.query, ...encryption(connection.config) } } as JobConfiguration;
  return guard(async () => {
    const ended = await runJob(connection, { id: `longhaul-rows-${randomUUID()}`, configuration }, context);
    return resultRows(connection, ended, statement, most);
  }, rendered);
}

interface ResultPage {
  readonly schema?: { readonly fields?: Parameters<typeof rowOf>[0] };
  readonly totalRows?: string;
}

async function resultRows(
  { bigquery, config }: Connection,
  { id }: EndedJob,
  { sqlFile, firstRows = false }: Statement,
  most: number,
): Promise<Record<string, Json>[]> {
  const job = bigquery.job(id, { location: config.location });
  const rows: Record<string, Json>[] = [];
  for (let pageToken: string | undefined; ;) {
    const options = {
      autoPaginate: false,
      skipParsing: true,
      maxResults: MAX_RESULT_ROWS,
      ...(pageToken === undefined ? {} : { pageToken }),
    };
    const [page, next, response] = await withRetries(() => job.getQueryResults(options));
    const { schema, totalRows } = response as ResultPage;
    if (Number(totalRows ?? 0) > most && !firstRows)
      throw new AdapterError(
        'InvalidQuery',
        `${sqlFile}: the result has ${totalRows} rows; expected at most ${most} (hint: let a query step write it to a table)`,
      );
    rows.push(...(page as ApiRow[]).map((row) => rowOf(schema?.fields ?? [], row)));
    pageToken = next?.pageToken;
    if (pageToken === undefined || (firstRows && rows.length >= most)) return rows.slice(0, most);
  }
}

/** A dry run costs nothing. Where tables are still to be made by earlier steps, or for scripts, nothing can be told. */
export async function estimate(connection: Connection, statement: Statement): Promise<QueryEstimate> {
  const unknown: QueryEstimate = { bytes: null, cost: null };
  const aliases = [...Object.keys(statement.tables), ...Object.keys(statement.sources)];
  requireParameters(render(statement, Object.fromEntries(aliases.map((alias) => [alias, alias]))), statement);
  if (Object.keys(statement.sources).length > 0) return unknown;
  const tables = await guard(() => Promise.all(Object.values(statement.tables).map((table) => describe(connection, table))));
  if (tables.includes(null)) return unknown;
  const rendered = await renderStatement(connection, statement, NO_CONTEXT);
  const configuration = configurationOf(statement, rendered, {});
  return guard(async () => {
    const { bytes, script } = await dryRun(connection, configuration);
    // The emulator says 0 of everything.
    return connection.emulator || script ? unknown : { bytes, cost: (bytes / BYTES_PER_TIB) * connection.config.pricePerTib };
  }, rendered);
}

interface DryRun {
  readonly bytes: number;
  readonly script: boolean;
  readonly fields: readonly Field[];
}

async function dryRun({ bigquery, config }: Connection, configuration: JobConfiguration): Promise<DryRun> {
  const [, job] = await withRetries(() =>
    bigquery.createJob({ location: config.location, configuration: { ...withSettings(config, configuration), dryRun: true } }),
  );
  const { statistics } = job;
  return {
    bytes: Number(statistics?.totalBytesProcessed ?? 0),
    script: statistics?.query?.statementType === 'SCRIPT',
    fields: statistics?.query?.schema?.fields ?? [],
  };
}

export async function guard<T>(work: () => Promise<T>, rendered?: Rendered): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw adapterError(error, rendered);
  }
}
