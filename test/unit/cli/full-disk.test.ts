import { mkdtemp, readFile, rm, symlink, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openProcessLog } from '../../../src/stack/process-log.ts';
import { createSupervisor, type ProcessEvent } from '../../../src/stack/supervisor.ts';

describe('a disk without room', () => {
  it('takes no command with it: a process whose log is lost serves, is told of once, and stops', async () => {
    const events: ProcessEvent[] = [];
    const supervisor = createSupervisor((event) => events.push(event));
    const talk = 'let i = 0; setInterval(() => console.log(++i === 20 ? "ready" : "line"), 1)';
    const supervised = supervisor.start({
      name: 'talker',
      command: process.execPath,
      args: ['-e', talk],
      env: process.env,
      cwd: tmpdir(),
      log: '/dev/full',
      ready: (line) => line === 'ready',
    });
    await supervised.ready;
    await expect.poll(() => events.filter(({ kind }) => kind === 'unlogged')).toHaveLength(1);
    expect(events.find(({ kind }) => kind === 'unlogged')?.detail).toContain('ENOSPC');
    await supervised.stop();
    supervisor.close();
    expect(events.map(({ kind }) => kind).sort()).toEqual(['ready', 'unlogged']);
  });

  it('is written to again when there is room', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'longhaul-full-'));
    const file = join(folder, 'log');
    await symlink('/dev/full', file);
    const onLost = vi.fn();
    let now = 0;
    const log = openProcessLog(file, onLost, () => now);
    log.line('lost');
    await expect.poll(() => onLost.mock.calls.length).toBe(1);
    log.line('not tried yet');
    await unlink(file);
    now = 60_000;
    log.line('kept');
    await expect.poll(() => readFile(file, 'utf8').catch(() => '')).toBe('kept\n');
    log.end();
    expect(onLost).toHaveBeenCalledOnce();
    await rm(folder, { recursive: true });
  });
});
