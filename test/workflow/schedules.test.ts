import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Schedules, type ScheduleSummary } from '../../src/client/index.ts';
import { cliAt, type Cli } from './cli.ts';
import { documentOf, script } from './documents.ts';
import { startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';

/** A schedule that is not due while the test runs. */
const YEARLY = ['--cron', '0 3 1 1 *'];

describe('longhaul schedule', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-schedule-'));
  const file = join(folder, 'document.json');
  let harness: Harness;
  let cli: Cli;
  beforeAll(async () => {
    harness = await startHarness(createMemoryPorts(), 'real');
    cli = cliAt(harness.environment.address);
    writeFileSync(file, JSON.stringify(documentOf([script('tidy')])));
  });
  afterAll(async () => {
    await harness.stop();
    rmSync(folder, { recursive: true });
  });

  const create = (name: string, ...more: string[]) => cli('schedule', 'create', name, file, ...YEARLY, ...more);
  // Waiting asks the client, not the command line, which takes a second to start.
  const listed = (): Promise<ScheduleSummary[]> => new Schedules(harness.client, '').list();
  /** Runs of a schedule that have ended well. */
  const runsOf = async (name: string): Promise<string[]> => {
    const found: string[] = [];
    const query = "WorkflowType = 'trainingPipeline' AND ExecutionStatus = 'Completed'";
    for await (const { workflowId } of harness.client.workflow.list({ query })) found.push(workflowId);
    return found.filter((run) => run.startsWith(`${name}-`));
  };

  it('creates, lists, pauses, resumes and deletes', async () => {
    const created = await create('nightly', '--timezone', 'Europe/Berlin', '--output', 'json');
    expect(created.stderr).toBe('');
    expect(JSON.parse(created.stdout)).toMatchObject({
      name: 'nightly',
      cron: '0 3 1 1 *',
      timezone: 'Europe/Berlin',
      overlap: 'skip',
      paused: false,
    });
    // The first of January, three o'clock in Berlin.
    expect(new Date((JSON.parse(created.stdout) as ScheduleSummary).next[0] ?? 0).toISOString()).toMatch(/-01-01T02:00:00/);

    await cli('schedule', 'pause', 'nightly', '--note', 'warehouse moves');
    const paused = await until(async () => (await listed()).find((one) => one.name === 'nightly' && one.paused), 'the pause in the list');
    expect(paused.note).toBe('warehouse moves');
    expect((await cli('schedule', 'resume', 'nightly')).stdout).toBe('nightly is resumed\n');
    expect((await cli('schedule', 'delete', 'nightly')).code).toBe(0);
    await until(async () => !(await listed()).some((one) => one.name === 'nightly'), 'the list without it');
    expect((await cli('schedule', 'list')).stdout).toBe('no schedules\n');
  });

  it('starts a run when it is told to', async () => {
    await create('by-hand', '--paused');
    expect((await cli('schedule', 'trigger', 'by-hand')).code).toBe(0);
    const [run] = await until(async () => ((await runsOf('by-hand')).length > 0 ? runsOf('by-hand') : null), 'the run');
    expect(run).toMatch(/^by-hand-\d{8}-\d{6}$/);
    expect((await listed()).find((one) => one.name === 'by-hand')?.recent).toEqual([run]);
  });

  it('backfills the runs of the past', async () => {
    await create('yearly', '--overlap', 'buffer-one');
    const answer = await cli('schedule', 'backfill', 'yearly', '--from', '2023-12-31', '--to', '2025-01-02');
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    const runs = await until(async () => ((await runsOf('yearly')).length >= 2 ? runsOf('yearly') : null), 'two runs');
    expect(runs.sort()).toEqual(['yearly-20240101-030000', 'yearly-20250101-030000']);
  });

  it('refuses what makes no sense, in a sentence', async () => {
    await create('taken');
    expect(await create('taken')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('there is already a schedule') as string,
    });
    const unknown = await cli('schedule', 'pause', 'nobody');
    expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining('no schedule "nobody"') as string });
    const cron = await cli('schedule', 'create', 'odd', file, '--cron', 'whenever');
    expect(cron).toMatchObject({ code: 3, stderr: expect.stringContaining('Temporal refused') as string });
    const overlap = await cli('schedule', 'create', 'odd', file, ...YEARLY, '--overlap', 'perhaps');
    expect(overlap.code).toBe(2);
  });
});
