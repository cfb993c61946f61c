/** Check steps on DuckDB: what each rule finds, in good data and in bad, and what the next run is compared with. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCheckActivities } from '../../activities/checks.ts';
import type { WorkInput, WorkResult } from '../../activities/queries.ts';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openDuckdbWarehouse } from '../../src/adapters/duckdb/index.ts';
import { CheckSpec } from '../../src/contract/checks.ts';
import { Profile } from '../../src/contract/profile.ts';
import type { Ports } from '../../src/ports/index.ts';
import type { JobContext, Warehouse } from '../../src/ports/warehouse.ts';

const context: JobContext = { signal: new AbortController().signal, progress: () => undefined };

describe('check steps', () => {
  let root: string;
  let warehouse: Warehouse;
  let activities: ReturnType<typeof createCheckActivities>;
  let profile: Profile;
  let runs = 0;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'longhaul-checks-'));
    const store = await openDirectoryStore({ kind: 'directory', path: join(root, 'store') });
    warehouse = await openDuckdbWarehouse({ kind: 'duckdb', path: join(root, 'warehouse'), threads: 2 }, { store });
    profile = Profile.parse({
      warehouse: { kind: 'duckdb', path: join(root, 'warehouse') },
      storage: { kind: 'directory', path: join(root, 'store') },
      compute: { kind: 'process', path: join(root, 'jobs') },
    });
    activities = createCheckActivities({ store: async () => store, warehouse: async () => warehouse } as Pick<
      Ports,
      'store' | 'warehouse'
    > as Ports);
    await make('good', 0);
    await make('shifted', 40);
  });
  afterAll(async () => {
    await warehouse.close();
    await rm(root, { recursive: true, force: true });
  });

  /** A thousand rows: a tenth without a price, a fifth bought, three shops, the newest an hour old. */
  const make = (name: string, shift: number): Promise<unknown> =>
    warehouse.query(
      {
        jobId: `made-${name}`,
        sql: `SELECT n AS id, IF(MOD(n, 10) = 0, NULL, CAST(MOD(n * 7, 100) + @shift AS FLOAT64)) AS price,
          CASE MOD(n, 4) WHEN 0 THEN 'north' WHEN 1 THEN 'south' ELSE 'none' END AS shop, MOD(n, 5) = 0 AS bought,
          TIMESTAMP_SUB(@now, INTERVAL n HOUR) AS at FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS n`,
        sqlFile: 'made.sql',
        parameters: { shift: { type: 'INT64', value: shift }, now: { type: 'TIMESTAMP', value: new Date().toISOString() } },
        tables: {},
        sources: {},
        destination: `d.${name}`,
        clustering: [],
        labels: {},
      },
      context,
    );
  const check = (rules: readonly object[], table = 'd.good', run = `run-${++runs}`, pipeline = `p${run}`): Promise<WorkResult> => {
    const input = { run, pipeline, profile, step: 'check', key: 'k', spec: CheckSpec.parse({ kind: 'check', table, rules }) };
    return new MockActivityEnvironment().run<[WorkInput<CheckSpec>], WorkResult, (given: WorkInput<CheckSpec>) => Promise<WorkResult>>(
      (given) => activities.runCheck(given),
      input,
    );
  };

  const HOLD = [
    { check: 'rows', min: 1000, max: 1000 },
    { check: 'nulls', column: 'price', max: 0.1 },
    { check: 'nulls', column: 'id' },
    { check: 'defaults', column: 'shop', value: 'none', max: 0.5 },
    { check: 'range', column: 'price', min: 0, max: 99 },
    { check: 'cardinality', column: 'shop', min: 3, max: 3 },
    { check: 'unique', columns: ['id'] },
    { check: 'unique', columns: ['shop', 'id'] },
    { check: 'freshness', column: 'at', maxHours: 2 },
    { check: 'overlap', column: 'id', with: 'd.shifted', max: 1 },
    { check: 'labels', column: 'bought', min: 0.19, max: 0.21 },
    { check: 'drift', column: 'price' },
    { check: 'sql', file: 'bad.sql', sql: 'SELECT t.id FROM {table} AS t WHERE t.price < 0' },
  ];

  it('hold of good data, each with what was found', async () => {
    const { outputs } = await check(HOLD, 'd.good', 'all', 'p');
    expect(outputs).toMatchObject({ table: 'd.good', passed: HOLD.length, warned: 0 });
    const rows = await warehouse.ledger('checks', { run: 'all' });
    expect(rows.map((row) => [row.rule, row.outcome])).toEqual(
      expect.arrayContaining([
        ['nulls of price', 'pass'],
        ['bad.sql', 'pass'],
      ]),
    );
    expect(rows.find((row) => row.rule === 'nulls of price')?.value).toBeCloseTo(0.1, 9);
    expect(rows).toHaveLength(HOLD.length);
  });

  it.each([
    [{ check: 'rows', min: 1001 }, 'rows: 1000 rows, expected at least 1001'],
    [{ check: 'nulls', column: 'price', max: 0.05 }, 'nulls of price: 10 % are NULL or NaN, expected at most 0.05'],
    [{ check: 'defaults', column: 'shop', value: 'none', max: 0.4 }, 'defaults of shop: 50 % are "none", expected at most 0.4'],
    [{ check: 'range', column: 'price', max: 50 }, 'range of price: values from 1 to 99, expected at most 50'],
    [{ check: 'cardinality', column: 'shop', max: 2 }, 'cardinality of shop: 3 distinct values, expected at most 2'],
    [{ check: 'unique', columns: ['shop', 'bought'] }, 'unique shop, bought: 994 rows repeat others, expected none'],
    [{ check: 'freshness', column: 'at', maxHours: 0.5 }, /freshness of at: the newest row is 1\.\d h old, expected at most 0\.5 h old/],
    [
      { check: 'overlap', column: 'id', with: 'd.shifted' },
      'overlap of id with d.shifted: 100 % of the values of id are in d.shifted as well, expected none',
    ],
    [{ check: 'labels', column: 'bought', min: 0.3 }, 'labels of bought: 0.2 of the labels are above 0, expected at least 0.3'],
    [
      {
        check: 'sql',
        name: 'no cheap ones',
        file: 'bad.sql',
        sql: 'SELECT t.id, t.price FROM {table} AS t WHERE t.price < 2 ORDER BY t.id',
      },
      /no cheap ones: \d+ bad rows of d.good; the first: \{"id":\d+,"price":[01]\}, expected none/,
    ],
  ] as const)('fail, with what was expected and found: %j', async (rule, message) => {
    await expect(check([rule])).rejects.toMatchObject({
      type: 'CheckFailed',
      nonRetryable: true,
      message: typeof message === 'string' ? `d.good: ${message}` : (expect.stringMatching(message) as string),
    });
    // What is only to be told ends nothing.
    expect((await check([{ ...rule, onFail: 'warn' }])).outputs).toMatchObject({ passed: 0, warned: 1 });
  });

  it.each([
    [{ check: 'range', column: 'shop', min: 0 }, 'rules[0]: range of shop: the column of d.good is STRING; expected INT64, FLOAT64'],
    [{ check: 'labels', column: 'shop', min: 0.1 }, 'rules[0]: labels of shop: the column of d.good is STRING; expected INT64'],
    [{ check: 'freshness', column: 'id', maxHours: 1 }, 'rules[0]: freshness of id: the column of d.good is INT64; expected TIMESTAMP'],
    [{ check: 'overlap', column: 'id', with: 'd.nowhere' }, 'rules[0].with: there is no table d.nowhere'],
    [{ check: 'overlap', column: 'price', with: 'd.named' }, 'rules[0]: d.named has no column price; expected one of id'],
  ] as const)('refuse what they cannot look at: %j', async (rule, message) => {
    await other('d.named', 'SELECT 1 AS id');
    await expect(check([{ ...rule, onFail: 'warn' }])).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining(message) as string,
    });
  });

  it('find infinite values outside of every range', async () => {
    await other('d.infinite', "SELECT 1.0 AS price UNION ALL SELECT CAST('inf' AS FLOAT64)");
    await expect(check([{ check: 'range', column: 'price', min: 0 }], 'd.infinite')).rejects.toThrow('1 values are NaN or infinite');
  });

  it('judge a statement with more bad rows than a result has', async () => {
    await other('d.many', 'SELECT n FROM UNNEST(GENERATE_ARRAY(1, 10001)) AS n');
    const rule = { check: 'sql', file: 'bad.sql', sql: 'SELECT n FROM {table}' };
    await expect(check([rule], 'd.many')).rejects.toMatchObject({
      type: 'CheckFailed',
      message: expect.stringContaining('10000 or more bad rows') as string,
    });
    expect((await check([{ ...rule, onFail: 'warn' }], 'd.many')).outputs).toMatchObject({ warned: 1 });
  });

  it('take rows after a run without any for a change, and NULL for no overlap', async () => {
    await other('d.none', 'SELECT n AS id FROM UNNEST(GENERATE_ARRAY(1, 0)) AS n');
    await other('d.some', 'SELECT 1 AS id UNION ALL SELECT NULL');
    const rules = [{ check: 'rows', change: 0.5 }];
    await check(rules, 'd.none', 'empty', 'growing');
    await expect(check(rules, 'd.some', 'grown', 'growing')).rejects.toThrow(
      "2 rows, none in the last run, expected within 50 % of the last run's",
    );
    const shared = await check([{ check: 'overlap', column: 'id', with: 'd.some', max: 1 }], 'd.some');
    expect(shared.outputs['results']).toMatchObject({ 'overlap of id with d.some': { value: 1 } });
  });

  it('write all rules down, also those that hold, before the step fails', async () => {
    await expect(
      check(
        [
          { check: 'rows', min: 1 },
          { check: 'rows', name: 'many', min: 5000 },
        ],
        'd.good',
        'broken',
      ),
    ).rejects.toThrow('many');
    expect((await warehouse.ledger('checks', { run: 'broken' })).map((row) => [row.rule, row.outcome])).toEqual([
      ['rows', 'pass'],
      ['many', 'fail'],
    ]);
  });

  it('compare with the last run whose data held', async () => {
    const rules = [
      { check: 'drift', column: 'price', max: 0.2 },
      { check: 'drift', column: 'shop', max: 0.2 },
      { check: 'rows', change: 0.1 },
    ];
    await check(rules, 'd.good', 'first', 'drifting');
    expect((await check(rules, 'd.good', 'second', 'drifting')).outputs).toMatchObject({
      passed: 3,
      results: { 'drift of price': { value: 0, outcome: 'pass' }, 'drift of shop': { value: 0 } },
    });
    await expect(check(rules, 'd.shifted', 'third', 'drifting')).rejects.toThrow(
      /drift of price: population stability index \d\.\d+, expected at most 0\.2/,
    );
    // The third is nothing to compare with: what failed may not become the custom.
    await expect(check(rules, 'd.shifted', 'fourth', 'drifting')).rejects.toThrow('drift of price');
    await warehouse.query({ ...HALF, jobId: 'half' }, context);
    await expect(check(rules, 'd.half', 'fifth', 'drifting')).rejects.toThrow(
      "rows: 500 rows, -50 % since the last run, expected within 10 % of the last run's",
    );
  });

  const HALF = {
    sql: 'SELECT t.* FROM {t} AS t WHERE t.id <= 500',
    sqlFile: 'half.sql',
    parameters: {},
    tables: { t: 'd.good' },
    sources: {},
    destination: 'd.half',
    clustering: [],
    labels: {},
  };

  const other = (destination: string, sql: string): Promise<unknown> =>
    warehouse.query({ ...HALF, sql, tables: {}, destination, jobId: `made-${destination}-${++runs}` }, context);

  it('refuse a column that is not there', async () => {
    await expect(check([{ check: 'nulls', column: 'prize' }])).rejects.toThrow(
      'rules[0]: d.good has no column prize; expected one of id, price, shop, bought, at',
    );
  });
});
