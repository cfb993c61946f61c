/** `with-client.ts DATA FOLDER`: the same statements by DuckDB's client alone, as someone would write them by hand; prints what they took. */
import { DuckDBInstance } from '@duckdb/node-api';
import { MEMORY_MB, SQL, THREADS } from './data.ts';

const [data, folder] = process.argv.slice(2) as [string, string];
const instance = await DuckDBInstance.create(':memory:', {
  threads: String(THREADS),
  memory_limit: `${MEMORY_MB}MiB`,
  temp_directory: `${folder}/spill`,
});
const connection = await instance.connect();
const sql = SQL.replace('{promotions}', `read_parquet('${data}/promotions.parquet')`).replace(
  '{products}',
  `read_parquet('${data}/products.parquet')`,
);
const began = performance.now();
const before = process.cpuUsage();
const made = await connection.runAndReadAll(`COPY (${sql}) TO '${folder}/table.parquet' (FORMAT parquet)`);
await connection.run(`COPY (FROM read_parquet('${folder}/table.parquet')) TO '${folder}/parts' (FORMAT parquet, FILE_SIZE_BYTES '64MB')`);
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
const cpuSeconds = (user + system) / 1e6;
process.stdout.write(
  JSON.stringify({ seconds, cpuSeconds, peakMb: process.resourceUsage().maxRSS / 1024, rows: Number(made.getRows()[0]?.[0] ?? 0) }),
);
connection.closeSync();
instance.closeSync();
