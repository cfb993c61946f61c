import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection, DuckDBResultReader, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { JobContext } from '../../ports/warehouse.ts';
import { uniqueName } from '../temporaries.ts';
import { GRACES } from '../../rules/durations.ts';

/** Values of the parameters of one statement, by name. */
export interface Bound {
  readonly values: Record<string, DuckDBValue>;
  readonly types: Record<string, DuckDBType>;
}
export const NO_BINDINGS: Bound = { values: {}, types: {} };

/** One connection of a job. Views and temporary tables are its own and end with it. */
export interface Session {
  readonly connection: DuckDBConnection;
  run(sql: string, bound?: Bound): Promise<DuckDBResultReader>;
  /** Reads on until there are so many rows. */
  readUntil(rows: number, sql: string, bound?: Bound): Promise<DuckDBResultReader>;
}

export interface Engine {
  /** Runs `work` on a connection of its own: a second statement on one whose result is still being read ends that silently. */
  session<T>(context: JobContext, work: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

interface EngineOptions {
  readonly temporary: string;
  readonly threads?: number;
  readonly memoryLimitMb?: number;
  /** Called once for each new database, e.g. to register functions. */
  readonly prepare?: (connection: DuckDBConnection) => void | Promise<void>;
}

const MEMORY_SHARE = 0.5;
const PER_CONNECTION = [
  `SET TimeZone = 'UTC'`,
  'SET enable_progress_bar = true',
  'SET enable_progress_bar_print = false',
  // It makes a join of a long IN list, and so evaluates what stands before IN also in rows for which an IF around it forbids that.
  `SET disabled_optimizers = 'in_clause'`,
].join(';');

/** What a worker takes beside DuckDB's own memory: Node, the client, and what DuckDB allocates without counting it. */
const OUTSIDE_MB = 448;
/** Less lets no statement run that was not refused before. */
const LEAST_SHARE = 0.75;

/** Of the limit that holds for the whole worker. @param limitMb absent: half of the machine */
export function engineMemoryMb(limitMb: number = Math.floor((totalmem() / 1024 / 1024) * MEMORY_SHARE)): number {
  return Math.floor(Math.max(limitMb - OUTSIDE_MB, limitMb * LEAST_SHARE));
}

/** DuckDB in memory: data lies in the files that statements read and write; what does not fit spills to `temporary`. */
export function createEngine(options: EngineOptions): Engine {
  let opening: Promise<DuckDBInstance> | undefined;
  const spill = join(options.temporary, `spill-${uniqueName()}`);

  const open = async (): Promise<DuckDBInstance> => {
    await mkdir(options.temporary, { recursive: true });
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(options.threads ?? availableParallelism()),
      memory_limit: `${engineMemoryMb(options.memoryLimitMb)}MiB`,
      temp_directory: spill,
      // Nothing is ever fetched from the network.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    await options.prepare?.(connection);
    connection.closeSync();
    return instance;
  };

  return {
    async session(context, work) {
      context.signal.throwIfAborted();
      opening ??= open();
      const mine = opening;
      const connection = await (
        await mine.catch((error: unknown) => {
          opening = undefined;
          throw error;
        })
      ).connect();
      try {
        await connection.run(PER_CONNECTION);
        return await work(sessionOf(connection, context));
      } catch (error) {
        // After a fatal error the database refuses everything: the next session gets a new one.
        if (isFatal(error) && opening === mine) opening = undefined;
        throw error;
      } finally {
        connection.closeSync();
      }
    },
    async close() {
      (await opening?.catch(() => undefined))?.closeSync();
      opening = undefined;
      rmSync(spill, { recursive: true, force: true });
    },
  };
}

function sessionOf(connection: DuckDBConnection, context: JobContext): Session {
  /** Abort interrupts the statement, time brings progress. */
  const attended = async <T>(statement: Promise<T>): Promise<T> => {
    const timer = setInterval(() => context.progress({ stage: 'running', done: shareDone(connection) }), GRACES.queryProgressMs);
    let again: NodeJS.Timeout | undefined;
    const abort = (): void => {
      // An interrupt before the statement has begun is forgotten by DuckDB: so until it has ended.
      connection.interrupt();
      again ??= setInterval(() => connection.interrupt(), GRACES.queryInterruptMs);
    };
    context.signal.addEventListener('abort', abort);
    if (context.signal.aborted) abort();
    try {
      return await statement;
    } catch (error) {
      context.signal.throwIfAborted();
      throw error;
    } finally {
      clearInterval(timer);
      clearInterval(again);
      context.signal.removeEventListener('abort', abort);
    }
  };
  return {
    connection,
    // With values, also with none, it is planned twice, first to be prepared: half the time of a long statement over few rows.
    run: (sql, bound = NO_BINDINGS) =>
      attended(bound === NO_BINDINGS ? connection.runAndReadAll(sql) : connection.runAndReadAll(sql, bound.values, bound.types)),
    readUntil: (rows, sql, bound = NO_BINDINGS) => attended(connection.streamAndReadUntil(sql, rows, bound.values, bound.types)),
  };
}

function shareDone(connection: DuckDBConnection): number | undefined {
  const { percentage } = connection.progress;
  return percentage >= 0 ? Math.min(1, percentage / 100) : undefined;
}

function isFatal(error: unknown): boolean {
  return error instanceof Error && /^(?:FATAL|INTERNAL) Error/i.test(error.message);
}

/** A text as a string literal of DuckDB. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
/** A text as an identifier of DuckDB. */
export const identifier = (text: string): string => `"${text.replaceAll('"', '""')}"`;
/** A path as `read_parquet` takes it: glob characters in it are meant as they stand. */
export const pathLiteral = (path: string): string => literal(path.replaceAll(/[*?[]/g, '[$&]'));
