/** What a run knows of its images: whether one that cannot be pulled now could be before. */
import { expect, it } from 'vitest';
import { PulledImages } from '../../../activities/pulled-images.ts';
import { UNKNOWN_END, type JobEnd } from '../../../src/contract/jobs.ts';
import type { ObjectStore } from '../../../src/ports/index.ts';
import { createMemoryPorts } from '../../workflow/memory-ports.ts';
import { profileOf } from '../../workflow/search-harness.ts';

const kubernetes = profileOf({ compute: { kind: 'kubernetes', namespace: 'n', image: 'r.example/trainer:1' } });
const ends = (reason: 'image' | 'rejected'): JobEnd => ({ ...UNKNOWN_END, notStarted: { reason, message: 'not found' } });
const open = (store: ObjectStore, run: string, image?: string): PulledImages =>
  new PulledImages(store, run, { profile: kubernetes, spec: { image } });

it('knows of the run and the image that a Job ran with, for any other Job of it', async () => {
  const store = await createMemoryPorts().store(kubernetes);
  const first = open(store, 'run-1', 'r.example/m:1');
  first.status({ phase: 'pending' });
  expect(await first.ask(ends('image'))).toBe(false);
  first.status({ phase: 'running' });
  await expect.poll(() => open(store, 'run-1', 'r.example/m:1').ask(ends('image'))).toBe(true);
  expect(await open(store, 'run-1', 'r.example/m:1').ask(ends('rejected'))).toBe(false);
  expect(await open(store, 'run-1', 'r.example/m:2').ask(ends('image'))).toBe(false);
  expect(await open(store, 'run-2', 'r.example/m:1').ask(ends('image'))).toBe(false);
  // Where a step names none it is the trainer's.
  open(store, 'run-2').status({ phase: 'running' });
  await expect.poll(() => open(store, 'run-2', 'r.example/trainer:1').ask(ends('image'))).toBe(true);
});

it('lets no Job hear of a store that is away', async () => {
  const away = { root: 'file:///s', stat: () => Promise.reject(new Error('away')) } as unknown as ObjectStore;
  open(away, 'run').status({ phase: 'running' });
  await new Promise((resolve) => setImmediate(resolve));
});
