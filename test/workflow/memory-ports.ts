/** Ports in memory, for tests of workflows: small, deterministic, and able to fail or hang on demand. */
import { UNKNOWN_END } from '../../src/contract/jobs.ts';
import { AdapterError, PreconditionFailedError } from '../../src/contract/errors.ts';
import type { JobEnd, JobSpec, LedgerRow, LedgerTable } from '../../src/contract/index.ts';
import type { Compute, ObjectStore, Ports, Warehouse } from '../../src/ports/index.ts';
import type { ObjectInfo } from '../../src/ports/object-store.ts';
import type { TableInfo } from '../../src/ports/warehouse.ts';

export const ROOT = 'file:///memory';

export interface MemoryPorts extends Ports {
  readonly objects: Map<string, { data: Uint8Array; generation: string }>;
  readonly tables: Map<string, TableInfo>;
  readonly rows: { table: LedgerTable; row: LedgerRow; key: string }[];
  /** Names of what was done, in order: `query NAME`, `cancel ID`, `create JOB`, `remove JOB`. */
  readonly calls: string[];
  /** URIs of what was read, in order. */
  readonly reads: string[];
  /** What a query does, by its SQL; undefined = it makes its table. */
  onQuery: (sql: string, signal: AbortSignal) => Promise<void>;
  /** How a Job ends. */
  onJob: (job: JobSpec, signal: AbortSignal) => Promise<Partial<JobEnd> & { outputs?: unknown }>;
  /** As if it had just been made: what tables, objects, rows, calls and reads there were is gone, and all goes well. */
  reset(): void;
  /** Rows of a table, oldest first. */
  rowsOf<T extends LedgerTable>(table: T): LedgerRow<T>[];
}

const WELL: Pick<MemoryPorts, 'onQuery' | 'onJob'> = { onQuery: async () => undefined, onJob: async () => ({}) };

export function createMemoryPorts(): MemoryPorts {
  let generation = 0;
  const objects: MemoryPorts['objects'] = new Map();
  const tables: MemoryPorts['tables'] = new Map();
  const rows: MemoryPorts['rows'] = [];
  const calls: string[] = [];
  const reads: string[] = [];
  const jobs = new Map<string, JobSpec>();
  const info = (uri: string, object: { data: Uint8Array; generation: string }): ObjectInfo => ({
    uri,
    bytes: object.data.length,
    generation: object.generation,
    crc32c: null,
    updatedAt: 0,
  });

  const store: Pick<ObjectStore, 'root' | 'read' | 'write' | 'stat' | 'list' | 'remove'> = {
    root: ROOT,
    read: async (uri) => {
      reads.push(uri);
      const object = objects.get(uri);
      return object ? { data: object.data, info: info(uri, object) } : null;
    },
    write: async (uri, data, options) => {
      const current = objects.get(uri)?.generation ?? '0';
      if (options?.ifGeneration !== undefined && options.ifGeneration !== current)
        throw new PreconditionFailedError(uri, `generation is ${current}`);
      const object = { data: typeof data === 'string' ? new TextEncoder().encode(data) : data, generation: String(++generation) };
      objects.set(uri, object);
      return info(uri, object);
    },
    stat: async (uri) => {
      const object = objects.get(uri);
      return object ? info(uri, object) : null;
    },
    list: async function* (prefix) {
      for (const [uri, object] of [...objects].sort(([a], [b]) => (a < b ? -1 : 1))) if (uri.startsWith(prefix)) yield info(uri, object);
    },
    remove: async (uri, options) => {
      const current = objects.get(uri)?.generation;
      if (options?.ifGeneration !== undefined && current !== undefined && current !== options.ifGeneration)
        throw new PreconditionFailedError(uri, 'another generation');
      return objects.delete(uri);
    },
  };

  const ports: MemoryPorts = {
    objects,
    tables,
    rows,
    calls,
    reads,
    ...WELL,
    reset() {
      objects.clear();
      tables.clear();
      for (const kept of [rows, calls, reads]) kept.length = 0;
      Object.assign(ports, WELL);
    },
    rowsOf: <T extends LedgerTable>(table: T) => rows.filter((entry) => entry.table === table).map((entry) => entry.row as LedgerRow<T>),
    store: async () => store as ObjectStore,
    warehouse: async () => warehouse as Warehouse,
    compute: async () => compute as Compute,
  };

  const warehouse: Pick<Warehouse, 'query' | 'describe' | 'export' | 'append' | 'rows' | 'ledger' | 'cancel'> = {
    query: async (request, context) => {
      calls.push(`query ${request.sql}`);
      for (const table of Object.values(request.tables))
        if (!tables.has(table)) throw new AdapterError('InvalidQuery', `no table ${table}`);
      await ports.onQuery(request.sql, context.signal);
      const table: TableInfo = {
        table: request.destination,
        rows: 3,
        bytes: 30,
        version: `v${++generation}`,
        columns: [{ name: 'x', type: 'INT64' }],
        job: request.jobId,
      };
      tables.set(request.destination, table);
      return table;
    },
    describe: async (name) => tables.get(name) ?? null,
    export: async (request) => {
      calls.push(`export ${request.table}`);
      const part = `${request.destination}/part-0.parquet`;
      const written = await store.write(part, request.table);
      const manifest = {
        uri: `${request.destination}/manifest.json`,
        table: request.table,
        tableVersion: 'v',
        rows: 3,
        bytes: 30,
        parts: [{ name: 'part-0.parquet', rows: 3, bytes: 30, generation: written.generation, crc32c: null }],
      };
      await store.write(manifest.uri, JSON.stringify(manifest));
      return manifest;
    },
    append: async (table, added, key) => {
      if (rows.some((entry) => entry.key === key && entry.table === table)) return;
      for (const row of added) rows.push({ table, row, key });
    },
    rows: async () => [{}],
    ledger: async () => [],
    cancel: async (jobId) => {
      calls.push(`cancel ${jobId}`);
    },
  };

  /** Who watches a Job that is removed hears of its end. */
  const watchers = new Map<string, ((end: { outputs: undefined; state: 'lost' }) => void)[]>();
  const compute: Pick<Compute, 'create' | 'watch' | 'list' | 'remove' | 'logs'> = {
    create: async (job) => {
      const adopted = jobs.has(job.name);
      calls.push(`${adopted ? 'adopt' : 'create'} ${job.name}`);
      jobs.set(job.name, job);
      return { adopted, name: job.name };
    },
    watch: async (name, { signal }) => {
      const job = jobs.get(name);
      const aborted = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      });
      aborted.catch(() => undefined);
      const removed = new Promise<{ outputs: undefined; state: 'lost' }>((resolve) => {
        watchers.set(name, [...(watchers.get(name) ?? []), resolve]);
      });
      const { outputs, ...end } = job
        ? await Promise.race([ports.onJob(job, signal), aborted, removed])
        : { outputs: undefined, state: 'lost' as const };
      const place = job?.env.LONGHAUL_OUTPUTS;
      if (outputs !== undefined && place) await store.write(place.startsWith('file:') ? place : `file://${place}`, JSON.stringify(outputs));
      return {
        ...UNKNOWN_END,
        state: 'succeeded',
        exitCode: 0,
        node: 'n',
        startedAt: 0,
        endedAt: 3_600_000,
        ...end,
      };
    },
    list: async (labels = {}) =>
      [...jobs.values()]
        .filter((job) => Object.entries(labels).every(([key, value]) => (job.labels as Record<string, string>)[key] === value))
        .map(({ name, labels: own }) => ({ name, labels: own, phase: 'running' })),
    logs: async function* (name) {
      const job = jobs.get(name);
      if (job) yield `2026-11-29T10:00:00Z ${job.labels.step} writes`;
    },
    remove: async (name) => {
      calls.push(`remove ${name}`);
      jobs.delete(name);
      for (const tell of watchers.get(name) ?? []) tell({ outputs: undefined, state: 'lost' });
      watchers.delete(name);
    },
  };
  return ports;
}
