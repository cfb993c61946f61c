/** A project is copied, damaged and restored while a run of it is open. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointLocalJobs } from '../../src/cli/local-jobs.ts';
import { connect, type Longhaul } from '../../src/client/index.ts';
import type { LedgerTable } from '../../src/contract/ledger.ts';
import { startStack, type Stack } from '../../src/stack/stack.ts';
import { rowsOnDisk } from '../chaos/embedded.ts';
import { tinyProfile, tinySearch } from '../support/tiny-search.ts';
import { documentOf, type StepInput } from '../workflow/documents.ts';
import { until } from '../workflow/environment.ts';

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'backup.md');

/** What a section of docs/backup.md says to do, in its order. */
function commandsOf(section: string): string[] {
  const [, text] = readFileSync(PAGE, 'utf8').split(`### ${section}\n`);
  const commands = (text?.split(/^#/m)[0] ?? '').split('\n').filter((line) => line.startsWith('    '));
  if (commands.length === 0) throw new Error(`docs/backup.md has no commands under "${section}"`);
  return commands;
}

describe('a backup of a project', () => {
  const project = mkdtempSync(join(tmpdir(), 'longhaul-backup-'));
  const home = join(project, '.longhaul');
  const effects = join(project, 'effects');
  let stack: Stack;
  let longhaul: Longhaul;

  const start = async (): Promise<void> => {
    stack = await startStack({ directory: project });
    await stack.ready;
    longhaul = await connect({ directory: project });
  };
  const stop = async (): Promise<void> => {
    await stack.stop({ between: async () => void (await checkpointLocalJobs(longhaul)) });
    await longhaul.close();
  };
  beforeAll(async () => {
    mkdirSync(home);
    await start();
  });
  afterAll(async () => {
    await stop();
    rmSync(project, { recursive: true, force: true });
  });

  const shell = (...commands: readonly string[]): void => {
    // Python is the one that Longhaul runs with.
    const path = `${dirname(process.env.LONGHAUL_PYTHON ?? '')}:${process.env.PATH}`;
    execFileSync('bash', ['-euc', commands.join('\n')], { cwd: project, env: { ...process.env, PATH: path } });
  };
  const touch = (name: string): void => writeFileSync(join(home, name), '');
  const done = (): string[] => (existsSync(effects) ? readFileSync(effects, 'utf8').trim().split('\n') : []);

  /** Waits for a file, then leaves the one effect that may not happen twice. */
  const step = (id: string, fields: Partial<StepInput> = {}): StepInput => ({
    id,
    ...fields,
    spec: {
      kind: 'script',
      language: 'shell',
      file: `${id}.sh`,
      source: `while [ ! -e '${join(home, id)}' ]; do sleep 0.1; done; echo ${id} >> '${effects}'`,
      output: `file://${home}/store/out/${id}-{key}`,
    },
  });
  const rows = (table: LedgerTable, run: string): unknown[][] =>
    rowsOnDisk(home, table, run)
      .map((row) => [row['step'] ?? null, row['trial'] ?? null, row['attempt'] ?? null, row['status'] ?? row['verdict']])
      .sort();

  it('is gone on with by the open run, whose later steps the server has not heard of, and nothing is done twice', async () => {
    const run = await longhaul.start(
      documentOf(
        [
          step('before'),
          step('between', { dependsOn: ['before'] }),
          tinySearch(home, { untilFile: 'finish' }),
          step('after', { dependsOn: ['between', 'search'] }),
        ],
        { profile: tinyProfile(home) },
      ),
    );
    const ended = (id: string): Promise<unknown> =>
      until(async () => (await run.state()).steps.find((one) => one.id === id)?.status === 'succeeded', `the end of ${id}`);
    touch('before');
    await ended('before');
    await until(async () => existsSync(join(home, 'began')), 'the trial to begin');
    const [makeFolder = '', copyServer = '', ...copyRest] = commandsOf('Back up');
    shell(makeFolder, copyServer);
    touch('between');
    await ended('between');
    await stop();
    shell(...copyRest);

    for (const part of ['jobs', 'store', 'warehouse']) rmSync(join(home, part), { recursive: true });
    writeFileSync(join(home, 'temporal.db'), 'no database');
    shell(...commandsOf('Restore'));
    await start();
    for (const name of ['finish', 'after']) touch(name);
    expect((await longhaul.run(run.id).result()).status).toBe('succeeded');

    expect(done()).toEqual(['before', 'between', 'after']);
    expect(rows('steps', run.id)).toEqual(['after', 'before', 'between', 'search'].map((id) => [id, null, null, 'succeeded']));
    expect(rows('trials', run.id)).toEqual([['search', 0, null, 'succeeded']]);
    // The first one was asked to end with its machine; this trainer keeps no checkpoint.
    expect(rows('attempts', run.id)).toEqual([
      ['search', 0, 1, 'stopped'],
      ['search', 0, 2, 'succeeded'],
    ]);
    expect(rows('runs', run.id).map(([, , , status]) => status)).toEqual(['running', 'succeeded']);
  });
});
