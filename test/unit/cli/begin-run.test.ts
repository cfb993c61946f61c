import type { Command } from 'commander';
import { expect, it, vi } from 'vitest';
import { beginRun } from '../../../src/cli/begin-run.ts';
import type { Cli } from '../../../src/cli/context.ts';

const order: string[] = [];
const prepare = (): Promise<never> => {
  order.push('the earlier run is asked');
  return Promise.reject(new Error('no such run'));
};
vi.mock('../../../src/cli/own-stack.ts', () => ({
  withServers: () => {
    const ready = new Promise<void>((resolve) =>
      // What does not wait for them asks before the event loop turns.
      setImmediate(() => {
        order.push('the workers serve');
        resolve();
      }),
    );
    return Promise.resolve({ longhaul: {}, stack: { ready }, stop: () => Promise.resolve() });
  },
}));

it('asks nothing of the earlier run before the workers that the command starts are there', async () => {
  const command = { optsWithGlobals: () => ({}) } as unknown as Command;
  await expect(beginRun(prepare, false, {} as Cli, command)).rejects.toThrow('no such run');
  expect(order).toEqual(['the workers serve', 'the earlier run is asked']);
});
