/**
 * `npm run bench -- NAME [--json] [args]`: runs bench/NAME.ts or bench/NAME.py; without a name, lists them. With --json stdout is one line of
 * JSON and nothing else, `{"error": …}` and exit code 1 where the bench failed; whatever else it or its servers print goes to stderr.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const directory = import.meta.dirname;
const [name, ...args] = process.argv.slice(2);
const json = args.includes('--json');

/** A file beside this one is a bench unless it is a helper in a folder. */
async function names(): Promise<string[]> {
  const files = (await readdir(directory)).filter((file) => /\.(ts|py)$/.test(file) && file !== 'run.ts');
  return files.map((file) => file.replace(/\.(ts|py)$/, '')).sort();
}

/** undefined: the line is no JSON object. */
function resultIn(line: string): object | undefined {
  try {
    const value: unknown = line.startsWith('{') ? JSON.parse(line) : undefined;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

if (name === undefined || ['--help', '-h'].includes(name)) {
  const usage =
    name === undefined
      ? ''
      : 'usage: npm run bench -- NAME [options]\n\nMeasures one thing; npm run bench -- NAME --help tells its options. NAME is one of\n\n';
  process.stdout.write(`${usage}${(await names()).join('\n')}\n`);
  process.exit(0);
}
if (!(await names()).includes(name)) {
  const message = name.startsWith('-')
    ? `bench: expected the name of one first, found ${name}; see npm run bench -- --help`
    : `no bench "${name}"; there are: ${(await names()).join(', ')}`;
  process.stderr.write(`${message}\n`);
  if (json) process.stdout.write(`${JSON.stringify({ error: message })}\n`);
  process.exit(2);
}
const script = join(directory, `${name}.ts`);
const [program, file] = existsSync(script)
  ? [process.execPath, script]
  : [process.env.LONGHAUL_PYTHON ?? 'python3', join(directory, `${name}.py`)];
const child = spawn(program, [file, ...args], {
  stdio: ['inherit', json ? 'pipe' : 'inherit', json ? 'pipe' : 'inherit'],
  env: { ...process.env, PYTHONPATH: join(directory, '..', 'python') },
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));

let result: string | undefined;
let lastWords = '';
if (child.stdout && child.stderr) {
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (resultIn(line) !== undefined) {
      if (result !== undefined) process.stderr.write(`${result}\n`);
      result = line;
    } else process.stderr.write(`${line}\n`);
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.trim() !== '') lastWords = line.trim();
    process.stderr.write(`${line}\n`);
  });
}
child.on('close', (code, signal) => {
  // Usage is no result.
  if (!json || args.some((word) => ['--help', '-h'].includes(word))) process.exit(code ?? 1);
  const failed = code !== 0 || result === undefined;
  const why = signal === null ? `bench ${name} ended with exit code ${code}` : `bench ${name} was ended by ${signal}`;
  const error = result !== undefined && 'error' in (resultIn(result) ?? {}) ? result : JSON.stringify({ error: lastWords || why });
  process.stdout.write(`${failed ? error : result}\n`);
  process.exit(failed ? (code === 2 ? 2 : 1) : 0);
});
