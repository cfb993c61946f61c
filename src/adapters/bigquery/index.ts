import type { Warehouse } from '../../ports/warehouse.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { connect } from './client.ts';
import type { BigqueryConfig } from './client.ts';
import { exportTable } from './export.ts';
import { LedgerTables } from './ledger.ts';
import { jobIdOf, tableRef } from './names.ts';
import { cancelJobs } from './jobs.ts';
import { predictTable } from './predict.ts';
import { estimate, guard, readRows, runQuery } from './queries.ts';
import { describe, dropTable } from './tables.ts';

interface BigqueryDependencies {
  readonly store: ObjectStore;
  /** Of the object store's emulator, for programs that are started. */
  readonly storageEndpoint?: string | undefined;
  /** False: what answers at `apiEndpoint` has all that BigQuery has. */
  readonly emulator?: boolean;
  /** Least time between two loads of a ledger table. */
  readonly ledgerIntervalMs?: number;
}

/** BigQuery. Every job has a deterministic id: whoever asks again, also after a crash, adopts it. docs/bigquery.md says how each feature is tested. */
export async function openBigqueryWarehouse(config: BigqueryConfig, deps: BigqueryDependencies): Promise<Warehouse> {
  const connection = connect(config, deps);
  const ledger = new LedgerTables(connection, deps.ledgerIntervalMs);
  return {
    query: (request, context) => runQuery(connection, request, context),
    dryRun: (statement) => estimate(connection, statement),
    describe: async (table) => guard(() => describe(connection, table)),
    export: (request, context) => exportTable(connection, request, context),
    predict: (request, context) => predictTable(connection, request, context),
    rows: (statement, context) => readRows(connection, statement, context),
    drop: async (table) => guard(() => dropTable(connection, tableRef(table, config.project))),
    append: (table, rows, key) => ledger.append(table, rows, key),
    ledger: (table, where, since) => ledger.rows(table, where, since),
    cancel: async (jobId) => guard(() => cancelJobs(connection, jobIdOf(jobId))),
    close: () => ledger.close(),
  };
}
