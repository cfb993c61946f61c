import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import pkg from '../../../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** The programs of `npm run NAME`, by name. */
const COMMANDS = Object.fromEntries(
  ['soak', 'chaos', 'bench', 'histories', 'test', 'cluster', 'build'].map((name) => [
    name,
    /node bin\/run\.mjs (\S+)/.exec(pkg.scripts[name as keyof typeof pkg.scripts])?.[1] ?? name,
  ]),
);

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (file: string, ...args: string[]): Promise<Answer> =>
  new Promise((done) => {
    const child = execFile(process.execPath, [join(ROOT, file), ...args], { cwd: ROOT }, (_error, out, err) =>
      done({ code: child.exitCode ?? -1, out, err }),
    );
  });

describe('a command of the developers', () => {
  it.each(Object.entries(COMMANDS))('says in one sentence what is wrong with an option, and starts nothing: %s', async (_name, file) => {
    const { code, out, err } = await run(file, '--no-such-thing');
    expect({ code, out, lines: err.trim().split('\n').length }).toEqual({ code: 2, out: '', lines: 1 });
    expect(err).toContain('no-such-thing');
    expect(err).not.toMatch(/\n\s+at /);
  });

  it.each(['chaos', 'cluster'])('says how it is used: %s', async (name) => {
    const { code, out, err } = await run(COMMANDS[name] ?? '', '--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.toLowerCase()).toMatch(new RegExp(`^usage: .*${name}`));
  });

  it.each([
    ['soak', ['--traces', 'of-nobody'], 'soak: --traces of-nobody: ENOENT'],
    ['chaos', ['--seed'], "chaos: Option '--seed <value>' argument missing; see npm run chaos -- --help"],
    ['chaos', ['seed', '4'], "chaos: Unexpected argument 'seed'; see npm run chaos -- --help"],
    ['chaos', ['--schedules', '1.5'], 'chaos: --schedules: expected a whole number from 0, found "1.5"; see npm run chaos -- --help'],
    ['chaos', ['--world', 'moon'], 'chaos: --world: expected embedded or cloud, found "moon"; see npm run chaos -- --help'],
    ['chaos', ['--faults', 'kill-moon@parts+1'], 'kill-moon'],
    ['histories', ['a-scenario-of-mine'], 'no scenario a-scenario-of-mine'],
  ] as const)('refuses in words what it cannot do: %s %j', async (name, args, said) => {
    const { code, err } = await run(COMMANDS[name] ?? '', ...args);
    expect({ code, err: err.trim() }).toEqual({ code: 2, err: expect.stringContaining(said) as string });
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  it('reads its options in one way', () => {
    const files = ['bench', 'test', 'tools', 'deploy'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    );
    const own = files.filter((file) => file.endsWith('.ts') && !file.includes('node_modules') && !file.endsWith('.test.ts'));
    const others = own.filter((file) => /parseArgs\(|argv\.includes\('--/.test(readFileSync(join(ROOT, file), 'utf8')));
    expect(others).toEqual(['tools/command-line.ts']);
  });
});
