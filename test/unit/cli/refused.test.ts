/** A run that its workers would not begin. */
import { afterEach, expect, it, vi } from 'vitest';
import type { Cli } from '../../../src/cli/context.ts';
import type { Servers } from '../../../src/cli/own-stack.ts';
import { runToEnd } from '../../../src/cli/run-to-end.ts';
import { openTerminal } from '../../../src/cli/terminal.ts';
import { RunFailedError } from '../../../src/client/errors.ts';
import type { Run } from '../../../src/client/run.ts';

const WHY = 'the policy of these workers does not allow what the run asks for';
const terminal = openTerminal();
const before = process.exitCode;
afterEach(() => {
  process.exitCode = before;
  vi.restoreAllMocks();
});

it.each([false, true])('is told of as soon as it is known, though no worker answers any question (JSON: %s)', async (json) => {
  const heard = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    vi.spyOn(process[name], 'write').mockImplementation((chunk: string | Uint8Array) => {
      heard[name] += String(chunk);
      return true;
    });
  const never = vi.fn(() => new Promise<never>(() => undefined));
  const run = {
    id: 'refused-1',
    result: () => Promise.reject(new RunFailedError('refused-1', 'failed', WHY, 'InvalidDocument', null)),
    state: never,
    document: never,
    graph: never,
    changes: () => ({
      follow: () => undefined,
      takeAll: () => new Set(),
      again: () => undefined,
      news: async () => undefined,
      close: () => undefined,
    }),
  } as unknown as Run;
  const cli = { terminal, json, print: () => undefined, warn: () => undefined } as unknown as Cli;
  const servers = { longhaul: { target: { ui: null } }, stack: null, stop: never } as unknown as Servers;
  await runToEnd(servers, cli, () => Promise.resolve(run));
  expect(process.exitCode).toBe(1);
  expect(heard.stderr).toContain(WHY);
  // One look may have been under way; nothing is asked of what was refused.
  expect(never.mock.calls.length).toBeLessThanOrEqual(1);
  if (json) expect(JSON.parse(heard.stdout)).toEqual({ run: 'refused-1', status: 'failed', reason: WHY });
  else expect(heard.stdout).toBe('');
});
