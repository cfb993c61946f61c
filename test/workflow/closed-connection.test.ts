import { randomUUID } from 'node:crypto';
import { afterEach, expect, it, vi } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { startServer, variablesOf } from './environment.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('ends what is asked on a connection that was closed while the server was away, and not the program', async () => {
  const server = await startServer('skipping');
  for (const [name, value] of Object.entries(variablesOf(server))) vi.stubEnv(name, value);
  const longhaul = await connect();
  const run = randomUUID();
  await longhaul.client.workflow.start('nobody', { taskQueue: 'nobody', workflowId: run });
  const result = longhaul.run(run).result();
  result.catch(() => undefined);
  // Answered after the question for the result was sent.
  await longhaul.client.workflow.getHandle(run).describe();
  await server.teardown();
  await longhaul.close();
  await expect(result).rejects.toThrow();
});
