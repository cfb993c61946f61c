import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const CHECKS = join(import.meta.dirname, '..', '..', '..', 'tools', 'checks.ts');
/** Fails for a file that says `bad`, and tells for which files it was asked. */
const LOOK = `
const { appendFileSync, readFileSync } = require('node:fs');
const files = process.argv.slice(1);
appendFileSync(process.env.ASKED, files.join(' ') + ';');
process.exit(files.some((file) => file !== 'all' && readFileSync(file, 'utf8').includes('bad')) ? 1 : 0);
`;
const PROGRAM = `
import { runChecks } from ${JSON.stringify(CHECKS)};
const look = ${JSON.stringify(LOOK)};
const shared = { command: process.execPath, inputs: ['*.txt'] };
await runChecks([
  process.argv[2] === 'each'
    ? { ...shared, name: 'each', runs: [['-e', look, '.']], eachFile: true, configuration: ['rules.json'] }
    : { ...shared, name: 'all', runs: [['-e', look, 'all', ...process.argv.slice(3)]], keeps: 'found' },
]);
`;

describe('a check of a checkout', () => {
  let root: string;
  let folder: string;
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
  const check = async (...options: string[]): Promise<{ code: number; asked: string }> => {
    const asked = join(root, 'asked');
    await writeFile(asked, '');
    const env = { ...process.env, LONGHAUL_CACHE: join(root, 'cache'), ASKED: asked };
    const code = await new Promise<number>((done) => {
      const child = execFile(process.execPath, ['check.ts', ...options], { cwd: folder, env }, () => done(child.exitCode ?? -1));
    });
    return { code, asked: await readFile(asked, 'utf8') };
  };

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'longhaul-checks-'));
    folder = await mkdtemp(join(root, 'checkout-'));
    execFileSync('git', ['init', '--quiet'], { cwd: folder });
    await write('.gitignore', 'found\nseen\n');
    await write('check.ts', PROGRAM);
    await write('package-lock.json', '{}');
    await write('package.json', '{"type":"module"}');
    await write('rules.json', '{}');
    await write('a.txt', 'good');
    await write('b.txt', 'good');
  });
  afterEach(() => rm(root, { recursive: true }));

  it('is of the files that have not passed as they are now, in another checkout too', async () => {
    expect(await check('each')).toEqual({ code: 0, asked: 'a.txt b.txt;' });
    expect(await check('each')).toEqual({ code: 0, asked: '' });
    await write('b.txt', 'bad');
    expect(await check('each')).toEqual({ code: 1, asked: 'b.txt;' });
    expect(await check('each')).toEqual({ code: 1, asked: 'b.txt;' });
    const other = join(root, 'other');
    await cp(folder, other, { recursive: true });
    folder = other;
    await write('c.txt', 'good');
    expect(await check('each')).toEqual({ code: 1, asked: 'b.txt c.txt;' });
    await write('b.txt', 'good');
    expect(await check('each')).toEqual({ code: 0, asked: 'c.txt;' });
  });

  it.each(['rules.json', 'package-lock.json'])('is of everything after a change of %s', async (file) => {
    await check('each');
    await write(file, '{"more": true}');
    expect(await check('each')).toEqual({ code: 0, asked: 'a.txt b.txt;' });
  });

  it('is of the whole where one file can be wrong for another, and with what it found before', async () => {
    await write('found', 'first');
    expect(await check('all')).toEqual({ code: 0, asked: 'all;' });
    expect(await check('all')).toEqual({ code: 0, asked: '' });
    expect(await check('all', 'a.txt')).toEqual({ code: 0, asked: 'all a.txt;' });
    await rm(join(folder, 'found'));
    await appendFile(join(folder, 'a.txt'), ' still');
    expect(await check('all')).toEqual({ code: 0, asked: 'all;' });
    expect(await readFile(join(folder, 'found'), 'utf8')).toBe('first');
    await rm(join(folder, 'b.txt'));
    expect(await check('all')).toEqual({ code: 0, asked: 'all;' });
  });

  it('passes though what the tool found out is not there, or is still written: then the next one begins anew', async () => {
    expect(await check('all')).toEqual({ code: 0, asked: 'all;' });
    await mkdir(join(folder, 'found'));
    await write('found/cache.db', 'half');
    await write('found/cache.db-wal', 'the rest');
    await write('a.txt', 'good still');
    expect(await check('all')).toEqual({ code: 0, asked: 'all;' });
    await rm(join(folder, 'found'), { recursive: true });
    await write('a.txt', 'good again');
    expect(await check('all')).toEqual({ code: 0, asked: 'all;' });
    expect(existsSync(join(folder, 'found'))).toBe(false);
  });
});
