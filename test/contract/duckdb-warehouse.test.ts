import { DuckDBInstance } from '@duckdb/node-api';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { createSqlChecker, openDuckdbWarehouse } from '../../src/adapters/duckdb/index.ts';
import { uniqueName } from '../../src/adapters/temporaries.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { Json } from '../../src/contract/values.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { JobContext, QueryRequest, TableInfo, Warehouse } from '../../src/ports/warehouse.ts';
import { warehouseContract } from './warehouse.contract.ts';

interface Opened {
  readonly root: string;
  readonly store: ObjectStore;
  connect(): Promise<Warehouse>;
}

async function openNew(): Promise<Opened> {
  const root = await mkdtemp(join(tmpdir(), 'longhaul-duckdb-'));
  const store = await openDirectoryStore({ kind: 'directory', path: join(root, 'store') });
  return {
    root,
    store,
    connect: () => openDuckdbWarehouse({ kind: 'duckdb', path: join(root, 'warehouse'), threads: 2, memoryLimitMb: 1024 }, { store }),
  };
}

warehouseContract('duckdb', async () => {
  const opened = await openNew();
  const { root, store } = opened;
  const [warehouse, other] = [await opened.connect(), await opened.connect()];
  return {
    warehouse,
    other,
    store,
    dataset: 'contract',
    splitsParts: true,
    partsAreFull: true,
    async close() {
      await Promise.all([warehouse.close(), other.close()]);
      await rm(root, { recursive: true, force: true });
    },
  };
});

describe('duckdb warehouse', () => {
  let opened: Opened;
  let warehouse: Warehouse;
  let count = 0;
  beforeAll(async () => {
    opened = await openNew();
    warehouse = await opened.connect();
  });
  afterAll(async () => {
    await warehouse.close();
    await rm(opened.root, { recursive: true, force: true });
  });

  const context = (changes: Partial<JobContext> = {}): JobContext => ({
    signal: new AbortController().signal,
    progress: () => undefined,
    ...changes,
  });
  const request = (sql: string, changes: Partial<QueryRequest> = {}): QueryRequest => ({
    sql,
    sqlFile: 'sql/test.sql',
    parameters: {},
    tables: {},
    sources: {},
    jobId: `job-${++count}`,
    destination: `test.t${count}`,
    clustering: [],
    labels: {},
    ...changes,
  });
  const query = (sql: string, changes: Partial<QueryRequest> = {}): Promise<TableInfo> => warehouse.query(request(sql, changes), context());
  const rows = (sql: string, table: string): Promise<readonly Readonly<Record<string, Json>>[]> =>
    warehouse.rows(request(sql, { tables: { t: table } }), context());
  const numbers = (n: number): Promise<TableInfo> => query(`SELECT n AS id, 0 AS hits FROM UNNEST(GENERATE_ARRAY(1, ${n})) AS n`);

  describe('scripts', () => {
    it('run all statements; the last SELECT is the destination', async () => {
      const made = await query('CREATE TEMP TABLE big AS SELECT t.id FROM {t} AS t WHERE t.id > @low;\nSELECT COUNT(*) AS n FROM big;', {
        tables: { t: (await numbers(10)).table },
        parameters: { low: { type: 'INT64', value: 7 } },
      });
      expect(await rows('SELECT * FROM {t} AS t', made.table)).toEqual([{ n: 3 }]);
    });

    it('change a table as a new version: insert, update, delete, merge', async () => {
      const { table, version } = await numbers(4);
      const change = (sql: string, more: Record<string, string> = {}): Promise<TableInfo> =>
        query(sql, { destination: table, tables: { t: table, ...more } });
      const inserted = await change('INSERT INTO {t} (id, hits) VALUES (5, 0)');
      expect(inserted).toMatchObject({ table, rows: 5 });
      expect(inserted.version).not.toBe(version);
      await change('UPDATE {t} SET hits = id * 10 WHERE id <= 2');
      await change('DELETE FROM {t} WHERE id = 3');
      const { table: news } = await query('SELECT 4 AS id, 44 AS hits UNION ALL SELECT 6, 66');
      await change(
        'MERGE INTO {t} AS old USING {news} AS n ON old.id = n.id WHEN MATCHED THEN UPDATE SET hits = n.hits WHEN NOT MATCHED THEN INSERT (id, hits) VALUES (n.id, n.hits)',
        { news },
      );
      expect(await rows('SELECT t.id, t.hits FROM {t} AS t ORDER BY t.id', table)).toEqual([
        { id: 1, hits: 10 },
        { id: 2, hits: 20 },
        { id: 4, hits: 44 },
        { id: 5, hits: 0 },
        { id: 6, hits: 66 },
      ]);
    });

    it('lose no change of two workers', async () => {
      const { table } = await query('SELECT 0 AS n');
      const other = await opened.connect();
      const add = (client: Warehouse): Promise<TableInfo> =>
        client.query(request('UPDATE {t} SET n = n + 1 WHERE TRUE', { destination: table, tables: { t: table } }), context());
      await Promise.all(Array.from({ length: 10 }, (_, i) => add(i % 2 ? other : warehouse)));
      await other.close();
      expect(await rows('SELECT t.n FROM {t} AS t', table)).toEqual([{ n: 10 }]);
    });

    it('are applied once for a job id that two workers begin at the same moment', async () => {
      const { table } = await query('SELECT 0 AS n');
      const other = await opened.connect();
      const same = request('UPDATE {t} SET n = n + 1 WHERE TRUE', { destination: table, tables: { t: table } });
      const made = await Promise.all([warehouse, other, warehouse].map((client) => client.query(same, context())));
      await other.close();
      expect(new Set(made.map(({ version }) => version)).size).toBe(1);
      expect(await rows('SELECT t.n FROM {t} AS t', table)).toEqual([{ n: 1 }]);
    });

    it('are applied once for a job id', async () => {
      const { table } = await query('SELECT 0 AS n');
      const again = request('UPDATE {t} SET n = n + 1 WHERE TRUE', { destination: table, tables: { t: table } });
      await warehouse.query(again, context());
      await warehouse.query(again, context());
      expect(await rows('SELECT t.n FROM {t} AS t', table)).toEqual([{ n: 1 }]);
    });

    it('without anything for the destination are refused', async () => {
      const { table } = await numbers(1);
      await expect(query('CREATE TEMP TABLE x AS SELECT 1 AS a')).rejects.toMatchObject({
        type: 'InvalidQuery',
        message: expect.stringMatching(/nothing for the destination/) as string,
      });
      await expect(query('DELETE FROM {t} WHERE TRUE', { tables: { t: table } })).rejects.toMatchObject({ type: 'InvalidQuery' });
      await expect(query('-- nothing at all')).rejects.toMatchObject({ type: 'InvalidQuery' });
    });
  });

  it('refuses tables that are not declared, with the place and how to mend it', async () => {
    await expect(query('SELECT 1 AS a;\nSELECT * FROM other.things')).rejects.toMatchObject({
      type: 'InvalidQuery',
      message: expect.stringMatching(/sql\/test\.sql:2:\d+.*other\.things.*not declared[\s\S]*tables:/) as string,
    });
  });

  it('refuses two columns of one name', async () => {
    await expect(query('SELECT 1 AS a, 2 AS A')).rejects.toMatchObject({
      type: 'InvalidQuery',
      message: expect.stringMatching(/two columns of the result are named "A"/i) as string,
    });
  });

  it('names the partitioning column that is not there', async () => {
    await expect(query('SELECT 1 AS a', { partitioning: { column: 'day', granularity: 'DAY' } })).rejects.toMatchObject({
      type: 'InvalidQuery',
      message: expect.stringMatching(/day; expected one of a/) as string,
    });
  });

  it('refuses decimals, which it would compute otherwise than BigQuery: as columns of sources and as parameters', async () => {
    const file = join(opened.root, 'decimals.parquet');
    const database = await DuckDBInstance.create();
    const connection = await database.connect();
    await connection.run(`COPY (SELECT 1 AS id, 1.25::DECIMAL(10, 2) AS price) TO '${file}' (FORMAT parquet)`);
    connection.closeSync();
    await expect(query('SELECT s.id FROM {s} AS s', { sources: { s: `file://${file}` } })).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringMatching(
        /sources\.s: column price is DECIMAL\(10,2\), NUMERIC in BigQuery, .*; write the file with float64/,
      ) as string,
    });
    await expect(query('SELECT @p AS p', { parameters: { p: { type: 'ARRAY<NUMERIC>', value: ['1.1'] } } })).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringMatching(/parameters\.p\.type: .*expected FLOAT64, INT64 or STRING, found ARRAY<NUMERIC>/) as string,
    });
  });

  it('reads sources with quotes, spaces and glob characters in their names', async () => {
    const folder = join(opened.root, "odd 'folder' [1]*");
    await mkdir(folder);
    const database = await DuckDBInstance.create();
    const connection = await database.connect();
    for (const name of ['b', 'a'])
      await connection.run(
        `COPY (SELECT '${name}' AS name) TO '${join(folder, `${name}.parquet`).replaceAll("'", "''")}' (FORMAT parquet)`,
      );
    connection.closeSync();
    expect(await warehouse.rows(request('SELECT s.name FROM {s} AS s', { sources: { s: `file://${folder}` } }), context())).toEqual([
      { name: 'a' },
      { name: 'b' },
    ]);
    await expect(
      warehouse.rows(request('SELECT * FROM {s} AS s', { sources: { s: `file://${folder}/none` } }), context()),
    ).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringMatching(/sources\.s: expected a parquet file.*found none/) as string,
    });
    await expect(warehouse.rows(request('SELECT * FROM {s} AS s', { sources: { s: 'gs://bucket/x' } }), context())).rejects.toMatchObject({
      type: 'InvalidInput',
    });
  });

  it('goes on where a killed worker stopped, with the same job id', async () => {
    const long =
      'SELECT COUNT(*) AS c FROM UNNEST(GENERATE_ARRAY(1, 300000)) AS a, UNNEST(GENERATE_ARRAY(1, 300000)) AS b WHERE MOD(a * b, 7) = 3';
    const worker = spawn(
      process.execPath,
      [fileURLToPath(new URL('./fixtures/run-query.ts', import.meta.url)), opened.root, 'killed-job', 'test.killed', long],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    // Its first word of progress: it holds the job.
    await once(worker.stdout, 'data');
    const stages: string[] = [];
    const next = warehouse.query(
      request('SELECT 42 AS c', { jobId: 'killed-job', destination: 'test.killed' }),
      context({ progress: ({ stage }) => stages.push(stage) }),
    );
    await expect.poll(() => stages).toContain('waiting for the same job in another process');
    worker.kill('SIGKILL');
    expect(await next).toMatchObject({ rows: 1, job: 'killed-job' });
    expect(await rows('SELECT t.c FROM {t} AS t', 'test.killed')).toEqual([{ c: 42 }]);
  });

  it('takes a table whose data was cut for none', async () => {
    const { table, version } = await numbers(3);
    await truncate(join(opened.root, 'warehouse', 'tables', table, version, 'data.parquet'), 10);
    expect(await warehouse.describe(table)).toBeNull();
  });

  it('makes a table again when it was dropped since its job ran', async () => {
    const again = request('SELECT 1 AS a');
    const first = await warehouse.query(again, context());
    await warehouse.drop(again.destination);
    expect((await warehouse.query(again, context())).version).not.toBe(first.version);
  });

  it('forgets a table when it expires', async () => {
    const { table } = await query('SELECT 1 AS a', { expirationDays: 1e-9 });
    await expect.poll(() => warehouse.describe(table)).toBeNull();
    await expect(rows('SELECT * FROM {t} AS t', table)).rejects.toMatchObject({ type: 'InvalidInput' });
  });

  it('leaves no temporary file behind, and removes those of killed processes', async () => {
    const temporary = join(opened.root, 'warehouse', 'tmp');
    await numbers(1000);
    await expect(query('SELECT CAST(t.name AS INT64) AS a FROM (SELECT "x" AS name) AS t')).rejects.toThrow();
    expect((await readdir(temporary)).filter((name) => !name.startsWith('spill-'))).toEqual([]);
    const alive = `query-${uniqueName('.parquet')}`;
    const dead = alive.replace(`-${process.pid}-`, '-4194304-');
    for (const name of [dead, alive]) await writeFile(join(temporary, name), '');
    const other = await opened.connect();
    await other.close();
    expect((await readdir(temporary)).filter((name) => !name.startsWith('spill-'))).toEqual([alive]);
    await rm(join(temporary, alive));
  });

  it('sorts and joins more than its memory holds', async () => {
    const small = await openDuckdbWarehouse(
      { kind: 'duckdb', path: join(opened.root, 'small'), threads: 2, memoryLimitMb: 200 },
      { store: opened.store },
    );
    const made = await small.query(
      request(
        `SELECT n AS id, CONCAT('a rather long text to fill the memory with ', CAST(MOD(n * 7919, 3000000) AS STRING)) AS text FROM UNNEST(GENERATE_ARRAY(1, 3000000)) AS n ORDER BY text`,
      ),
      context(),
    );
    expect(made.rows).toBe(3_000_000);
    await small.close();
  });

  it('reads 10,000 ledger rows of thousands of appends quickly, and again at once', async () => {
    const progress = (append: number, n: number): LedgerRow<'progress'> => ({
      pipeline: 'p',
      run: 'many',
      time: new Date(1767225600000 + append * 1000).toISOString(),
      step: 's',
      trial: append % 10,
      n,
      kind: 'train',
      metrics: '{"loss":0.5}',
    });
    const appends = 2500;
    for (let i = 0; i < appends; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, j) =>
          warehouse.append(
            'progress',
            [0, 1, 2, 3].map((k) => progress(i + j, (i + j) * 4 + k)),
            `many/${i + j}`,
          ),
        ),
      );
    const other = await opened.connect();
    // Of the processor, not of the clock: other tests may run beside this one.
    const timed = async (): Promise<number> => {
      const before = process.cpuUsage();
      expect(await other.ledger('progress', { run: 'many' })).toHaveLength(10_000);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    };
    expect(await timed()).toBeLessThan(5000);
    expect(await timed()).toBeLessThan(500);
    await other.close();
  });

  it('needs absolute paths', async () => {
    await expect(openDuckdbWarehouse({ kind: 'duckdb', path: 'warehouse' }, { store: opened.store })).rejects.toThrow(
      /expected an absolute path, found "warehouse"/,
    );
  });

  it('says which Python it cannot run', async () => {
    const before = process.env['LONGHAUL_PYTHON'];
    process.env['LONGHAUL_PYTHON'] = '/no/such/python';
    const other = await opened.connect();
    try {
      await expect(other.rows(request('SELECT 1 AS a'), context())).rejects.toMatchObject({
        type: 'InvalidInput',
        message: expect.stringMatching(/cannot run \/no\/such\/python.*LONGHAUL_PYTHON/) as string,
      });
    } finally {
      if (before === undefined) delete process.env['LONGHAUL_PYTHON'];
      else process.env['LONGHAUL_PYTHON'] = before;
      await other.close();
    }
  });
});

describe('the SQL checker', () => {
  it('tells the problems of a file without any table', async () => {
    const checker = createSqlChecker();
    expect(await checker.check('SELECT t.a FROM {t} AS t WHERE t.b > @low', 'sql/good.sql')).toEqual([]);
    const [problem, ...more] = await checker.check('SELECT {t}.a\nFROM {t} WHERE WHERE', 'sql/bad.sql');
    expect(problem).toMatchObject({ file: 'sql/bad.sql', line: 2 });
    expect(more).toEqual([]);
    await checker.close();
  });

  it('tells of a table that is not declared before anything runs', async () => {
    const checker = createSqlChecker();
    expect(await checker.check('SELECT a\nFROM other.things', 'sql/undeclared.sql')).toEqual([
      expect.objectContaining({ file: 'sql/undeclared.sql', line: 1, message: 'the table other.things is not declared' }),
    ]);
    expect(await checker.check('CREATE TEMP TABLE s AS SELECT 1 AS a; SELECT a FROM s', 'sql/own.sql')).toEqual([]);
    await checker.close();
  });
});
