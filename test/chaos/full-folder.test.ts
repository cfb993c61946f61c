/** All that a project has is on one disk: the server's database, logs, warehouse, store and Jobs. It runs full in the middle of a run. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runCli } from '../support/run-cli.ts';
import { fillUp, mountDisk } from './embedded.ts';

const scratch = mkdtempSync(join(tmpdir(), 'longhaul-full-'));
const project = join(scratch, 'project');
mkdirSync(project);
const hasOwnDisk = mountDisk(project, 160);
afterAll(() => {
  if (hasOwnDisk) execFileSync('umount', ['-l', project]);
  rmSync(scratch, { recursive: true, force: true });
});

/** Beside the disk: what the script and this test tell each other. */
const mark = (name: string): string => join(scratch, name);
const FILES = {
  'profiles/local.yaml':
    'warehouse: { kind: duckdb, path: w }\nstorage: { kind: directory, path: s }\ncompute: { kind: process, path: j }\n',
  'pipeline.yaml': `version: 1
name: full
steps:
  before: { kind: query, sql: before.sql }
  meanwhile: { kind: script, file: meanwhile.sh, after: [before], outputs: { value: string } }
  after: { kind: query, sql: after.sql, after: [meanwhile], tables: { before: '{steps.before.outputs.table}' } }
`,
  'before.sql': 'SELECT n FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS n',
  'after.sql': 'SELECT n * 2 AS twice FROM {before}',
  'meanwhile.sh': `touch '${mark('began')}'
while [ ! -e '${mark('full')}' ]; do sleep 0.05; done
until echo '{"value": "done"}' > "$LONGHAUL_OUTPUTS"; do touch '${mark('found-no-room')}'; sleep 0.1; done
`,
};

it.skipIf(!hasOwnDisk)('the run waits, and goes on to its end when there is room again', async () => {
  mkdirSync(join(project, 'profiles'));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(project, name), text);
  const ran = runCli(['run', 'pipeline.yaml', '--profile', 'local', '--output', 'json'], { cwd: project });
  let over: string | null = null;
  void ran.then(({ code, stderr }) => (over = `${code} ${stderr}`));
  const seen = async (name: string): Promise<void> => {
    await expect.poll(() => over !== null || existsSync(mark(name))).toBe(true);
    expect(over).toBeNull();
  };

  await seen('began');
  const makeRoom = fillUp(project);
  expect(statfsSync(project).bavail).toBe(0);
  expect(() => {
    writeFileSync(join(project, 'more'), 'x'.repeat(8192));
  }).toThrow('ENOSPC');
  writeFileSync(mark('full'), '');
  await seen('found-no-room');
  makeRoom();

  const { code, stdout, stderr } = await ran;
  expect([code, stderr]).toEqual([0, expect.not.stringMatching(/\n\s+at .+:\d+|node:internal/)]);
  const { status, steps } = JSON.parse(stdout) as { status: string; steps: { id: string; status: string; outputs: { rows?: number } }[] };
  expect(status).toBe('succeeded');
  expect(steps.map((step) => [step.id, step.status, step.outputs.rows])).toEqual([
    ['before', 'succeeded', 1000],
    ['meanwhile', 'succeeded', undefined],
    ['after', 'succeeded', 1000],
  ]);
});
