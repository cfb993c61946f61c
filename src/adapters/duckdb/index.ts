import { mkdir } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { AdapterError } from '../../contract/errors.ts';
import type { Warehouse as WarehouseConfig } from '../../contract/profile.ts';
import type { ExportManifest, TableInfo, Warehouse } from '../../ports/warehouse.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { createEngine } from './engine.ts';
import { addFunctions } from './functions.ts';
import { adoptExport, exportTable } from './export.ts';
import { runOnce } from './jobs.ts';
import { layoutOf } from './layout.ts';
import { LedgerFiles } from './ledger.ts';
import { predictTable } from './predict.ts';
import { adoptTable, estimate, readRows, runQuery } from './queries.ts';
import type { Parts } from './queries.ts';
import { tableInfo, TableFiles } from './tables.ts';
import { createTranslator } from './translate.ts';
import { sweepTemporaries } from '../temporaries.ts';

export { createSqlChecker } from './check-sql.ts';
export type { SqlChecker } from './check-sql.ts';

/**
 * The embedded warehouse: a directory of parquet files that DuckDB, in memory, reads and writes. Any number of processes may open the same
 * directory; a killed one leaves nothing half done. README.md in this folder has the layout.
 */
export async function openDuckdbWarehouse(
  config: Extract<WarehouseConfig, { kind: 'duckdb' }>,
  deps: { readonly store: ObjectStore },
): Promise<Warehouse> {
  if (!isAbsolute(config.path)) throw new AdapterError('InvalidInput', `warehouse.path: expected an absolute path, found "${config.path}"`);
  const layout = layoutOf(config.path);
  try {
    await mkdir(layout.temporary, { recursive: true });
    await sweepTemporaries(layout.temporary);
  } catch (error) {
    throw new AdapterError('AccessDenied', `warehouse.path: cannot write to ${config.path}: ${String(error)}`, { cause: error });
  }
  const engine = createEngine({
    temporary: layout.temporary,
    threads: config.threads,
    memoryLimitMb: config.memoryLimitMb,
    prepare: addFunctions,
  });
  const parts: Parts = { layout, engine, translator: createTranslator(), tables: new TableFiles(layout) };
  const ledger = new LedgerFiles(layout);

  return {
    query: (request, context) =>
      runOnce<TableInfo>(layout, request.jobId, context, {
        adopt: (recorded) => adoptTable(parts, recorded),
        run: () => runQuery(parts, request, context),
      }),
    dryRun: (statement) => estimate(parts, statement),
    async describe(table) {
      const found = await parts.tables.describe(table);
      return found && tableInfo(found);
    },
    export: (request, context) =>
      runOnce<ExportManifest>(layout, request.jobId, context, {
        adopt: (recorded) => adoptExport(deps.store, recorded),
        run: () => exportTable(parts, deps.store, request, context),
      }),
    predict: (request, context) =>
      runOnce<TableInfo>(layout, request.jobId, context, {
        adopt: (recorded) => adoptTable(parts, recorded),
        run: () => predictTable(parts, request, context),
      }),
    rows: (statement, context) => readRows(parts, statement, context),
    drop: (table) => parts.tables.drop(table),
    append: (table, rows, key) => ledger.append(table, rows, key),
    ledger: (table, where, since) => ledger.rows(table, where, since),
    cancel: async () => undefined,
    async close() {
      await parts.translator.close();
      await engine.close();
    },
  };
}
