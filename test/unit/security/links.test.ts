/** A training image may write links and pipes below its prefix. Workers that read, write or remove there must not leave the store. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import type { ObjectStore } from '../../../src/ports/index.ts';

let place: string;
let store: ObjectStore;
const inStore = (name: string): string => join(place, 'store', name);
const uri = (name: string): string => `${store.root}/${name}`;
const OUT = /a symbolic link leads out of the object store, to .*; put a copy of the file there/;

beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), 'longhaul-links-'));
  store = await openDirectoryStore({ kind: 'directory', path: join(place, 'store') });
  mkdirSync(join(place, 'elsewhere'));
  writeFileSync(join(place, 'elsewhere', 'secret'), 'secret');
  mkdirSync(inStore('trial'));
  symlinkSync(join(place, 'elsewhere', 'secret'), inStore('trial/file'));
  symlinkSync('../../elsewhere', inStore('trial/folder'));
});
afterEach(() => rmSync(place, { recursive: true }));

it.each(['trial/file', 'trial/folder/secret'])('reads nothing outside of the store: %s', async (name) => {
  await expect(store.read(uri(name))).rejects.toThrow(OUT);
  await expect(store.stat(uri(name))).rejects.toThrow(OUT);
  await expect(store.download(uri(name), join(place, 'copy'))).rejects.toThrow(OUT);
  expect(existsSync(join(place, 'copy'))).toBe(false);
});

it.each(['trial/folder/secret', 'trial/folder/new', 'trial/folder/deep/er/new'])('writes and removes nothing there: %s', async (name) => {
  await expect(store.write(uri(name), 'x')).rejects.toThrow(OUT);
  await expect(store.remove(uri(name))).rejects.toThrow(OUT);
  expect(readFileSync(join(place, 'elsewhere', 'secret'), 'utf8')).toBe('secret');
  expect(existsSync(join(place, 'elsewhere', 'new')) || existsSync(join(place, 'elsewhere', 'deep'))).toBe(false);
});

it('replaces and removes a link itself, never its target', async () => {
  await store.write(uri('trial/file'), 'mine');
  expect(Buffer.from((await store.read(uri('trial/file')))?.data ?? '').toString()).toBe('mine');
  symlinkSync(join(place, 'elsewhere', 'secret'), inStore('trial/again'));
  await store.remove(uri('trial/again'));
  expect(readFileSync(join(place, 'elsewhere', 'secret'), 'utf8')).toBe('secret');
});

it('lists plain files only, and not through a link', async () => {
  await store.write(uri('trial/real'), 'x');
  const names = async (prefix: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const object of store.list(uri(prefix))) found.push(object.uri);
    return found;
  };
  expect(await names('')).toEqual([uri('trial/real')]);
  await expect(names('trial/folder/')).rejects.toThrow(OUT);
});

it('follows links that stay below the root, and a root that is a link', async () => {
  await store.write(uri('trial/real'), 'x');
  symlinkSync('real', inStore('trial/alias'));
  expect(Buffer.from((await store.read(uri('trial/alias')))?.data ?? '').toString()).toBe('x');
  symlinkSync(join(place, 'store'), join(place, 'mounted'));
  const mounted = await openDirectoryStore({ kind: 'directory', path: join(place, 'mounted') });
  await mounted.write(`${mounted.root}/trial/new`, 'y');
  expect(readFileSync(inStore('trial/new'), 'utf8')).toBe('y');
});

it('does not wait for a pipe', async () => {
  execFileSync('mkfifo', [inStore('trial/pipe')]);
  expect(await store.read(uri('trial/pipe'))).toBeNull();
  expect(await store.stat(uri('trial/pipe'))).toBeNull();
  await expect(store.download(uri('trial/pipe'), join(place, 'copy'))).rejects.toThrow(/no such object/);
});

it("does not open a store whose own folder is a link to someone else's", async () => {
  mkdirSync(join(place, 'other'));
  symlinkSync(join(place, 'elsewhere'), join(place, 'other', '.longhaul'));
  await expect(openDirectoryStore({ kind: 'directory', path: join(place, 'other') })).rejects.toThrow(OUT);
});
