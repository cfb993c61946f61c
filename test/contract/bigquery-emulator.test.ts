/** What only BigQuery has, on the emulator: scripts, what tables carry, the ledger's migration and views, a bad network. */
import { BigQuery } from '@google-cloud/bigquery';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBigquery } from '../../src/adapters/bigquery/doctor.ts';
import { emulatorOptions } from '../../src/adapters/google/auth.ts';
import type { LEDGER_VIEWS } from '../../src/contract/names.ts';
import type { Json } from '../../src/contract/values.ts';
import type { JobContext, QueryRequest, Statement, Warehouse } from '../../src/ports/warehouse.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { openGoogle } from '../support/google.ts';
import type { Google } from '../support/google.ts';

describe('bigquery warehouse on the emulator', () => {
  let google: Google;
  let warehouse: Warehouse;
  let client: BigQuery;
  let count = 0;

  beforeAll(async () => {
    google = await openGoogle();
    warehouse = await google.connect();
    client = new BigQuery({ projectId: google.config.project, ...emulatorOptions(google.bigquery) });
  });
  afterAll(() => google.close());

  const context = (changes: Partial<JobContext> = {}): JobContext => ({
    signal: new AbortController().signal,
    progress: () => undefined,
    ...changes,
  });
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
    jobId: `emulator-${++count}`,
    destination: `test.t${count}`,
    clustering: [],
    labels: {},
    ...changes,
  });
  const rows = (sql: string, tables: Record<string, string> = {}): Promise<readonly Readonly<Record<string, Json>>[]> =>
    warehouse.rows(statement(sql, { tables }), context());

  it('makes a table with its partitioning, clustering, expiration, labels and job in one statement', async () => {
    const made = await warehouse.query(
      request(`SELECT TIMESTAMP '2026-01-31 10:00:00+00' AS at, n AS id FROM UNNEST(GENERATE_ARRAY(1, 3)) AS n`, {
        partitioning: { column: 'at', granularity: 'MONTH' },
        clustering: ['id'],
        expirationDays: 2,
        labels: { Pipeline: 'Grocery Ranking', step: 'dataset.train' },
      }),
      context(),
    );
    const [dataset, table] = made.table.split('.') as [string, string];
    const metadata = (await client.dataset(dataset).table(table).getMetadata())[0] as Record<string, unknown>;
    expect(metadata).toMatchObject({
      timePartitioning: { type: 'MONTH', field: 'at' },
      clustering: { fields: ['id'] },
      labels: { pipeline: 'grocery_ranking', step: 'dataset_train' },
      description: `Made by Longhaul, job ${made.job}`,
    });
    const days = (Number(metadata['expirationTime']) - Date.now()) / (24 * 3600 * 1000);
    expect(days).toBeGreaterThan(1.9);
    expect(days).toBeLessThan(2.1);
  });

  it('names the partitioning column that is not there', async () => {
    await expect(
      warehouse.query(request('SELECT 1 AS a', { partitioning: { column: 'day', granularity: 'DAY' } }), context()),
    ).rejects.toMatchObject({ type: 'InvalidQuery', message: expect.stringMatching(/the column day; expected one of a/) as string });
  });

  it('runs scripts: variables, temporary tables, and the last SELECT as the destination', async () => {
    const { table } = await warehouse.query(request('SELECT n AS id FROM UNNEST(GENERATE_ARRAY(1, 10)) AS n'), context());
    const made = await warehouse.query(
      request(
        `DECLARE least INT64 DEFAULT @low;
CREATE TEMP TABLE big AS SELECT t.id FROM {t} AS t WHERE t.id > least;
-- The last one counts.
SELECT COUNT(*) AS n, MIN(id) AS low FROM big;`,
        { tables: { t: table }, parameters: { low: { type: 'INT64', value: 7 } } },
      ),
      context(),
    );
    expect(await rows('SELECT * FROM {t} AS t', { t: made.table })).toEqual([{ n: 3, low: 8 }]);
  });

  it('changes the destination itself, once for a job id', async () => {
    const { table, version } = await warehouse.query(request('SELECT 0 AS n'), context());
    const change = request('UPDATE {t} SET n = n + 1 WHERE TRUE', { destination: table, tables: { t: table } });
    const changed = await warehouse.query(change, context());
    expect(changed.version).not.toBe(version);
    expect(await warehouse.query(change, context())).toEqual(changed);
    expect(await rows('SELECT t.n FROM {t} AS t', { t: table })).toEqual([{ n: 1 }]);
  });

  it('refuses a script with nothing for the destination', async () => {
    await expect(warehouse.query(request('CREATE TEMP TABLE x AS SELECT 1 AS a'), context())).rejects.toMatchObject({
      type: 'InvalidQuery',
      message: expect.stringMatching(/nothing for the destination/) as string,
    });
  });

  it('runs again when another job replaced the table since', async () => {
    const first = request('SELECT 1 AS a');
    await warehouse.query(first, context());
    await warehouse.query(request('SELECT 2 AS a', { destination: first.destination }), context());
    expect((await warehouse.query(first, context())).job).toBe(first.jobId);
    expect(await rows('SELECT * FROM {t} AS t', { t: first.destination })).toEqual([{ a: 1 }]);
  });

  // The embedded warehouse has these not, or not alike: the contract suite leaves them out.
  it.each<[string, Json, string, Json]>([
    ['NUMERIC', '12345678901234567890.123456789', 'CAST(@p AS STRING)', '12345678901234567890.123456789'],
    ['BIGNUMERIC', '1.5', '@p * 2', 3],
    ['ARRAY<NUMERIC>', ['0.1', '0.2'], '(SELECT SUM(n) FROM UNNEST(@p) AS n)', 0.3],
    ['TIME', '10:11:12', 'CAST(@p AS STRING)', '10:11:12'],
    ['JSON', { a: 1 }, `JSON_VALUE(@p, '$.a')`, '1'],
  ])('takes parameters of type %s', async (type, value, sql, expected) => {
    const asked = statement(`SELECT ${sql} AS result`, { parameters: { p: { type, value } } });
    expect(await warehouse.rows(asked, context())).toEqual([{ result: expected }]);
  });

  it('ends a job that another process started', async () => {
    const long = request(
      'SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS a, UNNEST(GENERATE_ARRAY(1, 100000)) AS b WHERE MOD(a * b, 7) = 3',
    );
    const { promise: running, resolve } = Promise.withResolvers<unknown>();
    const work = warehouse.query(long, context({ progress: resolve })).then(
      () => new Error('it went on'),
      (error: unknown) => error,
    );
    await running;
    await (await google.connect()).cancel(long.jobId);
    expect(await work).toMatchObject({
      type: 'JobFailed',
      message: expect.stringMatching(/cancelled in BigQuery by someone else/) as string,
    });
  });

  it('refuses a source that is not there, by name', async () => {
    await expect(
      warehouse.rows(statement('SELECT * FROM {s} AS s', { sources: { s: `${google.store.root}/nothing` } }), context()),
    ).rejects.toMatchObject({ type: 'InvalidInput', message: expect.stringMatching(/sources\.s: .*found none at gs:/) as string });
  });

  describe('ledger', () => {
    const time = '2026-01-01T00:00:00.000Z';

    it('adds the columns that a newer version has', async () => {
      const old = await google.connect({ dataset: 'old_ledger' });
      await client.createDataset('old_ledger');
      await client
        .dataset('old_ledger')
        .createTable('runs', { schema: { fields: ['pipeline', 'run', 'status'].map((name) => ({ name, type: 'STRING' })) } });
      await old.append('runs', [{ pipeline: 'p', run: 'r', time, status: 'running', ended_at: time }], 'r/1');
      expect(await old.ledger('runs', { run: 'r' })).toMatchObject([{ run: 'r', status: 'running', ended_at: time, cost: null }]);
    });

    it('has views that Looker Studio can read', async () => {
      const { config } = google;
      const writer = await google.connect();
      const common = { pipeline: 'p', run: 'viewed', time, step: 's', trial: 1 };
      await writer.append('trials', [{ ...common, status: 'running', parameters: '{"lr":0.1}' }], 'v/t0');
      await writer.append(
        'trials',
        [{ ...common, time: '2026-01-02T00:00:00.000Z', status: 'succeeded', parameters: '{"lr":0.1}', cost: 1, on_demand_cost: 3 }],
        'v/t1',
      );
      await writer.append(
        'progress',
        [{ ...common, n: 1, kind: 'train', samples: 100, metrics: '{"loss":0.5,"ndcg@10":-1.5e-3,"note":"x"}' }],
        'v/p',
      );
      await writer.append('evaluations', [{ ...common, metric: 'mrr', value: 0.25, scorer: 'model' }], 'v/e');
      await writer.append(
        'attempts',
        [{ ...common, attempt: 1, pool: 'spot', spot: true, started_at: time, seconds: 60, cost: 1, on_demand_cost: 3 }],
        'v/a',
      );
      const { trial: _trial, ...ofStep } = common;
      await writer.append(
        'steps',
        [{ ...ofStep, kind: 'query', started_at: time, ended_at: '2026-01-01T00:00:02.000Z', cost: 0.5 }],
        'v/s',
      );
      // Until then they may wait for the next load.
      await writer.close();
      const view = (name: (typeof LEDGER_VIEWS)[number], columns: string): Promise<readonly Readonly<Record<string, Json>>[]> =>
        rows(`SELECT ${columns} FROM {v} AS v WHERE v.run = 'viewed' ORDER BY 1`, { v: `${config.dataset}.${name}` });
      expect(await view('v_trials', 'v.status, v.saved, v.parameters')).toEqual([
        { status: 'succeeded', saved: 2, parameters: '{"lr":0.1}' },
      ]);
      expect(await view('v_learning_curves', 'v.metric, v.value, v.samples')).toEqual([
        { metric: 'loss', value: 0.5, samples: 100 },
        { metric: 'ndcg@10', value: -0.0015, samples: 100 },
      ]);
      expect(await view('v_evaluations', 'v.metric, v.value')).toEqual([{ metric: 'mrr', value: 0.25 }]);
      expect(await view('v_costs', 'v.kind, v.pool, v.seconds, v.cost')).toEqual([
        { kind: 'query', pool: null, seconds: 2, cost: 0.5 },
        { kind: 'training', pool: 'spot', seconds: 60, cost: 1 },
      ]);
    });
  });

  describe('behind a bad network', () => {
    it('starts a job once, though the answer to its start is lost and others are refused', async () => {
      const proxy = await startFaultProxy(google.bigquery);
      const shaky = await google.connect({ apiEndpoint: proxy.url });
      let inserts = 0;
      let questions = 0;
      proxy.fault = ({ method, path }) => {
        if (method === 'POST' && /\/jobs(?:\?|$)/.test(path)) return ++inserts === 1 ? { kind: 'lost-answer' } : undefined;
        return method === 'GET' && ++questions <= 2 ? { kind: 'status', status: 503 } : undefined;
      };
      const asked = request('SELECT RAND() AS r');
      const made = await shaky.query(asked, context());
      expect(made).toEqual(await warehouse.describe(asked.destination));
      expect(made.job).toBe(asked.jobId);
      expect(proxy.faults).toBe(3);
      await proxy.close();
    });

    it('appends rows once, though the answer to the upload is lost', async () => {
      const proxy = await startFaultProxy(google.bigquery);
      const shaky = await google.connect({ apiEndpoint: proxy.url });
      const row = { pipeline: 'p', run: 'shaky', time: '2026-01-01T00:00:00.000Z', step: 's', trial: 1, n: 1, kind: 'train' } as const;
      await shaky.append('progress', [row], 'shaky/0');
      let uploads = 0;
      proxy.fault = ({ path }) => (path.startsWith('/upload/') && ++uploads === 1 ? { kind: 'lost-answer' } : undefined);
      await shaky.append('progress', [{ ...row, n: 2 }], 'shaky/1');
      await shaky.close();
      expect(uploads).toBeGreaterThan(0);
      expect(await rows(`SELECT COUNT(*) AS n FROM {p} AS p WHERE p.run = 'shaky' AND p.n = 2`, { p: 'longhaul.progress' })).toEqual([
        { n: 1 },
      ]);
      await proxy.close();
    });

    it('adopts the job of a worker that lost its connection for good', async () => {
      const proxy = await startFaultProxy(google.bigquery);
      const dying = await google.connect({ apiEndpoint: proxy.url });
      const asked = request(
        'SELECT RAND() AS r, COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 2000)) AS a, UNNEST(GENERATE_ARRAY(1, 2000)) AS b',
      );
      const started = new Promise<void>((resolve) => {
        void dying.query(asked, context({ progress: () => resolve() })).catch(() => undefined);
      });
      await started;
      await proxy.close();
      const made = await warehouse.query(asked, context());
      expect(made.job).toBe(asked.jobId);
    });
  });

  it('passes the doctor’s checks, and is told what is missing', async () => {
    expect((await checkBigquery(google.config)).map(({ ok }) => ok)).toEqual([true, true, true]);
    const [job, dataset] = await checkBigquery({ ...google.config, dataset: 'nowhere' });
    expect(job).toMatchObject({ ok: true });
    expect(dataset).toMatchObject({ ok: false, remedy: 'bq --location=US mk --dataset longhaul:nowhere' });
    const [, elsewhere] = await checkBigquery({ ...google.config, location: 'EU' });
    expect(elsewhere).toMatchObject({ ok: false, detail: expect.stringMatching(/it is in US, the profile says EU/) as string });
  });
});
