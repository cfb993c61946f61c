/** One development stack for all files of the suite that ask nothing special of it; it ends with the suite. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startStack, type Stack } from '../../src/stack/stack.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Project of the shared stack: whatever lies below it uses that one. */
    stackDirectory: string;
    /** File with the ids of its processes by name, for tests that kill one. */
    stackProcesses: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'longhaul-shared-'));
  const file = join(directory, 'processes.json');
  let stack: Stack | null = null;
  const tell = (): void => {
    writeFileSync(`${file}.new`, JSON.stringify(stack?.pids() ?? {}));
    renameSync(`${file}.new`, file);
  };
  stack = await startStack({ directory, onEvent: tell });
  await stack.ready;
  tell();
  project.provide('stackDirectory', directory);
  project.provide('stackProcesses', file);
  return async () => {
    await stack.stop();
    rmSync(directory, { recursive: true, force: true });
  };
}
