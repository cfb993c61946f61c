/** A trainer may write files of any size where workers read small ones. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readLatest, readProgress, readResult } from '../../../activities/trial-files.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import type { ObjectStore } from '../../../src/ports/index.ts';

const MIB = 1024 * 1024;
let directory: string;
let store: ObjectStore;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'longhaul-sizes-'));
  store = await openDirectoryStore({ kind: 'directory', path: directory });
});
afterEach(() => rmSync(directory, { recursive: true }));

it('a result or checkpoint list that is too large is refused with its name and size', async () => {
  await store.write(`${store.root}/result.json`, JSON.stringify({ metrics: {}, note: 'x'.repeat(MIB) }));
  await expect(readResult(store, store.root)).rejects.toThrow(/result\.json: expected at most 262144 bytes, found 10\d{5}/);
  await store.write(`${store.root}/checkpoints/LATEST`, 'x'.repeat(5 * MIB));
  await expect(readLatest(store, store.root)).rejects.toThrow(/LATEST: expected at most 4194304 bytes/);
});

it('a progress record that is too large is passed over, as one that is no record', async () => {
  await store.write(`${store.root}/progress/1.json`, JSON.stringify({ n: 1, note: 'x'.repeat(MIB) }));
  await store.write(`${store.root}/progress/2.json`, '{"__proto__": {"polluted": true}}');
  await store.write(`${store.root}/progress/3.json`, '['.repeat(100_000));
  for (const n of [1, 2, 3]) expect(await readProgress(store, store.root, n)).toBe('unreadable');
  expect(await readProgress(store, store.root, 4)).toBeNull();
  expect('polluted' in {}).toBe(false);
});
