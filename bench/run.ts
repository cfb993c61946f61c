/** `npm run bench -- NAME [--json] [args]`: runs bench/NAME.ts or bench/NAME.py; without a name, lists them. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const directory = import.meta.dirname;
const [name, ...args] = process.argv.slice(2);

/** A file beside this one is a bench unless it is a helper in a folder. */
async function names(): Promise<string[]> {
  const files = (await readdir(directory)).filter((file) => /\.(ts|py)$/.test(file) && file !== 'run.ts');
  return files.map((file) => file.replace(/\.(ts|py)$/, '')).sort();
}

if (name === undefined) {
  process.stdout.write(`${(await names()).join('\n')}\n`);
  process.exit(0);
}
if (!(await names()).includes(name)) {
  process.stderr.write(`no bench "${name}"; there are: ${(await names()).join(', ')}\n`);
  process.exit(2);
}
const script = join(directory, `${name}.ts`);
const [program, file] = existsSync(script)
  ? [process.execPath, script]
  : [process.env.LONGHAUL_PYTHON ?? 'python3', join(directory, `${name}.py`)];
const child = spawn(program, [file, ...args], { stdio: 'inherit', env: { ...process.env, PYTHONPATH: join(directory, '..', 'python') } });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
