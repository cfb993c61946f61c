/** A run whose workflows Temporal has removed, as it does after its retention: what the object store keeps is read instead. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Longhaul, UnknownRunError } from '../../src/client/index.ts';
import { askedRun } from '../../src/cli/run-data.ts';
import { createLiveSource } from '../../src/console/index.ts';
import type { OpenPorts } from '../../src/adapters/open.ts';
import { documentOf, query, script } from './documents.ts';
import { startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';

describe('a run that Temporal has forgotten', () => {
  const memory = createMemoryPorts();
  const ports: OpenPorts = Object.assign(memory, { [Symbol.asyncDispose]: async () => Promise.resolve() }) as unknown as OpenPorts;
  let harness: Harness;
  let longhaul: Longhaul;
  beforeAll(async () => {
    harness = await startHarness(memory, 'real');
    const { address } = harness.environment;
    longhaul = new Longhaul(harness.environment.connection, {
      connection: { address },
      address,
      namespace: 'default',
      source: 'environment',
      ui: null,
    });
  });
  afterAll(() => harness.stop());

  const forget = async (run: string): Promise<void> => {
    await harness.client.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution: { workflowId: run } });
    await until(
      () =>
        longhaul
          .run(run)
          .state()
          .then(
            () => false,
            (error: unknown) => error instanceof UnknownRunError,
          ),
      `the end of ${run}`,
    );
  };

  it('is read where the profiles of the runs that are known say', async () => {
    const document = documentOf([query('made'), script('train', { dependsOn: ['made'] })]);
    await (await harness.start(document, 'old')).result();
    await (await harness.start(document, 'new')).result();
    const before = { state: await longhaul.run('old').state(), graph: await longhaul.run('old').graph() };
    await forget('old');
    const source = createLiveSource(longhaul, memory, null);
    // It was written by the last activity of the run, which was still at it.
    expect((await source.state('old')).steps).toEqual(before.state.steps);
    expect(await source.graph('old')).toMatchObject({ nodes: expect.anything() as unknown });
    expect((await source.document('old')).steps).toEqual(document.steps);
    const asked = askedRun(longhaul.run('old'), { longhaul, ports });
    expect((await asked.snapshot()).run.steps).toEqual(before.state.steps);
    expect((await asked.document()).hash).toBe(document.hash);
    const { signal } = new AbortController();
    const lines: string[] = [];
    for await (const line of source.logs(await source.document('old'), 'old', { step: 'train' }, { tailLines: 5, signal }))
      lines.push(line);
    expect(lines).toEqual([expect.stringContaining('train writes')]);
    await expect(source.state('never')).rejects.toThrow(UnknownRunError);
    await expect(source.state('../new')).rejects.toThrow();
  });
});
