import type { LedgerRow, LedgerTable } from '../contract/ledger.ts';
import type { Json, QueryParameter } from '../contract/values.ts';

/** Given to everything that may last: abort cancels the job behind it, progress becomes heartbeats. */
export interface JobContext {
  readonly signal: AbortSignal;
  readonly progress: (progress: {
    readonly stage: string;
    readonly done?: number;
    readonly bytes?: number;
    readonly slotMs?: number;
    readonly job?: string;
  }) => void;
}

export interface Statement {
  /** GoogleSQL; `{alias}` stands for a table of `tables` or `sources`. */
  readonly sql: string;
  readonly sqlFile: string;
  readonly parameters: Readonly<Record<string, QueryParameter>>;
  readonly tables: Readonly<Record<string, string>>;
  /** alias → URI of one parquet file, or of a prefix of parts. */
  readonly sources: Readonly<Record<string, string>>;
  /** Of the job, where there is one. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Rows beyond what a result may have are left out, and not refused. */
  readonly firstRows?: boolean;
}

export interface QueryRequest extends Statement {
  /** Deterministic: the same id adopts the job that is running or done. */
  readonly jobId: string;
  readonly destination: string;
  readonly partitioning?: { readonly column: string; readonly granularity: 'HOUR' | 'DAY' | 'MONTH' | 'YEAR' };
  readonly clustering: readonly string[];
  readonly expirationDays?: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly maximumBytesBilled?: number;
}

export interface TableInfo {
  readonly table: string;
  readonly rows: number;
  readonly bytes: number;
  /** Changes whenever the content may have (BigQuery: etag; embedded: generation). */
  readonly version: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** The job that made it, where known. */
  readonly job: string | null;
}

export interface ExportRequest {
  readonly jobId: string;
  readonly table: string;
  /** Prefix URI; parts are `{destination}/part-*.parquet`. */
  readonly destination: string;
  readonly partSizeMb: number;
  readonly rowsPerPart?: number;
  readonly compression: 'snappy' | 'zstd' | 'gzip' | 'none';
  readonly orderBy: readonly string[];
  /** Column whose equal values lie in one part, next to each other. */
  readonly session?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Which rows a part holds: those whose `session` falls into its bucket (see `src/adapters/google-sql/buckets.ts`), or any. */
export interface PartsLayout {
  readonly session: string | null;
  readonly buckets: number;
  readonly orderBy: readonly string[];
}

export interface ExportManifest {
  readonly uri: string;
  readonly table: string;
  readonly tableVersion: string;
  readonly rows: number;
  readonly bytes: number;
  /** Absent in what older versions wrote. */
  readonly layout?: PartsLayout;
  readonly parts: readonly {
    readonly name: string;
    /** Where parts are made by the hash of the session. */
    readonly bucket?: number;
    readonly rows: number;
    readonly bytes: number;
    readonly generation: string;
    readonly crc32c: string | null;
  }[];
}

export interface PredictRequest {
  readonly jobId: string;
  /** URI of an export (the directory with READY). */
  readonly model: string;
  /** Test set as a table, and as parquet parts. */
  readonly table: string;
  readonly data: string;
  /** URI of features.json. */
  readonly features: string;
  /** Columns of the session or candidate to carry along, each once. */
  readonly columns: readonly string[];
  /** Scores: session, item, label, score, and `columns`. */
  readonly destination: string;
  readonly expirationDays?: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface QueryEstimate {
  /** null where the warehouse cannot tell. */
  readonly bytes: number | null;
  readonly cost: number | null;
}

/** Tables, SQL and the ledger. GoogleSQL everywhere. Errors are `AdapterError`s: InvalidQuery, AccessDenied, BudgetExceeded, Unavailable, InvalidInput. */
export interface Warehouse {
  query(request: QueryRequest, context: JobContext): Promise<TableInfo>;
  /** Checks the statement and tells its price before anything starts. */
  dryRun(statement: Statement): Promise<QueryEstimate>;
  describe(table: string): Promise<TableInfo | null>;
  /** Writes all parts, then `manifest.json`; the prefix never mixes old and new parts; row counts are compared. */
  export(request: ExportRequest, context: JobContext): Promise<ExportManifest>;
  predict(request: PredictRequest, context: JobContext): Promise<TableInfo>;
  /** Small results (at most 10,000 rows), e.g. metrics. */
  rows(statement: Statement, context: JobContext): Promise<readonly Readonly<Record<string, Json>>[]>;
  drop(table: string): Promise<void>;
  /** Appends to the ledger; the same key twice writes nothing twice. Creates and migrates the tables on first use. */
  append<T extends LedgerTable>(table: T, rows: readonly LedgerRow<T>[], key: string): Promise<void>;
  /**
   * Rows of the ledger, one for each key of the table (the last by time), filtered by equality.
   * @param since ms since 1970: only rows whose `time` is not before
   */
  ledger<T extends LedgerTable>(
    table: T,
    where?: Readonly<Partial<Record<string, string | number | boolean>>>,
    since?: number,
  ): Promise<readonly LedgerRow<T>[]>;
  /** Ends what still runs under ids that begin with this one, whoever started it. Of a warehouse whose statements end with their worker: nothing. */
  cancel(jobId: string): Promise<void>;
  close(): Promise<void>;
}
