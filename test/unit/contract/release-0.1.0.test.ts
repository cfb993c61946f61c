import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDuckdbWarehouse } from '../../../src/adapters/duckdb/index.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { LEDGER, type LedgerTable } from '../../../src/contract/ledger.ts';
import { RunDocument } from '../../../src/contract/run-document.ts';
import type { Warehouse } from '../../../src/ports/warehouse.ts';

const RELEASE = join(import.meta.dirname, '..', '..', 'fixtures', '0.1.0');
const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(RELEASE, name), 'utf8'));

/** Every value of `old` is in `now`, at the same place: fields may have come, none may have gone or changed. */
function expectKept(now: unknown, old: unknown, path = 'document'): void {
  if (typeof old !== 'object' || old === null) {
    expect(now, path).toEqual(old);
    return;
  }
  expect(typeof now, path).toBe('object');
  for (const [key, value] of Object.entries(old)) expectKept((now as Record<string, unknown>)[key], value, `${path}.${key}`);
}

describe('what 0.1.0 wrote', () => {
  it.each(['run-document.json', 'grocery-ranking.json'])('%s is a document of today, and says the same', async (name) => {
    const document = await read(name);
    const parsed = RunDocument.parse(document);
    expectKept(JSON.parse(JSON.stringify(parsed)), document);
  });

  describe('its ledger', () => {
    let folder: string;
    let warehouse: Warehouse;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'longhaul-release-'));
      await cp(join(RELEASE, 'ledger'), join(folder, 'warehouse', 'ledger'), { recursive: true });
      const store = await openDirectoryStore({ kind: 'directory', path: join(folder, 'store') });
      const { profile } = RunDocument.parse(await read('run-document.json'));
      if (profile.warehouse.kind !== 'duckdb') throw new Error('the fixture is of the embedded warehouse');
      warehouse = await openDuckdbWarehouse({ ...profile.warehouse, path: join(folder, 'warehouse') }, { store });
    });
    afterAll(async () => {
      await warehouse.close();
      await rm(folder, { recursive: true, force: true });
    });

    it.each(['runs', 'steps', 'features', 'trials', 'attempts', 'progress', 'models', 'evaluations'] as const)(
      'has its rows of %s',
      async (table) => {
        const rows = await warehouse.ledger(table, { run: 'released' });
        expect(rows.length).toBeGreaterThan(0);
        const keys: readonly string[] = LEDGER[table satisfies LedgerTable].key;
        for (const row of rows) for (const key of keys) expect(row[key as keyof typeof row], `${table}.${key}`).not.toBeUndefined();
      },
    );

    it('knows the best trial', async () => {
      const trials = await warehouse.ledger('trials', { run: 'released' });
      expect(Math.max(...trials.map(({ objective }) => Number(objective)))).toBeCloseTo(0.9178526173809582, 12);
    });
  });
});
