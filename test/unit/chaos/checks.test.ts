/** The checks of the chaos suite can fail: each fault planted here is one that they were written for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { problemsAfter } from '../../chaos/checks.ts';
import { leftoversOn, rowsOnDisk } from '../../chaos/embedded.ts';
import type { Played } from '../../chaos/play.ts';
import type { LedgerTable } from '../../../src/contract/ledger.ts';
import { SECRET, type World } from '../../chaos/world.ts';

const RUN = 'chaos-1';

describe('checks after chaos', () => {
  let folder: string;
  let world: World;
  let jobs: { name: string; phase: string }[];
  let workflow: { events: number; status: string };
  const played = (cost = 3, survivors: readonly string[] = []): Played => {
    const result = { run: RUN, status: 'succeeded', cost, seconds: 1, steps: [{ cost: 1 }, { cost: 2 }] };
    return { run: { id: RUN }, runs: [RUN], result, survivors } as unknown as Played;
  };
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const ledger = (table: string, ...rows: object[]): string => {
    const path = `disk/warehouse/ledger/${table}/${RUN}/rows.jsonl`;
    put(path, rows.map((row) => `${JSON.stringify({ run: RUN, step: 'search', ...row })}\n`).join(''));
    return join(folder, path);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longhaul-checks-'));
    jobs = [];
    workflow = { events: 100, status: 'COMPLETED' };
    put('.longhaul/logs/control.log', 'nothing to see\n');
    ledger('trials', { trial: 0, attempts: 2, cost: 3 });
    ledger('attempts', { trial: 0, attempt: 1, cost: 1 }, { trial: 0, attempt: 2, cost: 2 });
    ledger('progress', { trial: 0, n: 1 }, { trial: 0, n: 2 });
    const describe = (): Promise<unknown> =>
      Promise.resolve({ raw: { workflowExecutionInfo: { historyLength: workflow.events } }, status: { name: workflow.status } });
    world = {
      folder,
      trials: 2,
      maxEvents: 2000,
      ground: {
        mark: folder,
        rows: (table: LedgerTable, run: string) => Promise.resolve(rowsOnDisk(join(folder, 'disk'), table, run)),
        leftovers: () => Promise.resolve(leftoversOn(join(folder, 'disk'))),
      },
      ports: { compute: () => Promise.resolve({ list: () => Promise.resolve(jobs) }) },
      longhaul: { client: { workflow: { getHandle: () => ({ describe }) } } },
    } as unknown as World;
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('find nothing wrong with a run that went well', async () => {
    expect(await problemsAfter(world, played())).toEqual([]);
  });

  it('tell of a row that is there twice', async () => {
    const file = ledger('trials', { trial: 0, attempts: 2, cost: 3 });
    appendFileSync(file, `${JSON.stringify({ run: RUN, step: 'search', trial: 0, attempts: 2, cost: 3 })}\n`);
    expect((await problemsAfter(world, played())).join()).toMatch(/ledger trials: 2 rows for/);
  });

  it('tell of an attempt that the ledger does not have, and of costs that do not add up', async () => {
    ledger('attempts', { trial: 0, attempt: 2, cost: 2 });
    const problems = (await problemsAfter(world, played(4))).join('; ');
    expect(problems).toMatch(/trial 0 had 2 attempts, the ledger has 2/);
    expect(problems).toMatch(/trial 0 cost 3, its attempts 2/);
    expect(problems).toMatch(/the run cost 4, its steps 3/);
  });

  it('tell of times that cannot be', async () => {
    ledger('attempts', { trial: 0, attempt: 1, cost: 1 }, { trial: 0, attempt: 2, cost: 2, seconds: -3600 });
    ledger('steps', { step: 'parts', started_at: '2026-01-01T10:00:00.000Z', ended_at: '2026-01-01T09:00:00.000Z' });
    const problems = (await problemsAfter(world, played())).join('; ');
    expect(problems).toMatch(/attempt 2 of trial 0 lasted or cost less than nothing/);
    expect(problems).toMatch(/step parts ended before it began/);
  });

  it('tell of gaps in the progress of a trial', async () => {
    ledger('progress', { trial: 0, n: 1 }, { trial: 0, n: 3 });
    expect((await problemsAfter(world, played())).join()).toMatch(/progress 1, 3 has gaps/);
  });

  it('tell of temporary files that a writer left behind', async () => {
    put('disk/store/.longhaul/tmp/4f2a', 'half a file');
    put('disk/warehouse/tables/.new-sales', 'half a table');
    const problems = (await problemsAfter(world, played())).join();
    expect(problems).toMatch(/left behind: .*tmp\/4f2a/);
    expect(problems).toMatch(/left behind: .*\.new-sales/);
  });

  it('tell of Jobs that go on, workflows that are open, and histories that are too long', async () => {
    jobs = [
      { name: 'lh-1', phase: 'running' },
      { name: 'lh-2', phase: 'ended' },
    ];
    workflow = { events: 2001, status: 'RUNNING' };
    const problems = (await problemsAfter(world, played())).join();
    expect(problems).toMatch(/Job lh-1 is running/);
    expect(problems).not.toMatch(/lh-2/);
    expect((await problemsAfter(world, played(3, ['Job lh-3 is running']))).join()).toMatch(
      /lh-3 is running when its cancelled run had ended/,
    );
    expect(problems).toMatch(/workflow chaos-1 is still open/);
    expect(problems).toMatch(/history of chaos-1 has 2001 events/);
  });

  it('tell of a process of a trial that nobody ended', async () => {
    const orphan = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      env: { LONGHAUL_ATTEMPT: '1', LONGHAUL_OUTPUT: folder },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    await once(orphan, 'spawn');
    expect((await problemsAfter(world, played())).join()).toMatch(new RegExp(`process ${orphan.pid} is still there`));
    orphan.kill('SIGKILL');
    await once(orphan, 'exit');
    expect(await problemsAfter(world, played())).toEqual([]);
  });

  it('tell of a secret in a log', async () => {
    put('.longhaul/logs/training.log', `posting to http://127.0.0.1/${SECRET}\n`);
    expect((await problemsAfter(world, played())).join()).toMatch(/the secret is in training.log/);
  });
});
