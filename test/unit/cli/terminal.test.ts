import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts');
const folder = mkdtempSync(join(tmpdir(), 'longhaul-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Nothing names a server, and no development stack runs in the folder. */
const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => {
  const { TEMPORAL_ADDRESS: _address, NO_COLOR: _plain, CI: _ci, ...rest } = process.env;
  return { ...rest, TEMPORAL_CONFIG_FILE: join(folder, 'none.toml'), TERM: 'xterm-256color', ...more };
};
const piped = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { cwd: folder, env: environment(), encoding: 'utf8' });
/** `script` of util-linux gives the command a terminal. */
const onTerminal = (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
  spawnSync('script', ['-qec', [process.execPath, MAIN, ...args].join(' '), '/dev/null'], {
    cwd: folder,
    env: environment(more),
    encoding: 'utf8',
  });
const COLOR = '\u001b[';

describe('the command line', () => {
  it('answers without a server with exit code 4, a reason and the next step', () => {
    const { status, stdout, stderr } = piped('list');
    expect([status, stdout]).toEqual([4, '']);
    expect(stderr).toContain('no Temporal server is named');
    expect(stderr).toContain('longhaul dev');
    expect(stderr).not.toContain(COLOR);
  });

  it('answers bad input with exit code 2', () => {
    expect(piped('trials', '--order', 'sideways').status).toBe(2);
    expect(piped('statsu')).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean status?') as string });
    expect(piped('--help').status).toBe(0);
  });

  it('writes failures as JSON where JSON is asked for', () => {
    const { status, stdout, stderr } = piped('list', '--output', 'json');
    expect([status, stdout]).toEqual([4, '']);
    expect(JSON.parse(stderr)).toMatchObject({ error: { type: 'CannotConnectError' } });
  });

  it('has colours on a terminal, and none with NO_COLOR', () => {
    expect(onTerminal(['list'])).toMatchObject({ status: 4, stdout: expect.stringContaining(COLOR) as string });
    expect(onTerminal(['list'], { NO_COLOR: '1' }).stdout).not.toContain(COLOR);
    expect(onTerminal(['list', '--no-color']).stdout).not.toContain(COLOR);
  });

  it.each([
    ['cur', 'curves'],
    ['schedule cr', 'create'],
    ['schedule create --ov', '--overlap'],
    ['status --wat', '--watch'],
    ['status grocery-2', 'grocery-20261124-101500-k3f9'],
    ['diff grocery-20261124-101500-k3f9 mail', 'mailer-20261124-101500-aaaa'],
    ['stop --wh', '--why'],
  ])('completes longhaul %s to %s', (typed, completed) => {
    const names = 'longhaul() { [ "$1 $2" = "list --names" ] && printf "grocery-20261124-101500-k3f9\\nmailer-20261124-101500-aaaa\\n"; }';
    const words = ['longhaul', ...typed.split(' ')];
    const script = `${names}\n${piped('completion', 'bash').stdout}\nCOMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _longhaul; echo "\${COMPREPLY[@]}"`;
    expect(spawnSync('bash', ['-c', script], { encoding: 'utf8', cwd: '/' }).stdout.trim()).toBe(completed);
  });

  it.each(['bash', 'zsh', 'fish'])('completes commands and options in %s', (shell) => {
    const { status, stdout } = piped('completion', shell);
    expect(status).toBe(0);
    for (const word of ['status', 'curves', shell === 'fish' ? '-l watch' : '--watch']) expect(stdout).toContain(word);
    expect(stdout).toContain('longhaul list --names');
  });
});
