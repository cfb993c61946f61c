import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openDirectoryStore } from '../../src/adapters/directory/index.ts';
import { uniqueName } from '../../src/adapters/temporaries.ts';
import { objectStoreContract } from './object-store.contract.ts';

const newRoot = (): Promise<string> => mkdtemp(join(tmpdir(), 'longhaul-directory-'));

objectStoreContract('directory', async () => {
  const path = await newRoot();
  return {
    store: await openDirectoryStore({ kind: 'directory', path }),
    other: await openDirectoryStore({ kind: 'directory', path }),
    close: () => rm(path, { recursive: true, force: true }),
  };
});

const counter = fileURLToPath(new URL('./fixtures/count-by-cas.ts', import.meta.url));
const count = (path: string, times: number, name: string): ChildProcess =>
  spawn(process.execPath, [counter, path, String(times), name], { stdio: ['ignore', 'ignore', 'inherit'] });
const exitOf = async (child: ChildProcess): Promise<number | null> => ((await once(child, 'exit')) as [number | null])[0];

it('loses no update of processes that count by compare and swap, some of them killed', async () => {
  const path = await newRoot();
  const store = await openDirectoryStore({ kind: 'directory', path });
  const numberAt = async (name: string): Promise<number> =>
    Number(Buffer.from((await store.read(`${store.root}/${name}`))?.data ?? '0').toString());
  await store.write(`${store.root}/count`, '0');
  const names = ['killed-1', 'killed-2', 'killed-3'];
  const endless = names.map((name) => count(path, Infinity, name));
  const ends = endless.map(exitOf);
  const finite = [exitOf(count(path, 100, 'a')), exitOf(count(path, 100, 'b'))];
  for (const [i, child] of endless.entries()) {
    await expect.poll(() => numberAt(`noted/${names[i]}`), { interval: 5 }).toBeGreaterThan(3);
    child.kill('SIGKILL');
  }
  await Promise.all(ends);
  expect(await Promise.all(finite)).toEqual([0, 0]);
  // Each notes its count after adding to it, so the kill may have come between the two.
  const noted = (await Promise.all([...names, 'a', 'b'].map((name) => numberAt(`noted/${name}`)))).reduce((sum, each) => sum + each, 0);
  const total = await numberAt('count');
  expect(total).toBeGreaterThanOrEqual(noted);
  expect(total).toBeLessThanOrEqual(noted + names.length);
  await rm(path, { recursive: true, force: true });
});

it('takes files that other programs put there', async () => {
  const path = await newRoot();
  const store = await openDirectoryStore({ kind: 'directory', path });
  await writeFile(join(path, 'foreign.txt'), 'x');
  const first = (await store.stat(`${store.root}/foreign.txt`))!;
  await store.write(first.uri, 'y', { ifGeneration: first.generation });
  expect(await readFile(join(path, 'foreign.txt'), 'utf8')).toBe('y');
  await rm(path, { recursive: true, force: true });
});

it('leaves no temporary file behind, and sweeps those of killed writers', async () => {
  const path = await newRoot();
  const temporaries = join(path, '.longhaul', 'tmp');
  const store = await openDirectoryStore({ kind: 'directory', path });
  await store.write(`${store.root}/a`, '1', { ifGeneration: '0' });
  await expect(store.write(`${store.root}/a`, '2', { ifGeneration: '0' })).rejects.toThrow(/expected no object, found generation/);
  expect(await readdir(temporaries)).toEqual([]);
  const alive = uniqueName();
  const dead = alive.replace(`${process.pid}-`, '4194304-');
  const elsewhere = alive.replace(/-[0-9a-f]{8}-/, '-00000000-');
  for (const name of [alive, dead, elsewhere]) await writeFile(join(temporaries, name), '');
  await openDirectoryStore({ kind: 'directory', path });
  expect((await readdir(temporaries)).sort()).toEqual([alive, elsewhere].sort());
  await utimes(join(temporaries, elsewhere), 0, 0);
  await openDirectoryStore({ kind: 'directory', path });
  expect(await readdir(temporaries)).toEqual([alive]);
  await rm(path, { recursive: true, force: true });
});

it('says that a name cannot be an object and a prefix', async () => {
  const path = await newRoot();
  const store = await openDirectoryStore({ kind: 'directory', path });
  await store.write(`${store.root}/a`, '1');
  await expect(store.write(`${store.root}/a/b`, '2')).rejects.toThrow(/one name cannot be an object and a prefix/);
  await store.write(`${store.root}/c/d`, '1');
  await expect(store.write(`${store.root}/c`, '2')).rejects.toThrow(/one name cannot be an object and a prefix/);
  await rm(path, { recursive: true, force: true });
});

it('refuses a relative path and its own folder', async () => {
  await expect(openDirectoryStore({ kind: 'directory', path: 'data' })).rejects.toThrow(/expected an absolute path, found "data"/);
  const path = await newRoot();
  const store = await openDirectoryStore({ kind: 'directory', path });
  await expect(store.read(`${store.root}/.longhaul/locks/00.sqlite`)).rejects.toThrow(/belongs to the store itself/);
  await rm(path, { recursive: true, force: true });
});
