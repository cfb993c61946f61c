import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { identifier, literal, tableRef } from '../../../src/adapters/bigquery/names.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { layoutOf } from '../../../src/adapters/duckdb/layout.ts';
import { objectName } from '../../../src/adapters/gcs/names.ts';
import { Name, StepId } from '../../../src/contract/values.ts';
import { parseMutants } from './mutate-document.ts';

const TABLES = [
  'a.b`; DROP TABLE c',

  "a.b'",
  'a.b/../c',
  '../a.b',
  'a..b',
  'a.b\n',
  'a',
  'a.b.c.d',
  `a.${'b'.repeat(2000)}`,
  'ä.b',
  'a.b\0',
];
const PATHS = ['../x', 'a/../../x', 'a/./x', '/x', 'a//x', 'a\0b', '..', 'a/..'];

describe('what a user passes stays what it is', () => {
  it.each(TABLES)('the table name %j is refused by both warehouses', (table) => {
    expect(() => tableRef(table, 'project')).toThrow(/expected dataset.table/);
    expect(() => layoutOf('/warehouse').table(table)).toThrow(/expected dataset.table/);
  });

  it('quotes end neither an identifier nor a literal of GoogleSQL', () => {
    expect(identifier('a`; DROP TABLE b; --')).toBe('`a\\`; DROP TABLE b; --`');
    expect(identifier('a\\')).toBe('`a\\\\`');
    expect(literal("'; DROP TABLE b; --\\")).toBe("'\\'; DROP TABLE b; --\\\\'");
  });

  it.each(['../a', 'a/b', 'A', 'a b', 'a;b', '', '__proto__', 'a'.repeat(200), '-a', 'a\n'])('%j is no name of a step', (name) => {
    expect([Name.safeParse(name).success, StepId.safeParse(name).success]).toEqual([false, false]);
  });

  it.each(PATHS)('the path %j leaves no object store', async (path) => {
    const place = { bucket: 'shop', root: 'gs://shop/runs' };
    expect(() => objectName(place, `gs://shop/runs/${path}`)).toThrow();
    const root = await mkdtemp(join(tmpdir(), 'longhaul-escape-'));
    try {
      const store = await openDirectoryStore({ kind: 'directory', path: join(root, 'store') });
      const uri = `${store.root}/${path}`;
      await expect(store.write(uri, 'x')).rejects.toThrow(uri);
      await expect(store.read(uri)).rejects.toThrow(uri);
      await expect(store.remove(uri)).rejects.toThrow(uri);
      await expect(store.write(`file://${root}/elsewhere`, 'x')).rejects.toThrow(/outside of the object store/);
    } finally {
      await rm(root, { recursive: true });
    }
  });

  it('1,000 mutated run documents and profiles are accepted or refused, and pollute nothing', () => {
    const { accepted, refused, slowestMs } = parseMutants({ count: 1000, seed: 20261124 });
    expect(accepted).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(300);
    expect(slowestMs).toBeLessThan(5000);
  });
});
