import { describe, expect, test } from 'vitest';
import { provenanceOf } from '../../../src/present/provenance.ts';
import type { ReportData } from '../../../src/present/report-data.ts';
import { RunDocument } from '../../../src/contract/run-document.ts';
import { inlineQuery, pipeline, project } from './project.ts';

const PROFILE = `warehouse: { kind: duckdb, path: w }
storage: { kind: directory, path: store }
compute: { kind: process, path: jobs }
currency: EUR
prices: ../prices/autumn.yaml
pools:
  - { name: spot, spot: true, pricePerHour: 9 }
  - { name: by-type, spot: false, nodeSelector: { node.kubernetes.io/instance-type: n2-standard-8 } }
  - { name: spot-by-type, spot: true, nodeSelector: { node.kubernetes.io/instance-type: n2-standard-8 } }
  - { name: own, spot: false, pricePerHour: 5 }
`;
const PRICES = `date: 2026-11-01
currency: EUR
pools: { spot: { pricePerHour: 0.29, onDemandPricePerHour: 0.97 }, of-another-profile: { pricePerHour: 3 } }
machines: { n2-standard-8: { spot: 0.09, onDemand: 0.39 } }
`;
const of = (prices: string | null) =>
  project({
    'pipeline.yaml': pipeline(inlineQuery('d')),
    'profiles/p.yaml': PROFILE,
    ...(prices === null ? {} : { 'prices/autumn.yaml': prices }),
  });
const compiled = async (prices: string) => {
  await using made = await of(prices);
  return await made.compile({ profile: 'p' });
};
const problems = async (prices: string | null) => {
  await using made = await of(prices);
  return await made.problems({ profile: 'p' });
};

describe('prices of a dated file', () => {
  test('are those of the pools that it names, by name or by machine type; the rest keeps its own', async () => {
    const { profile, ...document } = await compiled(PRICES);
    expect(profile.prices).toEqual({ file: '../prices/autumn.yaml', date: '2026-11-01' });
    expect(profile.pools.map(({ name, pricePerHour, onDemandPricePerHour }) => [name, pricePerHour, onDemandPricePerHour])).toEqual([
      ['spot', 0.29, 0.97],
      ['by-type', 0.39, 0.39],
      ['spot-by-type', 0.09, 0.39],
      ['own', 5, undefined],
    ]);
    expect(RunDocument.parse(JSON.parse(JSON.stringify({ ...document, profile }))).profile).toEqual(profile);
  });

  test('are told with their age in a report', async () => {
    const document = await compiled(PRICES);
    const factOf = (startedAt: string): string | undefined => {
      const data = { document, run: { run: 'r', startedAt: Date.parse(startedAt), steps: [] }, attempts: [], steps: [] };
      return provenanceOf(data as unknown as ReportData).find(({ what }) => what === 'prices')?.value;
    };
    expect(factOf('2026-11-29T12:00:00Z')).toBe('../prices/autumn.yaml of 2026-11-01, 28 days old when the run began');
    expect(factOf('2026-11-02T12:00:00Z')).toBe('../prices/autumn.yaml of 2026-11-01, a day old when the run began');
  });

  test.each([
    ['there is none', null, /no such file/],
    ['its date is none', PRICES.replace('2026-11-01', 'last week'), /date/],
    ['it has no date', PRICES.replace(/^date.*\n/, ''), /date/],
    ['a price is no number', PRICES.replace('0.29', 'cheap'), /pricePerHour/],
    ['it has a field that nobody knows', `${PRICES}regions: {}\n`, /regions/],
    ['it is of another currency', PRICES.replace('EUR', 'USD'), /currency/],
  ])('are refused with one message where %s', async (_, prices, message) => {
    const found = await problems(prices);
    expect(found).toHaveLength(1);
    expect(JSON.stringify(found[0])).toMatch(message);
  });
});
