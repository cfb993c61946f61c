import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { adoptTrial } from '../../../activities/adopted-trials.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { profileOf } from '../../workflow/search-harness.ts';

const LATEST = {
  checkpoint: '7',
  attempt: 2,
  step: 70,
  samples: 700,
  files: {},
  reason: 'end',
  previous: [{ checkpoint: '6', files: {} }],
};

it('copies what a trial goes on from, its committed checkpoints last, and nothing twice', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-adopt-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const store = await openDirectoryStore({ kind: 'directory', path: folder });
  const [from, to] = [`${store.root}/old/trial-3`, `${store.root}/new/trial-3`];
  const put = (name: string, text: string): Promise<unknown> => store.write(`${from}/${name}`, text);
  expect(await adoptTrial(store, { profile: profileOf(), from, to })).toBe(false);
  expect(await store.stat(`${to}/checkpoints/LATEST`)).toBeNull();
  for (const name of [
    'progress/1.json',
    'exports/7/READY',
    'checkpoints/7/state',
    'checkpoints/6/state',
    'checkpoints/5/state',
    'result.json',
    'logs/1/log',
  ])
    await put(name, name);
  await put('checkpoints/LATEST', JSON.stringify(LATEST));
  expect(await adoptTrial(store, { profile: profileOf(), from, to })).toBe(true);
  const found: string[] = [];
  for await (const { uri } of store.list(`${to}/`)) found.push(uri.slice(to.length + 1));
  expect(found.sort()).toEqual(['checkpoints/6/state', 'checkpoints/7/state', 'checkpoints/LATEST', 'exports/7/READY', 'progress/1.json']);
  await put('progress/2.json', 'later');
  // Also where its own are gone since.
  await store.remove(`${from}/checkpoints/LATEST`);
  expect(await adoptTrial(store, { profile: profileOf(), from, to })).toBe(true);
  expect(await store.stat(`${to}/progress/2.json`)).toBeNull();
});

it('says whether a fork can begin where it was forked', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-adopt-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const store = await openDirectoryStore({ kind: 'directory', path: folder });
  const [from, to, fork] = [`${store.root}/old/trial-4`, `${store.root}/new/trial-4`, `${store.root}/old/pins/trial-1-7`];
  const adopted = (): Promise<unknown> => adoptTrial(store, { profile: profileOf(), from, to, fork });
  expect(await adopted()).toBe('without-fork');
  await store.write(`${fork}/checkpoints/LATEST`, JSON.stringify(LATEST));
  expect(await adopted()).toBe(false);
  await store.write(`${from}/checkpoints/LATEST`, JSON.stringify(LATEST));
  expect(await adopted()).toBe(true);
});
