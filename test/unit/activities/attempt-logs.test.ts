import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Background } from '../../../activities/background.ts';
import { isReplacedAtOnce, keepLog, markLostLog } from '../../../activities/attempt-logs.ts';
import type { LogSource } from '../../../activities/attempt-logs.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { UNKNOWN_END } from '../../../src/contract/jobs.ts';
import type { JobLogOptions } from '../../../src/ports/compute.ts';
import type { ObjectStore } from '../../../src/ports/index.ts';
import { keptAttempts, readKeptLog } from '../../../src/present/kept-logs.ts';
import { endUri, logPrefix, piecesToDrop } from '../../../src/rules/kept-logs.ts';

const PATIENCE_MS = 20_000;
const BOUNDS = { keep: true, maxMb: 100, keepDays: 90 };
const stamp = (second: number): string => new Date(Date.UTC(2026, 10, 29, 10, 0, second)).toISOString();

let folder: string;
let store: ObjectStore;
let output: string;
let told: unknown[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-logs-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
  output = `${store.root}/trial-4`;
  told = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A pod that has printed some lines, and prints the rest when it is let. */
class Pod {
  readonly lines: string[] = [];
  asked: (JobLogOptions | undefined)[] = [];
  gone = false;
  ended = false;
  #wake: () => void = () => undefined;

  print(...lines: string[]): void {
    this.lines.push(...lines);
    this.#wake();
  }

  end(): void {
    this.ended = true;
    this.#wake();
  }

  async *logs(_name: string, options: JobLogOptions = {}): AsyncIterable<string> {
    this.asked.push(options);
    if (this.gone) return;
    for (let at = options.after?.lines ?? 0; ; at++) {
      while (at >= this.lines.length) {
        if (this.ended || options.signal?.aborted) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          options.signal?.addEventListener('abort', () => {
            resolve();
          });
        });
      }
      yield `${stamp(at)} ${this.lines[at] ?? ''}`;
    }
  }
}

const sourceOf = (pod: Pod, changes: Partial<LogSource> = {}): LogSource => ({
  compute: pod,
  store,
  output,
  attempt: 3,
  bounds: BOUNDS,
  tell: (error) => told.push(error),
  ...changes,
});
const kept = async (since?: number): Promise<string[]> => {
  const found: string[] = [];
  for await (const { text } of readKeptLog(store, output, 3, since)) found.push(text);
  return found;
};
const isEnded = async (): Promise<boolean> => (await store.stat(endUri(logPrefix(output, 3)))) !== null;

describe('the log of an attempt', () => {
  it('is kept to its end, with the time of each line', async () => {
    const pod = new Pod();
    const keeping = keepLog(sourceOf(pod), 'job', new AbortController().signal);
    keeping.status({ phase: 'pending' });
    expect(pod.asked).toEqual([]);
    pod.print('one', '', '  three');
    keeping.status({ phase: 'running' });
    keeping.status({ phase: 'running' });
    pod.end();
    await keeping.settled(PATIENCE_MS);
    expect(pod.asked).toHaveLength(1);
    expect(await kept()).toEqual(['one', '', '  three']);
    expect(await kept(Date.parse(stamp(2)))).toEqual(['  three']);
    expect(await keptAttempts(store, output)).toEqual([{ attempt: 3, ended: true }]);
  });

  it('of which nothing more comes after its Job has ended ends with the worker, and says what is missing', async () => {
    const pod = new Pod();
    const behind = new Background();
    const keeping = keepLog(sourceOf(pod), 'job', new AbortController().signal, behind);
    pod.print('one');
    keeping.status({ phase: 'running' });
    await expect.poll(() => pod.asked.length).toBe(1);
    await keeping.settled(0);
    expect(await isEnded()).toBe(false);
    await behind.end(PATIENCE_MS);
    expect(await kept()).toEqual(['one', expect.stringContaining('the rest of this log is lost')]);
    expect(await isEnded()).toBe(true);
  });

  it.each([
    [{ disruption: 'EvictionByEvictionAPI' }, true],
    [{ nodeLost: true }, true],
    [{ deletedByOther: true }, true],
    [{ notStarted: { reason: 'no-capacity', message: '' } }, true],
    [{ exitCode: 1 }, false],
    [{ state: 'succeeded', exitCode: 0 }, false],
  ] as const)('is waited for by nobody where another machine or pod takes its place: %j', (end, atOnce) => {
    expect(isReplacedAtOnce({ ...UNKNOWN_END, ...end })).toBe(atOnce);
  });

  it('does not hold a worker that goes where it does not end at all', async () => {
    const behind = new Background();
    behind.add(new Promise(() => undefined));
    await behind.end(10);
    expect(behind.signal.aborted).toBe(true);
  });

  it('goes on where a worker that left has stopped, without a line twice or lost', async () => {
    const pod = new Pod();
    const leaving = new AbortController();
    const first = keepLog(sourceOf(pod), 'job', leaving.signal);
    pod.print('one', 'two');
    first.status({ phase: 'running' });
    await expect.poll(() => pod.asked.length).toBe(1);
    leaving.abort();
    await expect.poll(() => kept()).toEqual(['one', 'two']);
    expect(await isEnded()).toBe(false);
    pod.print('three');
    const second = keepLog(sourceOf(pod), 'job', new AbortController().signal);
    second.status({ phase: 'running' });
    pod.end();
    await second.settled(PATIENCE_MS);
    expect(pod.asked[1]?.after).toEqual({ at: stamp(1), lines: 2 });
    expect(await kept()).toEqual(['one', 'two', 'three']);
  });

  it('does not show twice what a worker that was thought dead went on to write', async () => {
    const pod = new Pod();
    pod.print('one', 'two');
    const zombie = new AbortController();
    const first = keepLog(sourceOf(pod), 'job', zombie.signal);
    first.status({ phase: 'running' });
    await expect.poll(() => pod.asked.length).toBe(1);
    zombie.abort();
    await expect.poll(() => kept()).toEqual(['one', 'two']);
    const heir = keepLog(sourceOf(pod), 'job', new AbortController().signal);
    heir.status({ phase: 'running' });
    pod.print('three');
    pod.end();
    await heir.settled(PATIENCE_MS);
    const piece = `${logPrefix(output, 3)}/000000000001.log`;
    await store.write(piece, `${stamp(0)} one\n${stamp(1)} two\n${stamp(2)} three\n`);
    expect(await kept()).toEqual(['one', 'two', 'three']);
  });

  it('marks what was lost when its pod went while no worker ran', async () => {
    const pod = new Pod();
    const leaving = new AbortController();
    pod.print('one');
    keepLog(sourceOf(pod), 'job', leaving.signal).status({ phase: 'running' });
    await expect.poll(() => pod.asked.length).toBe(1);
    leaving.abort();
    await expect.poll(() => kept()).toEqual(['one']);
    pod.gone = true;
    const second = keepLog(sourceOf(pod), 'job', new AbortController().signal);
    await second.settled(PATIENCE_MS);
    expect(await kept()).toEqual(['one', expect.stringMatching(/^-- longhaul: the rest of this log is lost: its pod was gone .* --$/)]);
    expect(await isEnded()).toBe(true);
  });

  it('says of a Job that ended and went unseen that nobody has its log', async () => {
    await markLostLog(sourceOf(new Pod()));
    await markLostLog(sourceOf(new Pod()));
    expect(await kept()).toEqual([expect.stringMatching(/^-- longhaul: the rest/)]);
  });

  it('keeps the beginning and the end of one that is too long, and says what is left out', async () => {
    const pod = new Pod();
    const long = 'x'.repeat(10_000);
    const keeping = keepLog(sourceOf(pod, { bounds: { ...BOUNDS, maxMb: 1 } }), 'job', new AbortController().signal);
    keeping.status({ phase: 'running' });
    for (let round = 0; round < 8; round++) pod.print(...Array.from({ length: 40 }, (_, index) => `${round}-${index} ${long}`));
    pod.end();
    await keeping.settled(PATIENCE_MS);
    const lines = await kept();
    expect(lines[0]).toMatch(/^0-0 /);
    expect(lines.at(-1)).toMatch(/^7-39 /);
    expect(lines.filter((line) => line.startsWith('--'))).toEqual([expect.stringMatching(/lines \d+ to \d+ were left out \(logs.maxMb/)]);
    expect(lines.join('').length).toBeLessThan(1_300_000);
    expect(lines.join('').length).toBeGreaterThan(700_000);
  });

  it('never ends the attempt by its own trouble', async () => {
    const pod = { logs: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('403')) }) }) };
    const keeping = keepLog(sourceOf(pod as unknown as Pod), 'job', new AbortController().signal);
    await keeping.settled(PATIENCE_MS);
    expect(told).toMatchObject([{ message: '403' }]);
  });

  it('is not kept where the profile says so', async () => {
    const pod = new Pod();
    const keeping = keepLog(sourceOf(pod, { bounds: { ...BOUNDS, keep: false } }), 'job', new AbortController().signal);
    keeping.status({ phase: 'running' });
    await keeping.settled(PATIENCE_MS);
    expect(pod.asked).toEqual([]);
  });
});

describe('pieces that are too many', () => {
  const pieces = (count: number): { first: number; bytes: number }[] =>
    Array.from({ length: count }, (_, index) => ({ first: index + 1, bytes: 10 }));

  it.each([
    [10, 1000, []],
    [10, 100, []],
    [11, 100, [2]],
    [20, 100, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    [3, 5, [1, 2]],
  ])('%i of them with a bound of %i bytes', (count, bound, dropped) => {
    expect(piecesToDrop(pieces(count), bound).map(({ first }) => first)).toEqual(dropped);
  });
});
