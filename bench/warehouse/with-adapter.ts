/** `with-adapter.ts DATA FOLDER`: a query and an export by the embedded warehouse; prints what it took. */
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { openDuckdbWarehouse } from '../../src/adapters/duckdb/index.ts';
import { MEMORY_MB, SQL, THREADS } from './data.ts';

const [data, folder] = process.argv.slice(2) as [string, string];
const context = { signal: new AbortController().signal, progress: () => undefined };
const store = await openDirectoryStore({ kind: 'directory', path: `${folder}/store` });
const warehouse = await openDuckdbWarehouse(
  { kind: 'duckdb', path: `${folder}/warehouse`, threads: THREADS, memoryLimitMb: MEMORY_MB },
  { store },
);
// The worker's translator runs already when a step begins.
await warehouse.dryRun({ sql: 'SELECT 1 AS a', sqlFile: 'first.sql', parameters: {}, tables: {}, sources: {} });
const began = performance.now();
const before = process.cpuUsage();
const sources = { promotions: `file://${data}/promotions.parquet`, products: `file://${data}/products.parquet` };
const made = await warehouse.query(
  {
    jobId: 'query',
    sql: SQL,
    sqlFile: 'bench.sql',
    parameters: {},
    tables: {},
    sources,
    destination: 'bench.promotions',
    clustering: [],
    labels: {},
  },
  context,
);
await warehouse.export(
  {
    jobId: 'export',
    table: made.table,
    destination: `${store.root}/parts`,
    partSizeMb: 64,
    compression: 'snappy',
    orderBy: [],
    labels: {},
  },
  context,
);
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
const cpuSeconds = (user + system) / 1e6;
await warehouse.close();
process.stdout.write(JSON.stringify({ seconds, cpuSeconds, peakMb: process.resourceUsage().maxRSS / 1024, rows: made.rows }));
