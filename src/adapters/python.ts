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
  return [...before.filter((part) => part !== undefined && part !== ''), TRAINER_DIRECTORY].join(delimiter);
}

/**
 * How to run a Python module of `python/`.
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
    args: ['-m', module, ...args],
    env: { ...process.env, PYTHONPATH: pythonPath(process.env['PYTHONPATH']), PYTHONUNBUFFERED: '1' },
  };
}

/** A file beside the TypeScript sources, e.g. a script that an adapter runs. */
export function sourceFile(base: string, name: string): string {
  return join(fileURLToPath(new URL('.', base)), name);
}
