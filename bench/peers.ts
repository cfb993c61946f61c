/**
 * `npm run bench -- peers [--json] [--only luigi,ray]`: a chain of 20 steps and a fan-out of 100 trials that do nothing, in Longhaul and in others'
 * orchestrators on this machine: what each adds per step and per trial. Every peer runs in its quickest local configuration that still keeps a
 * record of the run; all files are in memory where the machine has /dev/shm.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canRunCluster } from '../deploy/dev-cluster/index.ts';
import { ensurePeers, versionOf } from './peers/install.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const ROOT = join(import.meta.dirname, '..');
const PEERS = ['luigi', 'dagster', 'prefect', 'metaflow', 'ray'] as const;

interface Overhead {
  readonly step_ms: number | null;
  readonly trial_ms: number | null;
}

const { values } = commandLine({
  call: 'npm run bench -- peers',
  about: 'What a step and a trial cost here and in similar tools.',
  options: {
    json: JSON_OPTION,
    only: { type: 'string', value: 'NAME,…', about: 'some of them' },
  },
});
const wanted = values.only?.split(',') ?? [...PEERS, 'kubernetes'];

const memory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'longhaul-peers-'));
const environment = {
  ...process.env,
  TMPDIR: memory,
  PYTHONPATH: ROOT,
  DO_NOT_TRACK: '1',
  RAY_USAGE_STATS_ENABLED: '0',
  RAY_TMPDIR: memory,
  PREFECT_HOME: join(memory, 'prefect'),
  PREFECT_LOGGING_LEVEL: 'CRITICAL',
  PREFECT_SERVER_ANALYTICS_ENABLED: 'false',
  PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: '180',
};
try {
  const chain = await measure(process.execPath, [join(ROOT, 'bench/peers/longhaul.ts'), 'chain']);
  const fanOut = await measure(process.execPath, [join(ROOT, 'bench/peers/longhaul.ts'), 'fan-out']);
  const found = new Map<string, Overhead>([['longhaul', { step_ms: chain.step_ms ?? null, trial_ms: fanOut.trial_ms ?? null }]]);
  const python = wanted.some((peer) => peer !== 'kubernetes') ? await ensurePeers() : '';
  for (const peer of PEERS.filter((one) => wanted.includes(one)))
    found.set(peer, await measure(python, ['-m', `bench.peers.${peer}_peer`]));
  if (wanted.includes('kubernetes') && (await canRunCluster()).ok)
    found.set('kubernetes', await measure(process.execPath, [join(ROOT, 'bench/peers/kubernetes.ts')]));
  report(found);
} finally {
  rmSync(memory, { recursive: true, force: true });
}

/** The last line that the program prints. */
async function measure(program: string, args: readonly string[]): Promise<Overhead> {
  process.stderr.write(`${args.join(' ').replace(`${ROOT}/`, '')}\n`);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment, cwd: ROOT });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const last = output.stdout.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) throw new Error(`${args.join(' ')} ended with ${code}:\n${output.stderr.slice(-2000)}`);
  return JSON.parse(last) as Overhead;
}

function report(found: ReadonlyMap<string, Overhead>): void {
  const own = found.get('longhaul');
  const ratio = (value: number | null, base: number | null | undefined): number | null => (value && base ? round(value / base) : null);
  const rows = [...found].map(([name, { step_ms, trial_ms }]) => ({
    name,
    version: name === 'longhaul' || name === 'kubernetes' ? '' : versionOf(name),
    step_ms: step_ms && round(step_ms),
    step_ratio: ratio(step_ms, own?.step_ms),
    trial_ms: trial_ms && round(trial_ms),
    trial_ratio: ratio(trial_ms, own?.trial_ms),
  }));
  for (const row of rows)
    process[values.json ? 'stderr' : 'stdout'].write(
      `| ${row.name} ${row.version} | ${row.step_ms ?? '–'} | ${row.step_ratio ?? '–'} | ${row.trial_ms ?? '–'} | ${row.trial_ratio ?? '–'} |\n`,
    );
  const figures = rows.flatMap(({ name, version: _version, ...figures }) =>
    Object.entries(figures).map(([key, value]) => [`${name}_${key}`, value] as const),
  );
  if (values.json) process.stdout.write(`${JSON.stringify(Object.fromEntries(figures))}\n`);
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
