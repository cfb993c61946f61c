/** The command line as a person uses it, against a test's own server. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { execute } from '../../src/cli/execute.ts';
import { variablesOf } from './environment.ts';

export const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

export interface Spoken {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Cli = (...args: readonly string[]) => Promise<Spoken>;

export const cliAt =
  (environment: TestWorkflowEnvironment): Cli =>
  (...args) =>
    run(process.execPath, [MAIN, ...args], variablesOf(environment));

let busy: Promise<unknown> = Promise.resolve();

/**
 * The same commands in this process, one after the other: a second of processor for each is what it takes to start one of its own. That a command
 * also ends its process is what those show that are called by `cliAt`, and test/e2e/cli.test.ts.
 */
export const cliWithin =
  (environment: TestWorkflowEnvironment): Cli =>
  (...args) => {
    const spoken = busy.then(() => speak(args, { NO_COLOR: '1', ...variablesOf(environment) }));
    busy = spoken;
    return spoken;
  };

async function speak(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Spoken> {
  const { argv, env, exitCode } = process;
  const listeners = process.stdout.listeners('error');
  const said = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      said[name] += String(chunk);
      return true;
    }),
  );
  Object.assign(process, { argv: [process.execPath, MAIN, ...args], env: { ...env, ...environment }, exitCode: 0 });
  try {
    await execute();
    return { code: Number(process.exitCode), ...said };
  } finally {
    Object.assign(process, { argv, env, exitCode });
    for (const spy of spies) spy.mockRestore();
    for (const listener of process.stdout.listeners('error') as ((error: Error) => void)[])
      if (!listeners.includes(listener)) process.stdout.off('error', listener);
  }
}

/** Never rejects: an exit code is an answer. */
export function run(program: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Spoken> {
  return new Promise((resolve) => {
    execFile(program, args, { env: { ...process.env, NO_COLOR: '1', ...environment } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
    });
  });
}
