/** The statements on the embedded warehouse: the known rows, or a refusal when the pipeline is compiled. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { createSqlChecker, openDuckdbWarehouse } from '../../../src/adapters/duckdb/index.ts';
import type { Json } from '../../../src/contract/values.ts';
import type { Warehouse } from '../../../src/ports/warehouse.ts';
import { KNOWN, REFUSED } from './statements.ts';

describe('GoogleSQL on the embedded warehouse', () => {
  let root: string;
  let warehouse: Warehouse;
  const checker = createSqlChecker();

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'longhaul-googlesql-'));
    const store = await openDirectoryStore({ kind: 'directory', path: join(root, 'store') });
    warehouse = await openDuckdbWarehouse({ kind: 'duckdb', path: join(root, 'warehouse'), threads: 2 }, { store });
  });
  afterAll(async () => {
    await Promise.all([warehouse.close(), checker.close()]);
    await rm(root, { recursive: true, force: true });
  });

  const rowsOf = (sql: string): Promise<readonly Readonly<Record<string, Json>>[]> =>
    warehouse.rows(
      { sql, sqlFile: 'statement.sql', parameters: {}, tables: {}, sources: {} },
      { signal: new AbortController().signal, progress: () => undefined },
    );

  it.each(KNOWN)('gives the rows of BigQuery: $name', async ({ sql, rows }) => {
    expect(await rowsOf(sql)).toEqual(rows);
  });

  it.each(REFUSED)('is refused with a place and a reason: $name', async ({ sql, reason }) => {
    const [problem] = await checker.check(sql, 'statement.sql');
    expect(problem?.message).toContain(reason);
    expect(problem).toMatchObject({ file: 'statement.sql', line: 1 });
  });

  it.each([
    ['SELECT i FORM t WHERE i > 1', 'FORM', 'FROM'],
    ["SELECT 'FORM' AS form, COUNT(*) AS n FRM t GROUP BY form", 'FRM', 'FROM'],
    ['SELECT i FROM t WEHRE i = 2', 'WEHRE', 'WHERE'],
    ['SELECT i FROM t GRUOP BY i', 'GRUOP', 'GROUP'],
    ['SELECT SUM(i) OVER (PARTITON BY j) AS s FROM t', 'PARTITON', 'PARTITION'],
    ['WITH t AS (SELECT 1 AS i) SELETC * FROM t', 'SELETC', 'SELECT'],
    ['SELECT i FROM t ORDER i', 'ORDER', 'ORDER BY'],
  ])('names the word that is misspelt: %s', async (sql, word, meant) => {
    const [problem] = await checker.check(sql, 'statement.sql');
    expect(problem).toMatchObject({
      column: sql.search(new RegExp(`\\b${word}\\b`)) + 1,
      found: `\`${word}\``,
      hint: `did you mean ${meant}?`,
    });
  });

  it.each(['SELECT form, lmit FROM t x y', 'SELECT oder FROM t u v'])('takes no name for a misspelt word: %s', async (sql) => {
    const [problem] = await checker.check(sql, 'statement.sql');
    expect(problem?.hint).not.toContain('did you mean');
  });

  it('are at least 60, each with a name of its own', () => {
    expect(KNOWN.length).toBeGreaterThanOrEqual(60);
    expect(new Set([...KNOWN, ...REFUSED].map(({ name }) => name)).size).toBe(KNOWN.length + REFUSED.length);
  });
});
