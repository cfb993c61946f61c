/**
 * `npm run bench -- warehouse [--json]`: 20.9 million rows of promotions joined with their products and numbered within store and week, then
 * exported in parts of 64 MB, by the embedded warehouse and by its client alone. Processes of their own, taking turns; the fastest of each counts.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { promotionsData } from './warehouse/data.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const { values } = commandLine({
  call: 'npm run bench -- warehouse',
  about: 'A large join and its export by the embedded warehouse, beside its client alone.',
  options: {
    json: JSON_OPTION,
  },
});

const ROUNDS = 3;

interface Taken {
  readonly seconds: number;
  /** Of all threads. */
  readonly cpuSeconds: number;
  readonly peakMb: number;
  readonly rows: number;
}

async function take(script: string, data: string): Promise<Taken> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-warehouse-'));
  mkdirSync(folder, { recursive: true });
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'warehouse', script), data, folder]);
    return JSON.parse(stdout) as Taken;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const data = await promotionsData();
const [adapter, client]: [Taken[], Taken[]] = [[], []];
for (let round = 0; round < ROUNDS; round++) {
  adapter.push(await take('with-adapter.ts', data));
  client.push(await take('with-client.ts', data));
}
const least = (taken: readonly Taken[], of: 'seconds' | 'cpuSeconds'): number => Math.min(...taken.map((one) => one[of]));
const [mine, alone] = [adapter[0]?.rows, client[0]?.rows];
if (mine !== alone) throw new Error(`the two made different tables: ${mine} and ${alone} rows`);
const result = {
  seconds: Number(least(adapter, 'seconds').toFixed(2)),
  peak_mb: Math.round(Math.max(...adapter.map(({ peakMb }) => peakMb))),
  overhead_ratio: Number((least(adapter, 'seconds') / least(client, 'seconds')).toFixed(3)),
};
// Beside other work on the machine seconds say little; these hardly change.
const [cpu, cpuAlone] = [least(adapter, 'cpuSeconds'), least(client, 'cpuSeconds')];
process.stderr.write(
  `seconds of processors: ${cpu.toFixed(1)}, of the client alone ${cpuAlone.toFixed(1)}: ratio ${(cpu / cpuAlone).toFixed(3)}\n`,
);
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(18)} ${value}\n`);
