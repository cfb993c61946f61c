/** A run whose workflows Temporal has removed, as it does after its retention: what the object store keeps is read instead. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnknownRunError, type Longhaul } from '../../src/client/index.ts';
import { askedRun } from '../../src/cli/run-data.ts';
import { createLiveSource } from '../../src/console/index.ts';
import type { OpenPorts } from '../../src/adapters/open.ts';
import { documentOf, query, script } from './documents.ts';
import { longhaulOf, namespaceOf, startHarness, until, variablesOf } from './environment.ts';
import type { Harness } from './environment.ts';
import { runCli } from '../support/run-cli.ts';
import { createMemoryPorts, ROOT } from './memory-ports.ts';

/** Not when the queue that closed the workflow next writes down how far it is, half a minute later. */
const DELETES_AT_ONCE = [
  'history.transferProcessorEnsureCloseBeforeDelete=false',
  'history.visibilityProcessorEnsureCloseBeforeDelete=false',
].flatMap((value) => ['--dynamic-config-value', value]);

describe('a run that Temporal has forgotten', () => {
  const memory = createMemoryPorts();
  const ports: OpenPorts = Object.assign(memory, { [Symbol.asyncDispose]: async () => Promise.resolve() }) as unknown as OpenPorts;
  let harness: Harness;
  let longhaul: Longhaul;
  beforeAll(async () => {
    harness = await startHarness(memory, 'real', {}, DELETES_AT_ONCE);
    longhaul = longhaulOf(harness.environment);
  });
  afterAll(() => harness.stop());

  const forget = async (run: string): Promise<void> => {
    await harness.client.workflowService.deleteWorkflowExecution({
      namespace: namespaceOf(harness.environment),
      workflowExecution: { workflowId: run },
    });
    // Asked for its state, a worker would replay it each time.
    const described = (): Promise<unknown> => harness.client.workflow.getHandle(run).describe();
    await until(
      () =>
        described().then(
          () => false,
          (error: unknown) => error instanceof WorkflowNotFoundError,
        ),
      `the end of ${run}`,
    );
    await expect(longhaul.run(run).state()).rejects.toThrow(UnknownRunError);
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

  it('is read by the commands in the store of a profile that is named, where no run of the server says where', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'longhaul-forgotten-'));
    const place = (name: string): string => join(folder, name);
    try {
      const profile = {
        warehouse: { kind: 'duckdb', path: place('warehouse') },
        storage: { kind: 'directory', path: place('store') },
        compute: { kind: 'process', path: place('jobs') },
      } as const;
      const pools = [{ name: 'local', spot: false, pricePerHour: 0 }];
      await mkdir(place('profiles'));
      await writeFile(place('profiles/kept.json'), JSON.stringify({ version: 1, ...profile, pools }));
      memory.onJob = (job) => Promise.resolve(job.labels.step === 'breaks' ? { state: 'failed', exitCode: 1 } : {});
      await (await harness.start(documentOf([script('train', { inputs: { cached: 'no' } as never })], { profile }), 'good')).result();
      await expect((await harness.start(documentOf([script('breaks')], { profile }), 'bad')).result()).rejects.toThrow();
      for (const [uri, { data }] of memory.objects) {
        const file = uri.replace(ROOT, place('store'));
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, data);
      }
      await Promise.all(['good', 'bad'].map(forget));

      const env = variablesOf(harness.environment);
      const cli = (...args: string[]): ReturnType<typeof runCli> => runCli(args, { cwd: folder, env });
      const named = ['--profile', 'kept'];
      const [good, bad, report, logs, nowhere] = await Promise.all([
        cli('status', 'good', '--watch', '--output', 'json', ...named),
        cli('status', 'bad', '--watch', ...named),
        cli('report', 'good', '--format', 'json', ...named),
        cli('logs', 'good', '--follow', ...named),
        cli('status', 'good', '--watch'),
      ]);
      expect(good).toMatchObject({ code: 0, stdout: expect.stringMatching(/"status": ?"succeeded"/) as string });
      expect(bad).toMatchObject({ code: 1, stdout: expect.stringContaining('breaks') as string });
      expect(bad.stderr).toContain('step breaks');
      expect(report).toMatchObject({ code: 0, stdout: expect.stringContaining('"good"') as string });
      expect(logs).toMatchObject({ code: 0, stdout: expect.stringContaining('train writes') as string });
      expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('no run "good"') as string });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
