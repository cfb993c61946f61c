import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckDBInstance } from '@duckdb/node-api';
import type { AdapterError } from '../../src/contract/errors.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { Json, QueryParameter } from '../../src/contract/values.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { ExportManifest, ExportRequest, JobContext, QueryRequest, Statement, Warehouse } from '../../src/ports/warehouse.ts';

/** What a suite needs of an adapter: a data set that nothing else uses, and the object store beside it. */
interface OpenedWarehouse {
  readonly warehouse: Warehouse;
  /** Another client of the same warehouse, as another worker would have. */
  readonly other: Warehouse;
  readonly store: ObjectStore;
  readonly dataset: string;
  /** Whether parts can be had by size or rows; an emulator may write one part whatever is asked. */
  readonly splitsParts: boolean;
  /** Whether every part but the last has all the rows that it may have. */
  readonly partsAreFull: boolean;
  close(): Promise<void>;
}

async function parquetRows(file: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`);
    return reader.getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const LONG_QUERY =
  'SELECT COUNT(*) AS c FROM UNNEST(GENERATE_ARRAY(1, 300000)) AS a, UNNEST(GENERATE_ARRAY(1, 300000)) AS b WHERE MOD(a * b, 7) = 3';

/** Claims that every `Warehouse` must keep. Statements are GoogleSQL that all adapters understand. */
export function warehouseContract(name: string, open: () => Promise<OpenedWarehouse>): void {
  describe(`warehouse contract: ${name}`, () => {
    let opened: OpenedWarehouse;
    let warehouse: Warehouse;
    let local: string;
    let count = 0;
    const stamp = Date.now().toString(36);

    beforeAll(async () => {
      opened = await open();
      warehouse = opened.warehouse;
      local = await mkdtemp(join(tmpdir(), 'longhaul-warehouse-'));
    });
    afterAll(async () => {
      await opened.close();
      await rm(local, { recursive: true, force: true });
    });

    const context = (changes: Partial<JobContext> = {}): JobContext => ({
      signal: new AbortController().signal,
      progress: () => undefined,
      ...changes,
    });
    const freshTable = (): string => `${opened.dataset}.t${++count}_${stamp}`;
    const freshJob = (): string => `contract-${stamp}-${++count}`;
    const freshPrefix = (): string => `${opened.store.root}/exports/${++count}-${stamp}`;
    const statement = (sql: string, changes: Partial<Statement> = {}): Statement => ({
      sql,
      sqlFile: 'sql/test.sql',
      parameters: {},
      tables: {},
      sources: {},
      ...changes,
    });
    const request = (sql: string, changes: Partial<QueryRequest> = {}): QueryRequest => ({
      ...statement(sql),
      jobId: freshJob(),
      destination: freshTable(),
      clustering: [],
      labels: { pipeline: 'contract' },
      ...changes,
    });
    const rows = (sql: string, changes: Partial<Statement> = {}, from = warehouse): Promise<readonly Readonly<Record<string, Json>>[]> =>
      from.rows(statement(sql, changes), context());
    const make = async (sql: string, changes: Partial<QueryRequest> = {}): Promise<string> =>
      (await warehouse.query(request(sql, changes), context())).table;
    const ownNumbers = (n: number): Promise<string> =>
      make(
        `SELECT n AS id, MOD(n, 7) AS grp, CAST(n AS FLOAT64) / 4 AS value, CONCAT('name ', CAST(n AS STRING)) AS name FROM UNNEST(GENERATE_ARRAY(1, ${n})) AS n`,
      );
    const numbersMade = new Map<number, Promise<string>>();
    /** For tests that only read them. */
    const numbers = (n: number): Promise<string> => {
      const made = numbersMade.get(n) ?? ownNumbers(n);
      numbersMade.set(n, made);
      return made;
    };
    const failureOf = (work: Promise<unknown>): Promise<AdapterError> =>
      work.then(
        () => {
          throw new Error('it did not fail');
        },
        (error: unknown) => error as AdapterError,
      );

    describe('query', () => {
      it('makes the destination of the SELECT and tells what it is', async () => {
        const made = await warehouse.query(
          request(`SELECT 1 AS a, 'x' AS b, 1.5 AS c, TRUE AS d UNION ALL SELECT 2, 'y', 2.5, FALSE`),
          context(),
        );
        expect(made).toMatchObject({
          rows: 2,
          columns: [
            { name: 'a', type: 'INT64' },
            { name: 'b', type: 'STRING' },
            { name: 'c', type: 'FLOAT64' },
            { name: 'd', type: 'BOOL' },
          ],
        });
        expect(made.bytes).toBeGreaterThan(0);
        expect(await opened.other.describe(made.table)).toEqual(made);
        expect(await rows('SELECT * FROM {t} AS t ORDER BY a', { tables: { t: made.table } }, opened.other)).toEqual([
          { a: 1, b: 'x', c: 1.5, d: true },
          { a: 2, b: 'y', c: 2.5, d: false },
        ]);
      });

      it('has GoogleSQL’s types, of sums and counts as well', async () => {
        const table = await numbers(10);
        const made = await warehouse.query(
          request(
            `SELECT SUM(t.id) AS total, COUNT(*) AS n, AVG(t.id) AS mean, MAX(t.name) AS name, DATE '2026-01-31' AS day, TIMESTAMP '2026-01-31 10:20:30+00' AS at,
               DATETIME '2026-01-31 10:20:30' AS local_at, ARRAY_AGG(t.id ORDER BY t.id) AS ids, ARRAY_AGG(STRUCT(t.id AS id, t.name AS name) ORDER BY t.id) AS pairs FROM {t} AS t`,
            { tables: { t: table } },
          ),
          context(),
        );
        const types = Object.fromEntries(made.columns.map((column) => [column.name, column.type.replaceAll(', ', ',')]));
        expect(types).toMatchObject({
          total: 'INT64',
          n: 'INT64',
          mean: 'FLOAT64',
          name: 'STRING',
          day: 'DATE',
          at: 'TIMESTAMP',
          local_at: 'DATETIME',
          ids: 'ARRAY<INT64>',
          pairs: 'ARRAY<STRUCT<id INT64,name STRING>>',
        });
        const [row] = await rows('SELECT * FROM {t} AS t', { tables: { t: made.table } });
        expect(row).toMatchObject({ total: 55, n: 10, mean: 5.5, day: '2026-01-31', at: '2026-01-31T10:20:30.000Z' });
        expect(row!['pairs']).toHaveLength(10);
        expect((row!['pairs'] as Json[])[0]).toEqual({ id: 1, name: 'name 1' });
      });

      it('replaces the destination whole', async () => {
        const destination = freshTable();
        const first = await warehouse.query(request('SELECT 1 AS a, 2 AS b', { destination }), context());
        const second = await warehouse.query(request(`SELECT 'new' AS c`, { destination }), context());
        expect(second.version).not.toBe(first.version);
        expect((await warehouse.describe(destination))!.columns).toEqual([{ name: 'c', type: 'STRING' }]);
        expect(await rows('SELECT * FROM {t} AS t', { tables: { t: destination } })).toEqual([{ c: 'new' }]);
      });

      it('can read the table that it replaces', async () => {
        const destination = await ownNumbers(5);
        await warehouse.query(request('SELECT t.id + 100 AS id FROM {old} AS t', { destination, tables: { old: destination } }), context());
        expect(await rows('SELECT MIN(t.id) AS low FROM {t} AS t', { tables: { t: destination } })).toEqual([{ low: 101 }]);
      });

      it('makes an empty table with its columns', async () => {
        const made = await warehouse.query(
          request('SELECT t.id, t.name FROM {t} AS t WHERE t.id < 0', { tables: { t: await numbers(3) } }),
          context(),
        );
        expect(made).toMatchObject({
          rows: 0,
          columns: [
            { name: 'id', type: 'INT64' },
            { name: 'name', type: 'STRING' },
          ],
        });
      });

      it('takes aliases only where they are tables', async () => {
        const table = await numbers(3);
        const sql = `-- {missing} in a comment\n/* {missing} */ WITH numbers AS (SELECT t.id * 10 AS id FROM {numbers} AS t)\nSELECT '{missing}' AS text, (SELECT SUM(id) FROM numbers) AS of_cte, (SELECT SUM(n.id) FROM {numbers} AS n) AS of_table # {missing}`;
        expect(await rows(sql, { tables: { numbers: table } })).toEqual([{ text: '{missing}', of_cte: 60, of_table: 6 }]);
      });

      it('accepts partitioning, clustering, expiration, labels', async () => {
        const made = await warehouse.query(
          request(`SELECT DATE '2026-01-31' AS day, n AS id FROM UNNEST(GENERATE_ARRAY(1, 3)) AS n`, {
            partitioning: { column: 'day', granularity: 'DAY' },
            clustering: ['id'],
            expirationDays: 1,
            labels: { a: 'b' },
          }),
          context(),
        );
        expect(made.rows).toBe(3);
      });

      it('tells of progress and the job', async () => {
        const stages: string[] = [];
        const made = await warehouse.query(request('SELECT 1 AS a'), context({ progress: (each) => stages.push(each.stage) }));
        expect(stages.length).toBeGreaterThan(0);
        expect(made.job).not.toBeNull();
      });
    });

    describe('parameters', () => {
      const parameter = (type: string, value: Json): { p: QueryParameter } => ({ p: { type, value } });
      it.each<[string, Json, string, Json]>([
        ['INT64', 9007199254740991, '@p', 9007199254740991],
        ['INT64', '4611686018427387904', 'MOD(@p, 1000)', 904],
        ['INT64', -1, '@p', -1],
        ['FLOAT64', 0.1, '@p', 0.1],
        ['FLOAT64', 3, '@p / 2', 1.5],
        ['STRING', `it's "quoted" \\ {x} @y $z; -- 商品`, '@p', `it's "quoted" \\ {x} @y $z; -- 商品`],
        ['STRING', '', 'LENGTH(@p)', 0],
        ['BOOL', true, 'NOT @p', false],
        ['DATE', '2026-02-28', 'DATE_ADD(@p, INTERVAL 1 DAY)', '2026-03-01'],
        ['TIMESTAMP', '2026-02-28T23:59:59.5+02:00', '@p', '2026-02-28T21:59:59.500Z'],
        ['DATETIME', '2026-02-28T23:59:59', 'CAST(@p AS STRING)', '2026-02-28 23:59:59'],
        ['BYTES', 'AAH/', 'TO_HEX(@p)', '0001ff'],
        ['ARRAY<INT64>', [3, 1, 2], 'ARRAY_LENGTH(@p)', 3],
        ['ARRAY<STRING>', ['b', 'a'], `'a' IN UNNEST(@p)`, true],
        ['ARRAY<INT64>', [], 'ARRAY_LENGTH(@p)', 0],
        ['STRUCT<a INT64, b STRING>', { a: 1, b: 'x' }, '@p.b', 'x'],
        [
          'ARRAY<STRUCT<a INT64, b STRING>>',
          [
            { a: 1, b: 'x' },
            { a: 2, b: 'y' },
          ],
          '(SELECT SUM(e.a) FROM UNNEST(@p) AS e)',
          3,
        ],
        ['STRING', null, 'IFNULL(@p, "none")', 'none'],
        ['INT64', null, '@p IS NULL', true],
      ])('of type %s: %j', async (type, value, sql, expected) => {
        expect(await rows(`SELECT ${sql} AS result`, { parameters: parameter(type, value) })).toEqual([{ result: expected }]);
      });

      it('reach tables too, as often as they are named', async () => {
        const table = await numbers(10);
        const made = await make('SELECT t.id, @shift AS shift FROM {t} AS t WHERE t.id > @low AND t.id + @shift < 120', {
          tables: { t: table },
          parameters: { low: { type: 'INT64', value: 5 }, shift: { type: 'INT64', value: 100 }, unused: { type: 'STRING', value: 'x' } },
        });
        expect(await rows('SELECT COUNT(*) AS n, MAX(t.shift) AS shift FROM {t} AS t', { tables: { t: made } })).toEqual([
          { n: 5, shift: 100 },
        ]);
      });

      it.each<[string, Json]>([
        ['INT64', 1.5],
        ['INT64', 'x'],
        ['DATE', '2026-02-30'],
        ['TIMESTAMP', 'yesterday'],
        ['BOOL', 'true'],
        ['ARRAY<INT64>', 1],
        ['NO_SUCH_TYPE', 1],
      ])('of a wrong value are refused: %s %j', async (type, value) => {
        const error = await failureOf(rows('SELECT @p AS result', { parameters: parameter(type, value) }));
        expect(error).toMatchObject({ name: 'AdapterError' });
        expect(['InvalidInput', 'InvalidQuery']).toContain(error.type);
        expect(error.message).toContain('p');
      });

      it('without a value are refused by name', async () => {
        expect(await failureOf(rows('SELECT @missing AS result'))).toMatchObject({
          type: 'InvalidQuery',
          message: expect.stringContaining('missing') as string,
        });
      });
    });

    describe('job ids', () => {
      it('adopt the job that is done', async () => {
        const again = request('SELECT 1 AS a');
        const first = await warehouse.query(again, context());
        expect(await warehouse.query(again, context())).toEqual(first);
        expect(await opened.other.query(again, context())).toEqual(first);
      });

      it('adopt the job that is running', async () => {
        const same = request(
          'SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 20000)) AS a, UNNEST(GENERATE_ARRAY(1, 20000)) AS b WHERE MOD(a * b, 7) = 3',
        );
        const { promise: running, resolve } = Promise.withResolvers<unknown>();
        const first = warehouse.query(same, context({ progress: resolve }));
        await Promise.race([running, first]);
        const made = await Promise.all([first, opened.other.query(same, context()), warehouse.query(same, context())]);
        expect(new Set(made.map((info) => info.version)).size).toBe(1);
      });

      it('of another query make another version', async () => {
        const destination = freshTable();
        const versions = [];
        for (let i = 0; i < 3; i++) versions.push((await warehouse.query(request('SELECT 1 AS a', { destination }), context())).version);
        expect(new Set(versions).size).toBe(3);
      });

      it('may be used again after a failure', async () => {
        const jobId = freshJob();
        const destination = freshTable();
        await failureOf(warehouse.query(request('SELECT ERROR("on purpose") AS a', { jobId, destination }), context()));
        expect(await warehouse.describe(destination)).toBeNull();
      });
    });

    describe('cancelling', () => {
      it('ends the statement with the signal’s reason and makes nothing', async () => {
        const controller = new AbortController();
        const reason = new Error('cancelled by the user');
        const destination = freshTable();
        let started: () => void = () => undefined;
        const running = new Promise<void>((resolve) => (started = resolve));
        const work = failureOf(
          warehouse.query(request(LONG_QUERY, { destination }), context({ signal: controller.signal, progress: () => started() })),
        );
        await running;
        controller.abort(reason);
        expect(await work).toBe(reason);
        expect(await warehouse.describe(destination)).toBeNull();
        // And others go on.
        expect(await rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      });

      it('does not begin when it was aborted before', async () => {
        const reason = new Error('too late');
        expect(await failureOf(warehouse.query(request('SELECT 1 AS a'), context({ signal: AbortSignal.abort(reason) })))).toBe(reason);
        expect(
          await failureOf(
            rows('SELECT 1 AS a').then(() => warehouse.rows(statement(LONG_QUERY), context({ signal: AbortSignal.abort(reason) }))),
          ),
        ).toBe(reason);
      });
    });

    describe('mistakes in SQL', () => {
      const place = (line: number, column: number): RegExp => new RegExp(`sql/test\\.sql:${line}:${column}\\b`);
      it('are told with file, line and column: grammar', async () => {
        const error = await failureOf(warehouse.query(request('SELECT 1 AS a\nFROM WHERE x'), context()));
        expect(error).toMatchObject({
          name: 'AdapterError',
          type: 'InvalidQuery',
          message: expect.stringMatching(/sql\/test\.sql:2:\d+/) as string,
        });
      });

      it('are told with file, line and column: an unknown column', async () => {
        const table = await numbers(3);
        const error = await failureOf(rows('SELECT\n  t.id,\n  t.nonsense\nFROM {t} AS t', { tables: { t: table } }));
        expect(error).toMatchObject({ type: 'InvalidQuery', message: expect.stringMatching(/nonsense/) as string });
        expect(error.message).toMatch(/sql\/test\.sql:3:(3|5)\b/);
      });

      it('are told with file, line and column: an alias that stands for nothing', async () => {
        const error = await failureOf(rows('SELECT *\nFROM {t} AS t\nJOIN {other} AS o USING (id)', { tables: { t: await numbers(3) } }));
        expect(error).toMatchObject({ type: 'InvalidQuery', message: expect.stringMatching(place(3, 6)) as string });
        expect(error.message).toContain('{other}');
      });

      it('are told in the language of the user: a table that is not there', async () => {
        const missing = `${opened.dataset}.no_such_table`;
        const error = await failureOf(rows('SELECT * FROM {t} AS t', { tables: { t: missing } }));
        expect(error.name).toBe('AdapterError');
        expect(['InvalidInput', 'InvalidQuery']).toContain(error.type);
        expect(error.message).toContain(missing);
      });

      it('are told when they show only while it runs', async () => {
        const error = await failureOf(rows(`SELECT CAST(t.name AS INT64) AS a FROM {t} AS t`, { tables: { t: await numbers(3) } }));
        expect(error).toMatchObject({ type: 'InvalidQuery', message: expect.stringContaining('name 1') as string });
      });
    });

    describe('dry run', () => {
      it('accepts what would run, and runs nothing', async () => {
        const estimate = await warehouse.dryRun(
          statement('SELECT t.id FROM {t} AS t WHERE t.id > @low', {
            tables: { t: await numbers(3) },
            parameters: { low: { type: 'INT64', value: 1 } },
          }),
        );
        expect(estimate.bytes === null || estimate.bytes >= 0).toBe(true);
        expect(estimate.cost === null || estimate.cost >= 0).toBe(true);
      });

      it('refuses grammar and unknown columns', async () => {
        expect(await failureOf(warehouse.dryRun(statement('SELEC 1')))).toMatchObject({ type: 'InvalidQuery' });
        expect(
          await failureOf(warehouse.dryRun(statement('SELECT t.nonsense FROM {t} AS t', { tables: { t: await numbers(3) } }))),
        ).toMatchObject({ type: 'InvalidQuery' });
      });
    });

    describe('describe', () => {
      it('tells null for what is not there, and the same version until it is written again', async () => {
        expect(await warehouse.describe(`${opened.dataset}.never`)).toBeNull();
        const table = await numbers(3);
        const first = await warehouse.describe(table);
        await rows('SELECT * FROM {t} AS t', { tables: { t: table } });
        expect(await opened.other.describe(table)).toEqual(first);
      });

      it('refuses names that are none', async () => {
        for (const bad of ['no_dataset', 'a.b.c.d', '../x.y', 'a.b/c', 'a.', ''])
          expect(await failureOf(warehouse.describe(bad)), bad).toMatchObject({ name: 'AdapterError', type: 'InvalidInput' });
      });
    });

    describe('rows', () => {
      it('come in the order of the statement, as JSON', async () => {
        expect(await rows('SELECT t.id, t.value FROM {t} AS t ORDER BY t.id DESC', { tables: { t: await numbers(3) } })).toEqual([
          { id: 3, value: 0.75 },
          { id: 2, value: 0.5 },
          { id: 1, value: 0.25 },
        ]);
        expect(await rows(`SELECT NULL AS nothing, [1, 2] AS list, STRUCT('x' AS a, [TRUE] AS b) AS record`)).toEqual([
          { nothing: null, list: [1, 2], record: { a: 'x', b: [true] } },
        ]);
      });

      it('may be none', async () => {
        expect(await rows('SELECT t.id FROM {t} AS t WHERE FALSE', { tables: { t: await numbers(3) } })).toEqual([]);
      });

      it('are refused beyond 10,000', async () => {
        const many = (n: number): string => `SELECT n FROM UNNEST(GENERATE_ARRAY(1, ${n})) AS n`;
        expect(await rows(many(10_000))).toHaveLength(10_000);
        expect(await failureOf(rows(many(10_001)))).toMatchObject({
          name: 'AdapterError',
          message: expect.stringContaining('10000') as string,
        });
      });
    });

    describe('drop', () => {
      it('removes a table, and is fine with none', async () => {
        const table = await ownNumbers(3);
        await opened.other.drop(table);
        expect(await warehouse.describe(table)).toBeNull();
        await warehouse.drop(table);
      });

      it('frees the name, and the job id with it', async () => {
        const again = request('SELECT 1 AS a');
        await warehouse.query(again, context());
        await warehouse.drop(again.destination);
        expect((await warehouse.query({ ...again, jobId: freshJob() }, context())).rows).toBe(1);
      });
    });

    describe('export', () => {
      const exportRequest = (table: string, changes: Partial<ExportRequest> = {}): ExportRequest => ({
        jobId: freshJob(),
        table,
        destination: freshPrefix(),
        partSizeMb: 64,
        compression: 'snappy',
        orderBy: [],
        labels: { pipeline: 'contract' },
        ...changes,
      });
      const objectsBelow = async (prefix: string): Promise<string[]> => {
        const names: string[] = [];
        for await (const info of opened.store.list(`${prefix}/`)) names.push(info.uri.slice(prefix.length + 1));
        return names;
      };
      const contentHash = async (prefix: string, names: readonly string[]): Promise<string> => {
        const hash = createHash('sha256');
        for (const each of names) {
          await opened.store.download(`${prefix}/${each}`, join(local, 'part'));
          hash.update(await readFile(join(local, 'part')));
        }
        return hash.digest('hex');
      };

      it('writes parts and a manifest that agree with each other, the table and the objects', async () => {
        const table = await numbers(5000);
        const asked = exportRequest(table);
        const manifest = await warehouse.export(asked, context());
        expect(manifest).toMatchObject({
          uri: `${asked.destination}/manifest.json`,
          table,
          tableVersion: (await warehouse.describe(table))!.version,
          rows: 5000,
        });
        expect(JSON.parse(Buffer.from((await opened.store.read(manifest.uri))!.data).toString())).toEqual(manifest);
        expect(await objectsBelow(asked.destination)).toEqual(['manifest.json', ...manifest.parts.map((part) => part.name)].sort());
        expect(manifest.parts.reduce((sum, part) => sum + part.rows, 0)).toBe(5000);
        expect(manifest.parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(manifest.bytes);
        for (const part of manifest.parts) {
          expect(part.name).toMatch(/^part-.*\.parquet$/);
          expect(await opened.store.stat(`${asked.destination}/${part.name}`)).toMatchObject({
            bytes: part.bytes,
            generation: part.generation,
          });
        }
      });

      it('can be read again as a source, whole and in part', async () => {
        const table = await make(`SELECT n AS id, [STRUCT(n AS item, 'é' AS name)] AS candidates FROM UNNEST(GENERATE_ARRAY(1, 100)) AS n`);
        const manifest = await warehouse.export(exportRequest(table), context());
        const prefix = manifest.uri.slice(0, manifest.uri.lastIndexOf('/'));
        const sql = 'SELECT COUNT(*) AS n, SUM(s.id) AS total, MAX(c.name) AS name FROM {s} AS s, UNNEST(s.candidates) AS c';
        expect(await rows(sql, { sources: { s: prefix } })).toEqual([{ n: 100, total: 5050, name: 'é' }]);
        expect(await rows('SELECT COUNT(*) AS n FROM {s} AS s', { sources: { s: `${prefix}/${manifest.parts[0]!.name}` } })).toEqual([
          { n: manifest.parts[0]!.rows },
        ]);
      });

      it('never mixes with an earlier export of the same place', async () => {
        const destination = freshPrefix();
        await warehouse.export(exportRequest(await numbers(3000), { destination, rowsPerPart: 500 }), context());
        const manifest = await warehouse.export(exportRequest(await numbers(700), { destination, rowsPerPart: 500 }), context());
        expect(manifest.rows).toBe(700);
        expect(await objectsBelow(destination)).toEqual(['manifest.json', ...manifest.parts.map((part) => part.name)].sort());
        expect(await rows('SELECT COUNT(*) AS n FROM {s} AS s', { sources: { s: destination } })).toEqual([{ n: 700 }]);
      });

      const partsOf = (manifest: ExportManifest): string[] =>
        manifest.parts.map((part) => `${manifest.uri.slice(0, manifest.uri.lastIndexOf('/'))}/${part.name}`);
      /** Rows of a part as they lie in its file. */
      const readPart = async (uri: string): Promise<Record<string, unknown>[]> => {
        await opened.store.download(uri, join(local, 'part'));
        return parquetRows(join(local, 'part'));
      };

      it('keeps the wanted order inside a part', async () => {
        const manifest = await warehouse.export(
          exportRequest(await numbers(3000), { orderBy: ['grp', 'id desc'], rowsPerPart: 1000 }),
          context(),
        );
        expect(manifest.layout).toEqual({ session: null, buckets: expect.any(Number) as number, orderBy: ['grp', 'id desc'] });
        for (const uri of partsOf(manifest)) {
          const found = (await readPart(uri)).map((row) => [Number(row['grp']), Number(row['id'])] as const);
          expect(found).toEqual([...found].sort(([a, b], [c, d]) => a - c || d - b));
        }
      });

      // Sessions whose rows lie apart, in an order that has nothing to do with them.
      const sessions = (type: string): Promise<string> =>
        make(
          `SELECT CAST(MOD(n * 7919, 211) AS ${type}) AS visit, n AS id, MOD(n * 31, 977) AS at FROM UNNEST(GENERATE_ARRAY(1, 2600)) AS n`,
        );

      it.each([
        ['INT64', []],
        ['STRING', ['at desc', 'id']],
        ['STRING', ['visit desc', 'at']],
      ] as const)('never cuts a session of type %s, in the order %j', async (type, orderBy) => {
        const manifest = await warehouse.export(
          exportRequest(await sessions(type), { session: 'visit', rowsPerPart: 400, orderBy }),
          context(),
        );
        expect(manifest.layout).toEqual({ session: 'visit', buckets: 7, orderBy });
        expect(manifest.parts.length).toBeGreaterThan(3);
        const places = new Map<string, number>();
        let rowsSeen = 0;
        for (const [index, uri] of partsOf(manifest).entries()) {
          const found = await readPart(uri);
          rowsSeen += found.length;
          expect(found.length).toBe(manifest.parts[index]?.rows);
          const visits = found.map((row) => String(row['visit']));
          // Next to each other, in no other part, and in the bucket that the manifest says.
          for (const [at, visit] of visits.entries()) {
            if (visit === visits[at - 1]) continue;
            expect(places.has(visit)).toBe(false);
            places.set(visit, index);
            expect(Number(BigInt(`0x${createHash('md5').update(visit).digest('hex').slice(0, 15)}`) % 7n)).toBe(
              manifest.parts[index]?.bucket,
            );
          }
          const time = (row: Record<string, unknown> | undefined): number => Number(row?.['at']);
          if (orderBy[0] === 'at desc') {
            const firsts = found.filter((_, at) => visits[at] !== visits[at - 1]).map(time);
            expect(firsts).toEqual([...firsts].sort((a, b) => b - a));
          }
          if (orderBy[0] === 'visit desc') expect(visits).toEqual([...visits].sort().reverse());
        }
        expect([rowsSeen, places.size]).toEqual([2600, 211]);
      });

      it('refuses a session that is no column, or of a type whose text differs', async () => {
        for (const session of ['nobody', 'value'])
          expect(await failureOf(warehouse.export(exportRequest(await numbers(3), { session }), context()))).toMatchObject({
            type: 'InvalidInput',
            message: expect.stringContaining(`session: expected `) as string,
          });
      });

      it('cuts parts by rows and by size where it can', async () => {
        if (!opened.splitsParts) return;
        const table = await numbers(3001);
        const byRows = await warehouse.export(exportRequest(table, { rowsPerPart: 1000 }), context());
        const rows = byRows.parts.map((part) => part.rows);
        if (opened.partsAreFull) expect(rows).toEqual([1000, 1000, 1000, 1]);
        expect(rows.length).toBe(4);
        expect(Math.max(...rows)).toBeLessThanOrEqual(1000);
        const big = await make('SELECT n AS id, SQRT(n) AS a, SQRT(n + 0.5) AS b FROM UNNEST(GENERATE_ARRAY(1, 300000)) AS n');
        const bySize = await warehouse.export(exportRequest(big, { partSizeMb: 1 }), context());
        expect(bySize.parts.length).toBeGreaterThanOrEqual(3);
        for (const part of bySize.parts) expect(part.bytes).toBeLessThan(2 * 1024 * 1024);
      });

      it('gives equal parts for an equal table', async () => {
        const table = await numbers(20_000);
        const first = await warehouse.export(exportRequest(table), context());
        const second = await warehouse.export(exportRequest(table), context());
        const prefix = (uri: string): string => uri.slice(0, uri.lastIndexOf('/'));
        const names = (manifest: typeof first): string[] => manifest.parts.map((part) => part.name);
        expect(await contentHash(prefix(second.uri), names(second))).toBe(await contentHash(prefix(first.uri), names(first)));
      });

      it.each(['snappy', 'zstd', 'gzip', 'none'] as const)('compresses with %s', async (compression) => {
        const manifest = await warehouse.export(exportRequest(await numbers(100), { compression }), context());
        expect(
          await rows('SELECT COUNT(*) AS n FROM {s} AS s', { sources: { s: manifest.uri.slice(0, manifest.uri.lastIndexOf('/')) } }),
        ).toEqual([{ n: 100 }]);
      });

      it('of an empty table has a manifest too', async () => {
        const table = await make('SELECT 1 AS a FROM UNNEST(GENERATE_ARRAY(1, 3)) AS n WHERE n > 5');
        expect(await warehouse.export(exportRequest(table), context())).toMatchObject({ rows: 0 });
      });

      it('adopts the job of the same id while its parts are there, and makes lost ones again', async () => {
        const asked = exportRequest(await numbers(100));
        const [first, same] = await Promise.all([warehouse.export(asked, context()), opened.other.export(asked, context())]);
        expect(same).toEqual(first);
        expect(await opened.other.export(asked, context())).toEqual(first);
        await opened.store.remove(`${asked.destination}/${first.parts[0]!.name}`);
        const again = await warehouse.export({ ...asked, jobId: freshJob() }, context());
        expect(await opened.store.stat(`${asked.destination}/${again.parts[0]!.name}`)).not.toBeNull();
      });

      it('refuses what it cannot do', async () => {
        expect(await failureOf(warehouse.export(exportRequest(`${opened.dataset}.never`), context()))).toMatchObject({
          name: 'AdapterError',
          message: expect.stringContaining('never') as string,
        });
        expect(
          await failureOf(warehouse.export(exportRequest(await numbers(3), { destination: 's3://elsewhere/x' }), context())),
        ).toMatchObject({ name: 'AdapterError', type: 'InvalidInput' });
        expect(await failureOf(warehouse.export(exportRequest(await numbers(3), { orderBy: ['nonsense'] }), context()))).toMatchObject({
          name: 'AdapterError',
        });
      });
    });

    describe('ledger', () => {
      const run = (): string => `run-${stamp}-${++count}`;
      const step = (of: string, changes: Partial<LedgerRow<'steps'>> = {}): LedgerRow<'steps'> => ({
        pipeline: 'contract',
        run: of,
        time: '2026-01-01T00:00:00.000Z',
        step: 'a',
        status: 'running',
        ...changes,
      });
      const statusesOf = async (of: string, from = warehouse): Promise<[unknown, unknown][]> =>
        (await from.ledger('steps', { run: of }))
          .map((row): [unknown, unknown] => [row.step, row.status])
          .sort((a, b) => String(a[0]).localeCompare(String(b[0])));

      it('appends rows of every type and reads them from any client', async () => {
        const of = run();
        const row: LedgerRow<'steps'> = step(of, {
          kind: 'query',
          cache_key: 'k',
          cache_hit: false,
          started_at: '2026-01-01T00:00:00.000Z',
          outputs: '{"a":[1,"ü"]}',
          bytes: 4611686018427388,
          cost: 0.25,
        });
        await warehouse.append('steps', [row], `${of}/a`);
        const [found] = await opened.other.ledger('steps', { run: of });
        expect(found).toMatchObject({ run: of, step: 'a', cache_hit: false, bytes: 4611686018427388, cost: 0.25 });
        expect(JSON.parse(String(found!.outputs))).toEqual({ a: [1, 'ü'] });
        expect(new Date(String(found!.started_at)).toISOString()).toBe('2026-01-01T00:00:00.000Z');
        expect(found!.error ?? null).toBeNull();
      });

      it('keeps a row for each machine of an attempt', async () => {
        const of = run();
        const machine = (attempt: number, rank: number): LedgerRow<'attempt_nodes'> => ({
          pipeline: 'contract',
          run: of,
          time: '2026-01-01T00:00:00.000Z',
          step: 's',
          trial: 0,
          attempt,
          rank,
          node: `node-${rank}`,
          seconds: 1.5,
          cost: 0.25,
        });
        for (const client of [warehouse, opened.other])
          for (const attempt of [1, 2])
            await client.append(
              'attempt_nodes',
              [0, 1, 2].map((rank) => machine(attempt, rank)),
              `${of}/s/0/${attempt}`,
            );
        const found = await warehouse.ledger('attempt_nodes', { run: of });
        expect(found.map(({ attempt, rank, node }) => `${String(attempt)} ${String(rank)} ${String(node)}`).sort()).toEqual(
          [1, 2].flatMap((attempt) => [0, 1, 2].map((rank) => `${attempt} ${rank} node-${rank}`)),
        );
      });

      it('writes nothing twice under the same key', async () => {
        const of = run();
        const evaluation = (metric: string): LedgerRow<'evaluations'> => ({
          pipeline: 'contract',
          run: of,
          time: '2026-01-01T00:00:00.000Z',
          step: 'e',
          trial: 1,
          metric,
          value: 1,
        });
        for (const client of [warehouse, opened.other, warehouse])
          await client.append('evaluations', [evaluation('mrr'), evaluation('ndcg')], `${of}/e`);
        expect(await warehouse.ledger('evaluations', { run: of })).toHaveLength(2);
        await warehouse.append('steps', [step(of)], `${of}/same`);
        await warehouse.append('steps', [step(of, { status: 'failed', time: '2026-01-02T00:00:00.000Z' })], `${of}/same`);
        expect(await statusesOf(of)).toEqual([['a', 'running']]);
      });

      it('has one row for each key, the last by time whatever the order of appending', async () => {
        const of = run();
        await warehouse.append(
          'steps',
          [step(of, { status: 'succeeded', time: '2026-01-01T00:00:09.000Z' }), step(of, { step: 'b' })],
          `${of}/2`,
        );
        await warehouse.append('steps', [step(of, { status: 'running', time: '2026-01-01T00:00:01.000Z' })], `${of}/1`);
        await opened.other.append('steps', [step(of, { step: 'b', status: 'failed', time: '2026-01-01T00:00:02.000Z' })], `${of}/3`);
        expect(await statusesOf(of)).toEqual([
          ['a', 'succeeded'],
          ['b', 'failed'],
        ]);
        expect(await statusesOf(of, opened.other)).toEqual(await statusesOf(of));
      });

      it('filters by equality after merging', async () => {
        const of = run();
        await warehouse.append(
          'trials',
          [0, 1, 2].map((trial): LedgerRow<'trials'> => ({
            pipeline: 'contract',
            run: of,
            time: '2026-01-01T00:00:00.000Z',
            step: 's',
            trial,
            status: 'running',
          })),
          `${of}/1`,
        );
        await warehouse.append(
          'trials',
          [{ pipeline: 'contract', run: of, time: '2026-01-01T00:01:00.000Z', step: 's', trial: 1, status: 'succeeded' }],
          `${of}/2`,
        );
        const trials = async (where: Record<string, string | number | boolean>): Promise<unknown[]> =>
          (await warehouse.ledger('trials', { run: of, ...where })).map((row) => row.trial).sort();
        expect(await trials({ status: 'running' })).toEqual([0, 2]);
        expect(await trials({ trial: 1 })).toEqual([1]);
        expect(await trials({ trial: 1, status: 'running' })).toEqual([]);
        const since = async (time: string): Promise<unknown[]> =>
          (await warehouse.ledger('trials', { run: of }, Date.parse(time))).map((row) => row.trial).sort();
        expect(await since('2026-01-01T00:00:00.000Z')).toEqual([0, 1, 2]);
        expect(await since('2026-01-01T00:00:00.001Z')).toEqual([1]);
      });

      it('merges over runs where the run is not part of the key', async () => {
        const model = `model-${stamp}`;
        const row = (of: string, stage: string, time: string): LedgerRow<'models'> => ({
          pipeline: 'contract',
          run: of,
          time,
          model,
          stage,
        });
        await warehouse.append('models', [row('run-a', 'champion', '2026-01-01T00:00:00.000Z')], `${model}/1`);
        await warehouse.append('models', [row('run-b', 'retired', '2026-01-02T00:00:00.000Z')], `${model}/2`);
        expect((await warehouse.ledger('models', { model })).map((each) => each.stage)).toEqual(['retired']);
        expect(await warehouse.ledger('models', { model, run: 'run-a' })).toEqual([]);
      });

      it('loses nothing of many appends at once, and sees its own at once', async () => {
        const of = run();
        const progress = (n: number): LedgerRow<'progress'> => ({
          pipeline: 'contract',
          run: of,
          time: new Date(1767225600000 + n * 1000).toISOString(),
          step: 's',
          trial: n % 4,
          n,
          kind: 'train',
          metrics: '{}',
        });
        await Promise.all(
          Array.from({ length: 40 }, (_, i) =>
            (i % 2 ? warehouse : opened.other).append('progress', [progress(2 * i), progress(2 * i + 1)], `${of}/${i}`),
          ),
        );
        const found = await warehouse.ledger('progress', { run: of });
        expect(found.map((row) => row.n).sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 80 }, (_, i) => i));
      });

      it('takes any text as a key and as values', async () => {
        const of = `run/with spaces/ü'"\\${stamp}`;
        await warehouse.append(
          'runs',
          [{ pipeline: 'contract', run: of, time: '2026-01-01T00:00:00.000Z', error: `line 1\nline 2 'quoted' "double" \\ {x}` }],
          `../${of}/${'x'.repeat(300)}`,
        );
        expect(await warehouse.ledger('runs', { run: of })).toMatchObject([{ run: of, error: `line 1\nline 2 'quoted' "double" \\ {x}` }]);
      });

      it('takes no rows for nothing to do, and tells none of an unknown run', async () => {
        await warehouse.append('runs', [], 'nothing');
        expect(await warehouse.ledger('runs', { run: 'unknown' })).toEqual([]);
      });
    });
  });
}
