import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Schedules, type ScheduleSummary } from '../../src/client/index.ts';
import { cliAt, cliWithin, type Cli } from './cli.ts';
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
    cli = cliWithin(harness.environment);
    writeFileSync(file, JSON.stringify(documentOf([script('tidy')])));
  });
  afterAll(async () => {
    await harness.stop();
    rmSync(folder, { recursive: true });
  });

  const create = (name: string, ...more: string[]) => cli('schedule', 'create', name, file, ...YEARLY, ...more);
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
    expect((await cliAt(harness.environment)('schedule', 'list')).stdout).toBe('no schedules\n');
  });

  it('reads day and weekday as crontab does, and shows when the next runs start', async () => {
    const schedules = new Schedules(harness.client, '');
    const line = await cli('schedule', 'create', 'either', file, '--cron', '0 3 13 * 5', '--timezone', 'Europe/Berlin', '--output', 'json');
    const { nextTimes, warnings } = JSON.parse(line.stdout) as { nextTimes: string[]; warnings: string[] };
    expect(nextTimes).toHaveLength(5);
    for (const time of nextTimes) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT03:00:00\+0[12]:00$/);
      const day = new Date(`${time.slice(0, 10)}T00:00:00Z`);
      expect(day.getUTCDate() === 13 || day.getUTCDay() === 5, time).toBe(true);
    }
    // Some Friday is not a thirteenth: of five, at least three.
    expect(new Set(nextTimes.map((time) => time.slice(8, 10))).size).toBeGreaterThan(1);
    expect(warnings).toEqual([expect.stringContaining('either of them')]);
    expect(line.stderr).toContain('either of them');
    expect((await schedules.describe('either')).cron).toBe('0 3 13 * 5');

    const talk = await create('shown', '--timezone', 'Asia/Kolkata');
    expect(talk.stdout.match(/^ {2}\d{4}-01-01 03:00:00$/gm)).toHaveLength(5);
    expect(talk.stdout).toContain('next times in Asia/Kolkata:');
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
    expect(cron).toMatchObject({ code: 2, stderr: expect.stringContaining('cron line: not five fields; expected') as string });
    const overlap = await cli('schedule', 'create', 'odd', file, ...YEARLY, '--overlap', 'perhaps');
    expect(overlap.code).toBe(2);
  });
});
