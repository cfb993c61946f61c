import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's Python packages. */
export const TRAINER_DIRECTORY = fileURLToPath(new URL('../../python', import.meta.url)).replace(/\/$/, '');

/** The interpreter with the trainer's requirements: LONGHAUL_PYTHON, which the launcher sets, or `python3`. */
export function pythonExecutable(): string {
  return process.env['LONGHAUL_PYTHON'] || 'python3';
}

/** PYTHONPATH with Longhaul's packages, after those that the caller names. */
export function pythonPath(...before: readonly (string | undefined)[]): string {
  // An empty entry would be the working directory.
  const named = before.flatMap((part) => (part ?? '').split(delimiter)).filter((entry) => entry !== '');
  return [...named, TRAINER_DIRECTORY].join(delimiter);
}

/**
 * How to run a Python module of `python/`. Not in the path of it (`-P`): the working directory, whose `types.py` or `sqlglot.py` would take
 * the place of a library.
 *
 * @example
 * const { command, args, env } = pythonCommand('longhaul_sql', []);
 * spawn(command, args, { env });
 */
export function pythonCommand(
  module: string,
  args: readonly string[],
): { readonly command: string; readonly args: string[]; readonly env: NodeJS.ProcessEnv } {
  return {
    command: pythonExecutable(),
    args: ['-P', '-m', module, ...args],
    env: { ...process.env, PYTHONPATH: pythonPath(process.env['PYTHONPATH']), PYTHONUNBUFFERED: '1' },
  };
}

/** A file beside the TypeScript sources, e.g. a script that an adapter runs. */
export function sourceFile(base: string, name: string): string {
  return join(fileURLToPath(new URL('.', base)), name);
}
