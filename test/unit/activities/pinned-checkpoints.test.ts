import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pinCheckpoint } from '../../../activities/pinned-checkpoints.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import type { PinInput } from '../../../src/contract/trial-run.ts';
import type { ObjectStore } from '../../../src/ports/index.ts';

describe('a checkpoint that forks begin from', () => {
  let folder: string;
  let store: ObjectStore;
  let input: PinInput;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longhaul-pin-test-'));
    const root = pathToFileURL(folder).href;
    store = await openDirectoryStore({ kind: 'directory', path: folder });
    input = { profile: {} as PinInput['profile'], parent: `${root}/trial-3`, pins: `${root}/pins/trial-3`, checkpoint: null };
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const entry = (checkpoint: string, step: number, content: string): object => ({
    checkpoint,
    attempt: 1,
    step,
    samples: step * 8,
    reason: 'interval',
    files: { 'state.npz': { bytes: content.length, sha256: 'x' } },
  });
  async function commit(checkpoint: string, step: number, content: string, previous: object[] = []): Promise<void> {
    await store.write(`${input.parent}/checkpoints/${checkpoint}/state.npz`, content);
    await store.write(`${input.parent}/checkpoints/LATEST`, JSON.stringify({ ...entry(checkpoint, step, content), previous }));
  }
  const pinnedContent = async (output: string, checkpoint: string): Promise<string> =>
    Buffer.from((await store.read(`${output}/checkpoints/${checkpoint}/state.npz`))?.data ?? []).toString();

  it('stays the same and stays there, whatever its parent does afterwards', async () => {
    await commit('000000100', 100, 'first');
    const pinned = await pinCheckpoint(store, input);
    await commit('000000250', 250, 'second');
    await store.remove(`${input.parent}/checkpoints/000000100/state.npz`);
    expect(pinned).toMatchObject({ checkpoint: '000000100', output: `${input.pins}-000000100` });
    expect(await pinnedContent(pinned.output, pinned.checkpoint)).toBe('first');
    const latest = await store.read(`${pinned.output}/checkpoints/LATEST`);
    expect(JSON.parse(Buffer.from(latest?.data ?? []).toString())).toMatchObject({ checkpoint: '000000100', step: 100, previous: [] });
    // A later fork without a name begins from what is newest then.
    expect(await pinCheckpoint(store, input)).toMatchObject({ checkpoint: '000000250' });
  });

  it('can be an earlier one that is still kept, by its name', async () => {
    await store.write(`${input.parent}/checkpoints/000000100/state.npz`, 'first');
    await commit('000000250', 250, 'second', [entry('000000100', 100, 'first')]);
    const pinned = await pinCheckpoint(store, { ...input, checkpoint: '000000100' });
    expect(await pinnedContent(pinned.output, '000000100')).toBe('first');
  });

  it('says how many points of the curve come before it', async () => {
    await commit('000000250', 250, 'second');
    const points = [100, 200, 300].map((step) => ({ kind: 'validation', step }));
    for (const [i, record] of [{ kind: 'start', step: 0 }, ...points].entries())
      await store.write(
        `${input.parent}/progress/${i + 1}.json`,
        JSON.stringify({ n: i + 1, time: 1, attempt: 1, epoch: 0, part: 0, samples: 1, metrics: {}, ...record }),
      );
    expect((await pinCheckpoint(store, input)).points).toBe(2);
  });

  it.each([
    ['none is committed yet', null, async (): Promise<void> => Promise.resolve(), 'found none yet'],
    ['the name is another', '000000007', (): Promise<void> => commit('000000250', 250, 'x'), 'expected one of 000000250, found 000000007'],
    [
      'its files are gone',
      '000000250',
      async (): Promise<void> => {
        await commit('000000250', 250, 'x');
        await store.remove(`${input.parent}/checkpoints/000000250/state.npz`);
      },
      'not whole or no longer kept',
    ],
  ])('is refused where %s', async (_what, checkpoint, prepare, message) => {
    await prepare();
    await expect(pinCheckpoint(store, { ...input, checkpoint })).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining(message) as string,
    });
  });
});
