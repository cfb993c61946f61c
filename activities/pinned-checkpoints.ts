/** A copy of a trial's checkpoint for its forks: what they begin from stays the same, and stays there, whatever their parent does and keeps. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson } from '../src/contract/canonical-json.ts';
import type { PinnedCheckpoint, PinInput } from '../src/contract/trial-run.ts';
import { Latest } from '../src/contract/trial.ts';
import type { ObjectStore } from '../src/ports/index.ts';
import { failure } from './failures.ts';
import { readLatest, readProgress } from './trial-files.ts';

/** A checkpoint may be replaced while it is copied; the next one is there by then. */
const TRIES = 5;

/** @throws {ApplicationFailure} `InvalidInput` where there is no such checkpoint */
export async function pinCheckpoint(store: ObjectStore, { parent, pins, checkpoint }: PinInput): Promise<PinnedCheckpoint> {
  for (let tries = 1; ; tries++) {
    const found = await findCheckpoint(store, parent, checkpoint);
    const output = `${pins}-${found.checkpoint}`;
    // Made for an earlier fork: LATEST is written last.
    const there = await readLatest(store, output);
    if (there !== null || (await copy(store, parent, output, found))) {
      return { output, checkpoint: found.checkpoint, points: await pointsUntil(store, parent, found.step) };
    }
    if (checkpoint !== null || tries === TRIES)
      throw failure(
        'InvalidInput',
        `${parent}/checkpoints/${found.checkpoint}: it is not whole or no longer kept; choose another checkpoint`,
      );
  }
}

async function findCheckpoint(store: ObjectStore, parent: string, wanted: string | null): Promise<Latest> {
  const latest = await readLatest(store, parent);
  if (latest === null) throw failure('InvalidInput', `${parent}/checkpoints: expected a committed checkpoint, found none yet`);
  const { previous, ...newest } = latest;
  const kept = [newest, ...previous];
  const found = wanted === null ? newest : kept.find(({ checkpoint }) => checkpoint === wanted);
  const parsed = Latest.safeParse({ attempt: latest.attempt, ...found, previous: [] });
  if (found && parsed.success && Object.keys(parsed.data.files).length > 0) return parsed.data;
  const names = kept.map(({ checkpoint }) => checkpoint).join(', ');
  throw failure('InvalidInput', `${parent}/checkpoints: expected one of ${names}, found ${wanted ?? newest.checkpoint}`);
}

/** False: a file is gone, or another than was committed. */
async function copy(store: ObjectStore, parent: string, output: string, latest: Latest): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-pin-'));
  try {
    for (const [name, { bytes }] of Object.entries(latest.files)) {
      const from = `${parent}/checkpoints/${latest.checkpoint}/${name}`;
      const info = await store.stat(from);
      if (info?.bytes !== bytes) return false;
      const local = join(folder, 'file');
      await store.download(from, local);
      await store.upload(local, `${output}/checkpoints/${latest.checkpoint}/${name}`);
    }
    await store.write(`${output}/checkpoints/LATEST`, canonicalJson(latest), { contentType: 'application/json' });
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Validation points that the parent had by then: a fork's curve goes on after them. */
async function pointsUntil(store: ObjectStore, output: string, step: number): Promise<number> {
  let points = 0;
  for (let n = 1; ; n++) {
    const record = await readProgress(store, output, n);
    if (record === null) return points;
    if (record !== 'unreadable' && record.kind === 'validation' && record.step <= step) points += 1;
  }
}
