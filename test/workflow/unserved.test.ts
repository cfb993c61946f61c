import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { CannotConnectError } from '../../src/client/errors.ts';
import type { Longhaul } from '../../src/client/index.ts';
import { documentOf, script } from './documents.ts';
import { longhaulOf, startServer } from './environment.ts';

describe('a run that no worker serves', () => {
  let server: TestWorkflowEnvironment;
  let longhaul: Longhaul;
  beforeAll(async () => {
    server = await startServer('real');
    longhaul = longhaulOf(server);
    await longhaul.start(documentOf([script('a')]), { runId: 'alone' });
  });
  afterAll(() => server.teardown());

  it.each(['state', 'graph', 'pause', 'resume'] as const)('says so on %s, and what to start, instead of waiting for one', async (what) => {
    const error = await longhaul
      .run('alone')
      [what]()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CannotConnectError);
    expect((error as Error).message).toMatch(
      /no worker serves alone: nobody asks task queue longhaul-control for work; start the control workers/,
    );
  });
});
