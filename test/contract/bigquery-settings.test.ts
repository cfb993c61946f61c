/** Which setting of the profile reaches which job: the table in docs/bigquery.md is what this test sees. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBigquery } from '../../src/adapters/bigquery/doctor.ts';
import { openBigqueryWarehouse } from '../../src/adapters/bigquery/index.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { JobContext, Warehouse } from '../../src/ports/warehouse.ts';
import { bigqueryConfig } from '../support/google.ts';
import { asGcs } from '../support/pretended-bucket.ts';
import { apiError, startRecordedApi } from '../support/recorded-api.ts';
import type { ApiAnswer, ApiRequest, RecordedApi } from '../support/recorded-api.ts';

interface Job {
  readonly jobReference: { readonly jobId: string; readonly location?: string };
  readonly configuration: {
    readonly dryRun?: boolean;
    readonly labels?: Readonly<Record<string, string>>;
    readonly jobTimeoutMs?: string;
    readonly reservation?: string;
    readonly query?: {
      readonly query: string;
      readonly priority?: string;
      readonly maximumBytesBilled?: string;
      readonly destinationEncryptionConfiguration?: unknown;
    };
    readonly load?: { readonly destinationEncryptionConfiguration?: unknown };
  };
}

const PROJECT = '/bigquery/v2/projects/shop';
const KEY = 'projects/shop/locations/EU/keyRings/k/cryptoKeys/c';
const DOCUMENT = new URL('../../docs/bigquery.md', import.meta.url);
const SETTINGS = {
  location: (job: Job) => job.jobReference.location === 'EU',
  labels: ({ configuration: { labels } }: Job) => labels?.['team'] === 'ranking' && labels['longhaul'] !== undefined,
  jobTimeout: ({ configuration }: Job) => configuration.jobTimeoutMs === '3600000',
  reservation: ({ configuration }: Job) => configuration.reservation === 'none',
  priority: ({ configuration: { query } }: Job) => query && query.priority === 'BATCH',
  maximumBytesBilled: ({ configuration: { query } }: Job) => query && query.maximumBytesBilled === '5000',
  kmsKey: ({ configuration: { query, load, dryRun } }: Job) => {
    if (dryRun || /EXPORT DATA|CREATE OR REPLACE VIEW/.test(query?.query ?? '')) return undefined;
    const own = JSON.stringify((query ?? load)?.destinationEncryptionConfiguration ?? null).includes(KEY);
    return own || (query?.query ?? '').includes(`kms_key_name = '${KEY}'`);
  },
} as const;

describe('settings of the profile', () => {
  let api: RecordedApi;
  let folder: string;
  let store: ObjectStore;
  let warehouse: Warehouse;
  const config = (): ReturnType<typeof bigqueryConfig> =>
    bigqueryConfig({
      project: 'shop',
      dataset: 'ranking',
      location: 'EU',
      apiEndpoint: api.url,
      predict: 'bigquery-ml',
      priority: 'BATCH',
      maximumBytesBilled: 5000,
      labels: { Team: 'ranking' },
      jobTimeoutSeconds: 3600,
      reservation: 'none',
      kmsKey: KEY,
    });

  beforeAll(async () => {
    api = await startRecordedApi();
    folder = await mkdtemp(join(tmpdir(), 'longhaul-settings-'));
    store = asGcs(await openDirectoryStore({ kind: 'directory', path: folder }));
    warehouse = await openBigqueryWarehouse(config(), { store, emulator: false });
    api.answer = answer;
  });
  afterAll(async () => {
    await warehouse.close();
    await api.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Tables by name. */
  const made = new Map<string, ApiAnswer>();
  const fields = [
    { name: 'basket', type: 'INTEGER' },
    { name: 'product', type: 'STRING' },
    { name: 'bought', type: 'FLOAT' },
  ];
  function answer({ method, path, body }: ApiRequest): ApiAnswer {
    if (method === 'POST' && path.endsWith(`${PROJECT}/jobs`)) {
      const job = body as Job;
      const sql = job.configuration.query?.query ?? '';
      const [, table] = /^CREATE OR REPLACE TABLE `shop\.ranking\.(\w+)`/.exec(sql) ?? [];
      const [, description] = /description = '([^']*)'/.exec(sql) ?? [];
      if (table !== undefined) made.set(table, { json: { etag: 'e', numRows: '6', description, schema: { fields } } });
      const statistics = { query: { exportDataStatistics: { fileCount: '1', rowCount: '3' }, schema: { fields } } };
      return { json: { ...job, status: { state: 'DONE' }, statistics } };
    }
    if (path.includes('/queries/')) {
      const rows = [0, 1].map((part) => ({ f: [{ v: String(part) }, { v: '3' }] }));
      const schema = { fields: ['part', 'n'].map((name) => ({ name, type: 'INTEGER' })) };
      return { json: { jobComplete: true, totalRows: '2', schema, rows } };
    }
    if (path.endsWith('/tables/test')) return { json: { etag: 'e', numRows: '6', numBytes: String(2 ** 21), schema: { fields } } };
    const table = /\/tables\/(\w+)$/.exec(path)?.[1];
    if (method === 'POST' && path.endsWith('/tables')) {
      const created = body as { readonly tableReference: { readonly tableId: string } };
      const answered = { json: { ...created, etag: 'e' } };
      made.set(created.tableReference.tableId, answered);
      return answered;
    }
    if (method === 'GET' && table !== undefined) return made.get(table) ?? apiError(404, 'notFound', 'Not found: Table');
    return { json: { location: 'EU' } };
  }

  const context: JobContext = { signal: new AbortController().signal, progress: () => undefined };
  /** What is asked of the warehouse, and which jobs it sends then. */
  const asked: Readonly<Record<string, () => Promise<unknown>>> = {
    'query step': () =>
      warehouse.query(
        {
          ...{ jobId: 'q', sql: 'SELECT 1 AS a', sqlFile: 'a.sql', parameters: {}, tables: {}, sources: {}, destination: 'ranking.made' },
          clustering: [],
          labels: { step: 'a' },
        },
        context,
      ),
    'export step, of several parts': () =>
      warehouse.export(
        {
          ...{ jobId: 'e', table: 'ranking.test', destination: `${store.root}/parts`, partSizeMb: 1, compression: 'snappy', orderBy: [] },
          labels: { step: 'e' },
        },
        context,
      ),
    'evaluate step: model and scores': async () => {
      await store.write(`${store.root}/exports/3/READY`, '{}');
      const layout = { kind: 'flat', session: 'basket', item: 'product', label: 'bought' };
      const table = { layout, features: [{ name: 'product', type: 'categorical', default: '', buckets: 10 }], segments: [] };
      await store.write(`${store.root}/features.json`, JSON.stringify(table));
      await warehouse.predict(
        {
          ...{ jobId: 'p', model: `${store.root}/exports/3`, table: 'ranking.test', data: '', features: `${store.root}/features.json` },
          ...{ columns: [], destination: 'ranking.scores', labels: { step: 'p' } },
        },
        context,
      );
    },
    'metrics, checks and statistics': () =>
      warehouse.rows({ sql: 'SELECT 1 AS a', sqlFile: 'a.sql', parameters: {}, tables: {}, sources: {}, labels: { step: 'm' } }, context),
    'ledger: load and views': async () => {
      const time = '2026-01-01T00:00:00.000Z';
      await warehouse.append('progress', [{ pipeline: 'p', run: 'r', time, step: 's', trial: 1, attempt: 1, n: 1 }], 'k');
      await warehouse.close();
    },
    'reading the ledger': () => warehouse.ledger('progress', { run: 'r' }),
    'dry run of `plan`': () => warehouse.dryRun({ sql: 'SELECT 1 AS a', sqlFile: 'a.sql', parameters: {}, tables: {}, sources: {} }),
    '`longhaul doctor`': () => checkBigquery(config()),
  };

  async function observe(): Promise<{ readonly what: string; readonly job: Job }[]> {
    const seen = [];
    for (const [what, ask] of Object.entries(asked)) {
      const before = api.requests.length;
      // A pretended service answers no further than its jobs.
      await ask().catch(() => undefined);
      for (const { method, path, body } of api.requests.slice(before))
        if (method === 'POST' && path.endsWith(`${PROJECT}/jobs`)) seen.push({ what, job: body as Job });
    }
    return seen;
  }

  it('reach every job that they can hold for, as the documentation says', async () => {
    const seen = await observe();
    const named = seen.map(({ what, job }) => ({ name: `${what}: ${kindOf(job)}`, job }));
    const reaches = (name: string, of: (typeof SETTINGS)[keyof typeof SETTINGS]): string => {
      const answers = named.filter((each) => each.name === name).map(({ job }) => of(job));
      return answers.every((answer) => answer === undefined) ? '–' : answers.every(Boolean) ? 'yes' : 'no';
    };
    const names = [...new Set(named.map(({ name }) => name))];
    const settings = Object.entries(SETTINGS);
    const lines = [
      `| job | ${settings.map(([setting]) => `\`${setting}\``).join(' | ')} |`,
      `| --- | ${settings.map(() => '---').join(' | ')} |`,
      ...names.map((name) => `| ${name} | ${settings.map(([, of]) => reaches(name, of)).join(' | ')} |`),
    ];
    expect(names.length).toBeGreaterThanOrEqual(10);
    expect(lines.filter((line) => line.includes('| no'))).toEqual([]);
    const document = await readFile(DOCUMENT, 'utf8');
    const table = /(<!-- settings: made by test\/contract\/bigquery-settings.test.ts -->\n)[^]*?(<!-- \/settings -->)/;
    expect(document).toMatch(table);
    const wanted = document.replace(table, (_, start: string, end: string) => `${start}\n${lines.join('\n')}\n\n${end}`);
    if (process.env['UPDATE_DOCS'] !== undefined) await writeFile(DOCUMENT, wanted);
    else
      expect(document.replaceAll(/ +\|/g, ' |').replaceAll(/-{3,}/g, '---')).toBe(
        wanted.replaceAll(/ +\|/g, ' |').replaceAll(/-{3,}/g, '---'),
      );
  });
});

function kindOf({ configuration: { query, load, dryRun } }: Job): string {
  if (load) return 'load';
  const words = /^(EXPORT DATA|CREATE OR REPLACE (TABLE|VIEW|MODEL))/.exec(query?.query ?? '')?.[1]?.replace('OR REPLACE ', '') ?? 'SELECT';
  return dryRun ? 'dry run' : words;
}
