/** Runs checks side by side and prints the output of those that fail. What has passed before as it is now is not checked again. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Passed, digestOfAll, digestsOf, keep, takeOver } from './passed.ts';

export interface Check {
  readonly name: string;
  readonly command: string;
  /** Of each run, one after another. */
  readonly runs: readonly (readonly string[])[];
  readonly cwd?: string;
  /** All files that the outcome depends on, as patterns of Git; without them it is checked always. */
  readonly inputs?: readonly string[];
  /** Whether a file passes by itself, so that only those are checked (`.` in its options) that have changed. */
  readonly eachFile?: boolean;
  /** Files besides, a change of which is one of everything. */
  readonly configuration?: readonly string[];
  /** Path of what the tool found out, for the next time. */
  readonly keeps?: string;
}

export async function runChecks(checks: readonly Check[]): Promise<never> {
  const results = await Promise.all(checks.map(runCheck));
  process.exit(results.every(Boolean) ? 0 : 1);
}

async function runCheck(check: Check): Promise<boolean> {
  const started = performance.now();
  const { name, command, keeps } = check;
  const files = check.inputs ? await digestsOf(check.inputs) : null;
  const configuration = await Promise.all(['package-lock.json', ...(check.configuration ?? [])].map((file) => readFile(file, 'utf8')));
  const passed = await Passed.open(name, [command, ...check.runs.flat(), ...configuration]);
  const changed = files && (check.eachFile ? passed.without(files) : passed.has(digestOfAll(files)) ? [] : null);
  const runs = check.runs.map((args) => (changed ? args.flatMap((arg) => (arg === '.' ? changed : [arg])) : args));
  let output = '';
  let ok = true;
  if (changed?.length !== 0) {
    if (keeps !== undefined) await takeOver(keeps);
    for (const args of runs) ok = (await run(command, args, check.cwd, (text) => (output += text))) && ok;
    if (ok && files) await passed.add(check.eachFile ? files.values() : [digestOfAll(files)]);
    if (ok && keeps !== undefined) await keep(keeps);
  }
  const took = changed?.length === 0 ? 'unchanged' : `${((performance.now() - started) / 1000).toFixed(1)} s`;
  process.stderr.write(`${ok ? 'ok  ' : 'FAIL'} ${name} (${took})\n`);
  if (!ok) process.stdout.write(output);
  return ok;
}

function run(command: string, args: readonly string[], cwd: string | undefined, tell: (text: string) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => tell(chunk.toString()));
    child.on('error', (error) => tell(error.message));
    child.on('close', (code) => resolve(code === 0));
  });
}
