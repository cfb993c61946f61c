import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findDevelopmentStack } from '../../../src/client/address.ts';
import { CannotConnectError, RefusedError, RunFailedError, UnknownRunError } from '../../../src/client/errors.ts';
import { withSchema } from '../../../src/cli/commands/init.ts';
import { EXIT, exitCodeOf, UsageError } from '../../../src/cli/exit.ts';
import { AdapterError, InvalidInputError } from '../../../src/contract/errors.ts';

const MAIN = resolve(import.meta.dirname, '../../../src/cli/main.ts');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command where no server is named. */
async function longhaul(cwd: string, ...args: string[]): Promise<Ended> {
  const { TEMPORAL_ADDRESS: _address, TEMPORAL_PROFILE: _profile, ...env } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

describe('a first use', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longhaul-cli-'));
    await writeFile(join(folder, 'bad.yaml'), 'version: 1\nname: a\nsteps: { a: { kind: aproval, message: x } }\n');
    await writeFile(join(folder, 'good.yaml'), 'version: 1\nname: a\nsteps: { a: { kind: approval, message: x } }\n');
    await writeFile(join(folder, 'broken.json'), '{"a":');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('help is data, and names every exit code', async () => {
    const { code, stdout, stderr } = await longhaul(folder, '--help');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('longhaul init && longhaul run pipeline.yaml');
    expect(stdout).toContain('Exit codes: 0 ok, 1 the run failed, 2 bad input, 3 refused, 4 cannot connect');
  });

  test.each([
    ['an unknown command', ['plna'], 2, "error: unknown command 'plna'\n(Did you mean plan?)"],
    ['a missing argument', ['run'], 2, "error: missing required argument 'file'"],
    ['a file that is not there', ['compile', 'no.yaml'], 2, 'error no.yaml: no such file'],
    [
      'a mistake in the file',
      ['plan', 'bad.yaml'],
      2,
      'error bad.yaml:3:21 steps.a.kind: no such kind of step; found "aproval"\n    hint: did you mean approval?',
    ],
    ['JSON that ends early', ['compile', 'broken.json'], 2, 'error broken.json:1:6: '],
    ['an unknown profile', ['compile', 'good.yaml', '--profile', 'gcp'], 2, 'error --profile gcp: there is no profile "gcp"'],
    [
      'an unknown profile of Temporal',
      ['list', '--temporal-profile', 'nope'],
      2,
      "error --temporal-profile nope: Profile 'nope' not found",
    ],
    ['no server', ['status'], 4, 'error no Temporal server is named and no `longhaul dev` runs in this project'],
  ])('%s ends with a message on stderr and nothing on stdout', async (_what, args, code, message) => {
    const ended = await longhaul(folder, ...args);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(message);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
  });

  test('with --output json a mistake is JSON with its parts', async () => {
    const { code, stdout, stderr } = await longhaul(folder, 'compile', 'bad.yaml', '--output', 'json');
    expect([code, stdout]).toEqual([2, '']);
    expect(JSON.parse(stderr)).toMatchObject({
      error: {
        type: 'InvalidInputError',
        problems: [{ file: 'bad.yaml', line: 3, column: 21, path: 'steps.a.kind', hint: 'did you mean approval?' }],
      },
    });
  });

  test('compile prints a document that compile takes again', async () => {
    const first = await longhaul(folder, 'compile', 'good.yaml');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    await writeFile(join(folder, 'run.json'), first.stdout);
    expect(await longhaul(folder, 'compile', 'run.json')).toEqual(first);
  });

  test('init writes a pipeline that compiles and that editors know the schema of; a second time it is refused', async () => {
    const first = await longhaul(folder, 'init', 'mine');
    expect(first.code).toBe(0);
    expect(first.stdout).toContain('longhaul run mine/pipeline.yaml');
    const [line = ''] = (await readFile(join(folder, 'mine/pipeline.yaml'), 'utf8')).split('\n');
    const schema = resolve(folder, 'mine', line.replace('# yaml-language-server: $schema=', ''));
    expect(JSON.parse(await readFile(schema, 'utf8'))).toMatchObject({ title: 'Longhaul pipeline' });
    const document = JSON.parse((await longhaul(folder, 'compile', 'mine/pipeline.yaml')).stdout) as { steps: { id: string }[] };
    expect(document.steps.map((step) => step.id)).toContain('parts.train');
    expect(await longhaul(folder, 'init', 'mine')).toMatchObject({ code: 3, stdout: '' });
  });
});

test.each([
  [new InvalidInputError([]), EXIT.badInput],
  [new UsageError('x'), EXIT.badInput],
  [new UnknownRunError('x'), EXIT.badInput],
  [new AdapterError('InvalidQuery', 'x'), EXIT.badInput],
  [new AdapterError('Unavailable', 'x'), EXIT.failed],
  [new RunFailedError('r', 'failed', 'x', null, null), EXIT.failed],
  [new RefusedError('x'), EXIT.refused],
  [new CannotConnectError('x', null), EXIT.cannotConnect],
  [new Error('x'), EXIT.failed],
])('%s has its exit code', (error, code) => {
  expect(exitCodeOf(error)).toBe(code);
});

test("the schema of a file is the project's own", () => {
  const line = (schema: string): string => `# yaml-language-server: $schema=${schema}\nx: 1`;
  expect(withSchema(line('../../contract/schemas/a.json'), 'a.yaml')).toBe(line('./schemas/a.json'));
  expect(withSchema(line('../../a.json'), 'profiles/gcp.yaml')).toBe(line('../schemas/a.json'));
  expect(withSchema('x: 1 # $schema=no', 'a.yaml')).toBe('x: 1 # $schema=no');
});

test('servers that have ended are no servers', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-stack-'));
  const stack = { pid: process.pid, address: '127.0.0.1:1', namespace: 'default', ui: null };
  await mkdir(join(folder, '.longhaul'));
  await writeFile(join(folder, '.longhaul/stack.json'), JSON.stringify(stack));
  expect(findDevelopmentStack(folder)).toEqual(stack);
  await writeFile(join(folder, '.longhaul/stack.json'), JSON.stringify({ ...stack, pid: 0 }));
  expect(findDevelopmentStack(folder)).toBeNull();
  await rm(folder, { recursive: true });
});
