import { describe, expect, it } from 'vitest';
import { statisticsSql, withStatistics } from '../../../activities/feature-statistics.ts';
import type { Feature, FeatureTable } from '../../../src/contract/features.ts';
import type { TableInfo, Warehouse } from '../../../src/ports/warehouse.ts';

const price: Feature = { name: 'price', type: 'numeric', default: 1.5 };
const brand: Feature = { name: 'brand', type: 'categorical', default: '', buckets: 10 };
const known: Feature = { name: 'known', type: 'numeric', default: 0, mean: 1, stddev: 2 };
const flat: FeatureTable = { layout: { kind: 'flat', session: 's', item: 'i', label: 'l' }, features: [brand, price, known], segments: [] };
const nested: FeatureTable = { ...flat, layout: { kind: 'nested', candidates: 'items', session: 's', item: 'i', label: 'l' } };
const table: TableInfo = { table: 'd.t', rows: 1, bytes: 1, version: 'v', columns: [{ name: 's', type: 'STRING' }], job: null };
const context = { signal: new AbortController().signal, progress: () => undefined };
const answering = (row: Record<string, number | null>): Warehouse => ({ rows: async () => [row] }) as unknown as Warehouse;

describe('statistics of features', () => {
  it('are asked for in GoogleSQL, with the default in the place of missing values', () => {
    expect(statisticsSql(table, flat, [price])).toBe(
      'SELECT AVG(CAST(IFNULL(CAST(data.`price` AS FLOAT64), 1.5) AS FLOAT64)) AS mean_0, STDDEV_POP(CAST(IFNULL(CAST(data.`price` AS FLOAT64), 1.5) AS FLOAT64)) AS stddev_0 FROM {data} AS data',
    );
  });

  it('look into the candidates of a nested table, and at the columns of its rows', () => {
    const sql = statisticsSql({ columns: [...table.columns, { name: 'hour', type: 'INT64' }] }, nested, [
      price,
      { ...price, name: 'hour' },
    ]);
    expect(sql).toContain('candidate.`price`');
    expect(sql).toContain('data.`hour`');
    expect(sql).toContain('FROM {data} AS data, UNNEST(data.`items`) AS candidate');
  });

  it('fill in what is not given', async () => {
    const filled = await withStatistics(answering({ mean_0: 2.3000000000001, stddev_0: 0.5 }), table, flat, context);
    expect(filled.features).toEqual([brand, { ...price, mean: 2.3, stddev: 0.5 }, known]);
  });

  it('are 0 for a table without rows', async () => {
    const filled = await withStatistics(answering({ mean_0: null, stddev_0: null }), table, flat, context);
    expect(filled.features[1]).toMatchObject({ mean: 0, stddev: 0 });
  });

  it('are not asked for when there is nothing to fill in', async () => {
    const none = { rows: () => Promise.reject(new Error('asked')) } as unknown as Warehouse;
    expect(await withStatistics(none, table, { ...flat, features: [brand, known] }, context)).toEqual({
      ...flat,
      features: [brand, known],
    });
  });
});
