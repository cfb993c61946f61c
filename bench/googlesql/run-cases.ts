import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { createSqlChecker, openDuckdbWarehouse } from '../../src/adapters/duckdb/index.ts';
import type { SqlChecker } from '../../src/adapters/duckdb/index.ts';
import type { JobContext, QueryRequest, Warehouse } from '../../src/ports/warehouse.ts';
import { tableFile } from './cases.ts';
import type { Case, Outcome } from './cases.ts';

const LIMIT_MS = 30_000;
const THREADS = 2;
const MEMORY_MB = 2048;
const SHARED = { sqlFile: 'sql/case.sql', parameters: {}, tables: {}, sources: {}, clustering: [], labels: {} };

/** Runs each case through the checker and an embedded warehouse of its own in `work`. `told` hears of each outcome in the order of the cases. */
export async function runCases(cases: readonly Case[], tables: string, work: string, told: (outcome: Outcome) => void): Promise<void> {
  mkdirSync(work, { recursive: true });
  const store = await openDirectoryStore({ kind: 'directory', path: join(work, 'store') });
  const path = join(work, 'warehouse');
  const warehouse = await openDuckdbWarehouse({ kind: 'duckdb', path, threads: THREADS, memoryLimitMb: MEMORY_MB }, { store });
  const checker = createSqlChecker();
  const loaded = new Map<string, Promise<void>>();
  try {
    for (const [number, each] of cases.entries()) {
      try {
        told({ id: each.id, ...(await outcome(each, number, { checker, warehouse, loaded, tables, path })) });
      } catch (error) {
        told({ id: each.id, stage: 'crash', error: faultOf(error) });
      }
    }
  } finally {
    await Promise.all([warehouse.close(), checker.close()]);
  }
}

interface World {
  readonly checker: SqlChecker;
  readonly warehouse: Warehouse;
  readonly loaded: Map<string, Promise<void>>;
  readonly tables: string;
  readonly path: string;
}

async function outcome(each: Case, number: number, world: World): Promise<Omit<Outcome, 'id'>> {
  const [problem] = await world.checker.check(each.sql, SHARED.sqlFile);
  if (problem) return { stage: 'compile', problem };
  const tables: Record<string, string> = {};
  for (const [alias, key] of Object.entries(each.tables ?? {})) {
    if (!existsSync(tableFile(world.tables, key))) return { stage: 'no table' };
    const table = each.dml === alias ? `main.dml_${number}_${alias.toLowerCase()}` : `main.${key.replaceAll(/\W/g, '_').toLowerCase()}`;
    const loading = world.loaded.get(table) ?? load(world, key, table);
    world.loaded.set(table, loading);
    try {
      await loading;
    } catch (error) {
      return { stage: 'source refused', error: faultOf(error) };
    }
    tables[alias] = table;
  }
  if (each.refused_columns) return { stage: 'no table' };
  const destination = (each.dml === undefined ? undefined : tables[each.dml]) ?? `main.case_${number}`;
  const request: QueryRequest = {
    ...SHARED,
    sql: each.sql,
    parameters: each.parameters ?? {},
    tables,
    jobId: `case-${number}`,
    destination,
  };
  const planned = await world.warehouse.dryRun(request).then(
    () => true,
    () => false,
  );
  try {
    const info = await world.warehouse.query(request, context());
    const file = join(world.path, 'tables', info.table, info.version, 'data.parquet');
    return { stage: 'ok', file, types: info.columns.map(({ type }) => type) };
  } catch (error) {
    return { stage: planned ? 'run' : 'plan', error: faultOf(error) };
  }
}

async function load({ warehouse, tables }: World, key: string, table: string): Promise<void> {
  const request = { ...SHARED, sql: 'SELECT * FROM {src}', sources: { src: `file://${tableFile(tables, key)}` } };
  await warehouse.query({ ...request, jobId: `load-${table}`, destination: table }, context());
}

const context = (): JobContext => ({ signal: AbortSignal.timeout(LIMIT_MS), progress: () => undefined });

function faultOf(error: unknown): { readonly type?: string; readonly message: string } {
  const { type, message } = error as { type?: string; message?: string };
  return { type, message: String(message ?? error).slice(0, 1500) };
}
