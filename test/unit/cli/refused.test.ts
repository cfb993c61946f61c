/** A run that its workers would not begin. */
import { afterEach, expect, it, vi } from 'vitest';
import type { Cli } from '../../../src/cli/context.ts';
import type { Servers } from '../../../src/cli/own-stack.ts';
import { EXIT } from '../../../src/cli/exit.ts';
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
  const late = Promise.withResolvers<never>();
  const never = vi.fn(() => late.promise);
  const run = {
    id: 'refused-1',
    result: () => Promise.reject(new RunFailedError('refused-1', 'failed', WHY, 'InvalidDocument', null)),
    state: never,
    document: never,
    graph: never,
    // Something has moved on, and is being asked about.
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
  let isOver = false;
  const whole = runToEnd(servers, cli, () => Promise.resolve(run)).then(() => (isOver = true));
  await expect.poll(() => heard.stderr).toContain(WHY);
  expect([process.exitCode, isOver]).toEqual([EXIT.badInput, false]);
  // The connection is there until it has come back.
  late.reject(new Error('no worker answered'));
  await whole;
  // One look may have been under way; nothing is asked of what was refused.
  expect(never.mock.calls.length).toBeLessThanOrEqual(1);
  if (json) expect(JSON.parse(heard.stdout)).toEqual({ run: 'refused-1', status: 'failed', reason: WHY });
  else expect(heard.stdout).toBe('');
});
