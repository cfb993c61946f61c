/** The command line as a person uses it, against a test's own server. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';

export const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

export interface Spoken {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Cli = (...args: readonly string[]) => Promise<Spoken>;

export const cliAt =
  (address: string): Cli =>
  (...args) =>
    run(process.execPath, [MAIN, ...args], { TEMPORAL_ADDRESS: address });

/** Never rejects: an exit code is an answer. */
export function run(program: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Spoken> {
  return new Promise((resolve) => {
    execFile(program, args, { env: { ...process.env, NO_COLOR: '1', ...environment } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
    });
  });
}
