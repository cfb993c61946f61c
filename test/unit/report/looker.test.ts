import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../../src/contract/errors.ts';
import { Profile } from '../../../src/contract/profile.ts';
import { lookerUrl } from '../../../src/report/looker.ts';

const profile = (warehouse: unknown): Profile =>
  Profile.parse({ warehouse, storage: { kind: 'gcs', bucket: 'models' }, compute: { kind: 'process', path: '/jobs' } });

describe('the link to Looker Studio', () => {
  it('connects each view of the ledger', () => {
    const url = new URL(lookerUrl(profile({ kind: 'bigquery', project: 'shop-ml', dataset: 'ranking' }), 'front page & more'));
    expect(`${url.origin}${url.pathname}`).toBe('https://lookerstudio.google.com/reporting/create');
    const sources = [0, 1, 2, 3].map((i) =>
      ['connector', 'type', 'projectId', 'datasetId', 'tableId'].map((name) => url.searchParams.get(`ds.ds${i}.${name}`)).join(' '),
    );
    expect(sources).toEqual(
      ['v_trials', 'v_learning_curves', 'v_evaluations', 'v_costs'].map((view) => `bigQuery TABLE shop-ml ranking ${view}`),
    );
    expect(url.searchParams.get('r.reportName')).toBe('Longhaul: front page & more');
    expect(url.searchParams.has('c.reportId')).toBe(false);
  });

  it('copies a template', () => {
    const url = new URL(lookerUrl(profile({ kind: 'bigquery', project: 'p' }), 'x', 'a1b2'));
    expect(url.searchParams.get('c.reportId')).toBe('a1b2');
  });

  it('is refused where Looker Studio cannot read', () => {
    expect(() => lookerUrl(profile({ kind: 'duckdb', path: '/w' }), 'x')).toThrow(InvalidInputError);
    expect(() => lookerUrl(profile({ kind: 'bigquery', project: 'p', apiEndpoint: 'http://127.0.0.1:1' }), 'x')).toThrow(/emulator/);
  });
});
