/** What no emulator has, against recorded answers: BigQuery ML, external tables, prices, and the errors of a real project. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBigqueryWarehouse } from '../../src/adapters/bigquery/index.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { JobContext, QueryRequest, Warehouse } from '../../src/ports/warehouse.ts';
import { bigqueryConfig } from '../support/google.ts';
import { asGcs } from '../support/pretended-bucket.ts';
import { apiError, startRecordedApi } from '../support/recorded-api.ts';
import type { ApiAnswer, ApiRequest, RecordedApi } from '../support/recorded-api.ts';

interface Job {
  readonly jobReference: { readonly jobId: string; readonly location: string };
  readonly configuration: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly dryRun?: boolean;
    readonly query: { readonly query: string; readonly priority: string; readonly maximumBytesBilled?: string };
  };
}

const PROJECT = '/bigquery/v2/projects/shop';

describe('bigquery warehouse with recorded answers', () => {
  let api: RecordedApi;
  let folder: string;
  let store: ObjectStore;
  let warehouse: Warehouse;

  beforeEach(async () => {
    api = await startRecordedApi();
    folder = await mkdtemp(join(tmpdir(), 'longhaul-recorded-'));
    store = asGcs(await openDirectoryStore({ kind: 'directory', path: folder }));
    const config = bigqueryConfig({ project: 'shop', dataset: 'ranking', apiEndpoint: api.url, predict: 'bigquery-ml' });
    warehouse = await openBigqueryWarehouse(config, { store, emulator: false });
  });
  afterEach(async () => {
    await api.close();
    await rm(folder, { recursive: true, force: true });
  });

  const context = (changes: Partial<JobContext> = {}): JobContext => ({
    signal: new AbortController().signal,
    progress: () => undefined,
    ...changes,
  });
  const query = (sql: string, changes: Partial<QueryRequest> = {}): QueryRequest => ({
    sql,
    sqlFile: 'sql/test.sql',
    parameters: {},
    tables: {},
    sources: {},
    jobId: 'job',
    destination: 'ranking.made',
    clustering: [],
    labels: {},
    ...changes,
  });
  /** Every job succeeds at once; `change` has the first word. */
  const answering = (change: (request: ApiRequest) => ApiAnswer | undefined = () => undefined): void => {
    let description = '';
    api.answer = (request) => {
      const special = change(request);
      if (special) return special;
      const { method, path, body } = request;
      if (method === 'POST' && path === `${PROJECT}/jobs`) {
        const job = body as Job;
        description = /description = '([^']*)'/.exec(job.configuration.query.query)?.[1] ?? description;
        return { json: { ...job, status: { state: 'DONE' }, statistics: {} } };
      }
      if (path.includes('/tables/'))
        return description === ''
          ? apiError(404, 'notFound', 'Not found: Table')
          : { json: { etag: 'e1', numRows: '5', numBytes: '80', description, schema: { fields: [{ name: 'a', type: 'INTEGER' }] } } };
      if (path.startsWith(`${PROJECT}/datasets/`)) return { json: { location: 'US' } };
      return apiError(404, 'notFound', `${method} ${path}`);
    };
  };
  const jobs = (): Job[] =>
    api.requests.filter(({ method, path }) => method === 'POST' && path === `${PROJECT}/jobs`).map(({ body }) => body as Job);
  const failed =
    (reason: string, message: string) =>
    (request: ApiRequest): ApiAnswer | undefined =>
      request.method === 'POST' && request.path === `${PROJECT}/jobs`
        ? { json: { ...(request.body as Job), status: { state: 'DONE', errorResult: { reason, message } }, statistics: {} } }
        : undefined;

  describe('BigQuery ML', () => {
    const DEPARTMENT = { name: 'department', type: 'categorical', default: "it's", buckets: 10 };
    const predict = async (ready: object = {}, categories: readonly object[] = [DEPARTMENT], more: object = {}): Promise<void> => {
      await store.write(`${store.root}/exports/3/READY`, JSON.stringify({ savedModel: 'saved_model', ...ready }));
      const features = {
        layout: { kind: 'nested', candidates: 'items', session: 'basket', item: 'product', label: 'bought' },
        features: [{ name: 'price', type: 'numeric', default: 1.5, mean: 4, stddev: 2 }, ...categories],
        segments: ['kind'],
      };
      await store.write(`${store.root}/features.json`, JSON.stringify(features));
      answering(({ path }) =>
        path.endsWith('/tables/test')
          ? {
              json: {
                etag: 'e',
                schema: {
                  fields: [
                    { name: 'basket', type: 'INTEGER' },
                    { name: 'kind', type: 'STRING' },
                    {
                      name: 'items',
                      type: 'RECORD',
                      mode: 'REPEATED',
                      fields: ['product', 'bought', 'price', 'department'].map((name) => ({ name, type: 'STRING' })),
                    },
                  ],
                },
              },
            }
          : undefined,
      );
      await warehouse.predict(
        {
          jobId: 'scores',
          model: `${store.root}/exports/3`,
          table: 'ranking.test',
          data: `${store.root}/parts`,
          features: `${store.root}/features.json`,
          columns: ['kind', 'price'],
          destination: 'ranking.scores',
          labels: { step: 'evaluate' },
          ...more,
        },
        context(),
      );
    };

    it('makes a table that BigQuery removes by itself, where nobody keeps the scores', async () => {
      await predict({}, [], { expirationDays: 3 });
      const at = /OPTIONS \(description = '[^']+', expiration_timestamp = TIMESTAMP '([^']+)'\) AS/.exec(
        jobs()[1]?.configuration.query.query ?? '',
      )?.[1];
      expect((Date.parse(at ?? '') - Date.now()) / (24 * 3600 * 1000)).toBeCloseTo(3, 1);
    });

    it('imports the SavedModel of the export, then predicts', async () => {
      await predict();
      expect(jobs().map((job) => job.jobReference.jobId)).toEqual(['scores-model', 'scores']);
      const [model, scores] = jobs().map((job) => job.configuration.query.query) as [string, string];
      expect(model).toMatch(
        /^CREATE OR REPLACE MODEL `shop\.ranking\.longhaul_model_\w+` OPTIONS \(model_type = 'TENSORFLOW', model_path = 'gs:\/\/models\/exports\/3\/saved_model\/\*', expiration_timestamp = TIMESTAMP '[^']+'\)$/,
      );
      expect(scores.replace(/longhaul_model_\w+/, 'MODEL')).toBe(
        [
          "CREATE OR REPLACE TABLE `shop.ranking.scores` OPTIONS (description = 'Made by Longhaul, job scores') AS",
          'SELECT `longhaul_session` AS `session`, `longhaul_item` AS `item`, `longhaul_label` AS `label`, `longhaul_kind` AS `kind`, `longhaul_price` AS `price`, score AS score FROM ML.PREDICT(MODEL `shop.ranking.MODEL`, (',
          "SELECT s.`basket` AS `longhaul_session`, c.`product` AS `longhaul_item`, c.`bought` AS `longhaul_label`, s.`kind` AS `longhaul_kind`, c.`price` AS `longhaul_price`, CAST(IFNULL(c.`price`, 1.5) AS FLOAT64) AS `price`, IFNULL(CAST(c.`department` AS STRING), 'it\\'s') AS `department` FROM `shop.ranking.test` AS s, UNNEST(s.`items`) AS c))",
        ].join('\n'),
      );
    });

    it.each([
      [
        { kind: 'xgboost', file: 'model.ubj', normalise: false },
        "INPUT(`price` FLOAT64) OUTPUT(`score` FLOAT64) OPTIONS (model_type = 'XGBOOST', model_path = 'gs://models/exports/3/model.ubj'",
        ['CAST(IFNULL(c.`price`, 1.5) AS FLOAT64) AS `price` FROM', ', score AS score FROM'],
      ],
      [
        { kind: 'onnx', file: 'm.onnx', input: 'x', output: 'logit' },
        "OPTIONS (model_type = 'ONNX', model_path = 'gs://models/exports/3/m.onnx'",
        ['[(CAST(IFNULL(c.`price`, 1.5) AS FLOAT64) - 4) / 2] AS `x` FROM', '`logit` AS score FROM'],
      ],
      [
        { kind: 'tensorflow-lite', file: 'm.tflite' },
        "OPTIONS (model_type = 'TENSORFLOW_LITE', model_path = 'gs://models/exports/3/m.tflite'",
        ['(CAST(IFNULL(c.`price`, 1.5) AS FLOAT64) - 4) / 2 AS `price` FROM', ', score AS score FROM'],
      ],
    ])('imports %o with the inputs that it was trained on', async (scorer, imported, asked) => {
      await predict({ scorer }, []);
      const [model, scores] = jobs().map((job) => job.configuration.query.query) as [string, string];
      expect(model).toContain(imported);
      for (const part of asked) expect(scores).toContain(part);
    });

    it('refuses to import a model that takes a bucket, which BigQuery does not compute, before it asks for anything', async () => {
      await expect(predict({ scorer: { kind: 'xgboost', file: 'model.ubj' } })).rejects.toMatchObject({
        type: 'InvalidInput',
        message: expect.stringContaining('takes the bucket of department') as string,
      });
      expect(jobs()).toEqual([]);
    });

    it('refuses an export that is not ready', async () => {
      answering();
      await expect(
        warehouse.predict(
          {
            jobId: 'x',
            model: `${store.root}/exports/9`,
            table: 'a.b',
            data: '',
            features: `${store.root}/f.json`,
            columns: [],
            destination: 'a.c',
            labels: {},
          },
          context(),
        ),
      ).rejects.toMatchObject({
        type: 'InvalidInput',
        message: expect.stringMatching(/exports\/9: expected a model export with READY/) as string,
      });
    });
  });

  it('reads parquet parts as an external table that goes by itself', async () => {
    answering(({ method, path, body }) => (method === 'POST' && path.endsWith('/datasets/ranking/tables') ? { json: body } : undefined));
    await store.write(`${store.root}/parts/part-0.parquet`, 'x');
    await warehouse.query(query('SELECT s.a FROM {s} AS s', { sources: { s: `${store.root}/parts` } }), context());
    const created = api.requests.find(({ method, path }) => method === 'POST' && path.endsWith('/tables'))?.body;
    expect(created).toMatchObject({
      tableReference: { tableId: expect.stringMatching(/^longhaul_source_/) as string },
      expirationTime: expect.stringMatching(/^\d+$/) as string,
      externalDataConfiguration: {
        sourceFormat: 'PARQUET',
        sourceUris: ['gs://models/parts/*.parquet'],
        parquetOptions: { enableListInference: true },
      },
    });
    expect(jobs()[0]?.configuration.query.query).toMatch(/SELECT s\.a FROM `shop\.ranking\.longhaul_source_\w+` AS s$/);
  });

  it('tells bytes and price of a dry run', async () => {
    answering(({ body }) =>
      (body as Job | null)?.configuration.dryRun
        ? {
            json: {
              jobReference: {},
              status: { state: 'DONE' },
              statistics: { totalBytesProcessed: String(2 ** 39), query: { statementType: 'SELECT' } },
            },
          }
        : undefined,
    );
    expect(await warehouse.dryRun(query('SELECT 1 AS a'))).toEqual({ bytes: 2 ** 39, cost: 3.125 });
  });

  it('says nothing about scripts, whose dry run counts no bytes', async () => {
    answering(({ body }) =>
      (body as Job | null)?.configuration.dryRun
        ? {
            json: {
              jobReference: {},
              status: { state: 'DONE' },
              statistics: { totalBytesProcessed: '0', query: { statementType: 'SCRIPT' } },
            },
          }
        : undefined,
    );
    expect(await warehouse.dryRun(query('SELECT 1 AS a; SELECT 2 AS b'))).toEqual({ bytes: null, cost: null });
  });

  it('sends labels, location, priority and the limit of bytes', async () => {
    answering();
    await warehouse.query(query('SELECT 1 AS a', { labels: { run: 'R 1' }, maximumBytesBilled: 1000 }), context());
    expect(jobs()[0]).toMatchObject({
      jobReference: { jobId: 'job', location: 'US' },
      configuration: { labels: { run: 'r_1' }, query: { priority: 'INTERACTIVE', maximumBytesBilled: '1000' } },
    });
  });

  it('tells stage, slot time and bytes while a job runs', async () => {
    const seen: unknown[] = [];
    answering(({ method, path, body }) => {
      const running = { state: 'RUNNING' };
      const statistics = {
        totalSlotMs: '4200',
        query: {
          totalBytesBilled: '1048576',
          queryPlan: [
            { name: 'S00: Input', status: 'COMPLETE' },
            { name: 'S01: Join+', status: 'RUNNING' },
          ],
        },
      };
      if (method === 'POST' && path === `${PROJECT}/jobs`) return { json: { ...(body as Job), status: running, statistics } };
      if (path === `${PROJECT}/jobs/job`) return { json: { jobReference: { jobId: 'job' }, status: { state: 'DONE' }, statistics } };
      if (path.includes('/tables/')) return { json: { etag: 'e', description: 'Made by Longhaul, job job', schema: { fields: [] } } };
      return undefined;
    });
    await warehouse.query(query('SELECT 1 AS a'), context({ progress: (each) => seen.push(each) }));
    expect(seen[0]).toEqual({ stage: 'S01: Join+', job: 'job', done: 0.5, slotMs: 4200, bytes: 1048576 });
  });

  it('cancels what runs under ids that begin with the job’s', async () => {
    const listed = ['job', 'job-2', 'another-job'].map((jobId) => ({ id: `shop:US.${jobId}`, jobReference: { projectId: 'shop', jobId } }));
    answering(({ method, path }) => {
      if (method === 'GET' && path === `${PROJECT}/jobs`) return { json: { jobs: listed } };
      if (path.endsWith('/cancel')) return { json: {} };
      return path.startsWith(`${PROJECT}/jobs/`) ? { json: { status: { state: 'DONE' } } } : undefined;
    });
    await warehouse.cancel('job');
    expect(api.requests.filter(({ method }) => method === 'POST').map(({ path }) => path)).toEqual(
      ['job', 'job-2'].map((jobId) => `${PROJECT}/jobs/${jobId}/cancel`),
    );
  });

  describe('errors', () => {
    const errorOf = async (change: (request: ApiRequest) => ApiAnswer | undefined, sql = 'SELECT 1 AS a'): Promise<unknown> => {
      answering(change);
      return warehouse.query(query(sql, { tables: { t: 'ranking.a_table_with_a_long_name' } }), context()).catch((error: unknown) => error);
    };

    it('of a job that failed of BigQuery’s own fault are tried again under the next id', async () => {
      let runs = 0;
      answering((request) =>
        request.method === 'POST' && request.path === `${PROJECT}/jobs` && ++runs <= 2
          ? failed('backendError', 'Error encountered during execution. Retrying may solve the problem.')(request)
          : undefined,
      );
      await warehouse.query(query('SELECT 1 AS a'), context());
      expect(jobs().map((job) => job.jobReference.jobId)).toEqual(['job', 'job-2', 'job-3']);
    });

    it('of rate limits are waited out, also where BigQuery answers 403', async () => {
      let inserts = 0;
      answering(({ method, path }) =>
        method === 'POST' && path === `${PROJECT}/jobs` && ++inserts <= 2
          ? apiError(403, 'rateLimitExceeded', 'Exceeded rate limits: too many concurrent queries')
          : undefined,
      );
      expect(await warehouse.query(query('SELECT 1 AS a'), context())).toMatchObject({ rows: 5 });
    });

    it.each([
      'Could not serialize access to table shop:ranking.made due to concurrent update',
      'Conflict on update!',
      'TransactionContext Error: Catalog write-write conflict on create with "made"',
    ])('of statements that met in one table are waited out: %s', async (message) => {
      let inserts = 0;
      answering(({ method, path }) =>
        method === 'POST' && path === `${PROJECT}/jobs` && ++inserts <= 2 ? apiError(400, 'invalidQuery', message) : undefined,
      );
      expect(await warehouse.query(query('SELECT 1 AS a'), context())).toMatchObject({ rows: 5 });
    });

    it('name the permission that is missing', async () => {
      const message = 'Access Denied: Project shop: User does not have bigquery.jobs.create permission in project shop.';
      const refused = ({ method, path }: ApiRequest): ApiAnswer | undefined =>
        method === 'POST' && path === `${PROJECT}/jobs` ? apiError(403, 'accessDenied', message) : undefined;
      expect(await errorOf(refused)).toMatchObject({
        type: 'AccessDenied',
        message: expect.stringMatching(/^sql\/test\.sql: the permission bigquery\.jobs\.create is missing/) as string,
      });
      expect(jobs()).toHaveLength(1);
    });

    it('have the place in the user’s own text, past what was put before and into it', async () => {
      const sql = 'SELECT t.a,\n  (SELECT MAX(x.b) FROM {t} AS x), t.nonsense\nFROM {t} AS t';
      const column = sql.split('\n')[1]!.replace('{t}', '`shop.ranking.a_table_with_a_long_name`').indexOf('nonsense') + 1;
      expect(await errorOf(failed('invalidQuery', `Name nonsense not found inside t at [3:${column}]`), sql)).toMatchObject({
        type: 'InvalidQuery',
        message: `sql/test.sql:2:${sql.split('\n')[1]!.indexOf('nonsense') + 1}: Name nonsense not found inside t`,
      });
    });

    it.each([
      ['bytesBilledLimitExceeded', 'Query exceeded limit for bytes billed: 1000. 10485760 or higher required.', 'BudgetExceeded'],
      ['quotaExceeded', 'Quota exceeded: Your table exceeded quota for imports or query appends per table', 'Unavailable'],
      ['accessDenied', 'Access Denied: Table shop:ranking.t: Permission bigquery.tables.getData denied on table', 'AccessDenied'],
      ['stopped', 'Job execution was cancelled: User requested cancellation', 'JobFailed'],
      ['resourcesExceeded', 'Resources exceeded during query execution: the sort does not fit', 'InvalidQuery'],
      ['notFound', 'Not found: Table shop:ranking.t was not found in location US', 'InvalidQuery'],
    ])('%s is told for what it is', async (reason, message, type) => {
      expect(await errorOf(failed(reason, message))).toMatchObject({ type, message: expect.stringContaining(message) as string });
      expect(jobs()).toHaveLength(1);
    });

    it('of a table that is partitioned otherwise make it anew', async () => {
      let runs = 0;
      const dropped: string[] = [];
      answering((request) => {
        if (request.method === 'DELETE') {
          dropped.push(request.path);
          return { json: {} };
        }
        const isJob = request.method === 'POST' && request.path === `${PROJECT}/jobs`;
        return isJob && ++runs === 1
          ? failed(
              'invalidQuery',
              'Cannot replace a table with a different partitioning spec. Instead, DROP the table, and then recreate it.',
            )(request)
          : undefined;
      });
      await warehouse.query(query('SELECT 1 AS a'), context());
      expect(dropped).toEqual([`${PROJECT}/datasets/ranking/tables/made`]);
    });
  });
});
