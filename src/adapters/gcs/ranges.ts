import { open } from 'node:fs/promises';
import type { File } from '@google-cloud/storage';
import { DEFAULT_RETRY, withRetries } from '../google/retry.ts';
import { GRACES } from '../../rules/durations.ts';

/** Large enough for the full speed of a connection, small enough that a broken one costs little. */
const RANGE_BYTES = 16 * 1024 * 1024;
const RANGES_AT_ONCE = 4;

type Sink = (chunk: Buffer, position: number) => Promise<void>;

/** Reads one generation of an object in ranges side by side; a range that breaks goes on where it broke. */
async function readRanges(file: File, bytes: number, sink: Sink): Promise<void> {
  const starts = Array.from({ length: Math.ceil(bytes / RANGE_BYTES) }, (_, i) => i * RANGE_BYTES);
  const lane = async (): Promise<void> => {
    for (let start = starts.shift(); start !== undefined; start = starts.shift())
      await readRange(file, start, Math.min(bytes, start + RANGE_BYTES), sink);
  };
  await Promise.all(Array.from({ length: Math.min(RANGES_AT_ONCE, starts.length) }, lane));
}

async function readRange(file: File, from: number, to: number, sink: Sink): Promise<void> {
  let position = from;
  // Bytes that arrived are progress: only tries without any count.
  while (position < to) {
    const before = position;
    await withRetries(
      async () => {
        try {
          await stream(file, position, to, async (chunk) => {
            await sink(chunk, position);
            position += chunk.byteLength;
          });
        } catch (error) {
          if (position === before) throw error;
        }
      },
      { policy: DEFAULT_RETRY },
    );
  }
}

async function stream(file: File, start: number, end: number, take: (chunk: Buffer) => Promise<void>): Promise<void> {
  // Checked whole at the end: a range has no checksum of its own.
  const source = file.createReadStream({ start, end: end - 1, validation: false, decompress: false });
  let timer: NodeJS.Timeout | undefined;
  const watch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => source.destroy(new Error(`${file.name}: timed out: nothing came for ${GRACES.storeStallMs / 1000} s`)),
      GRACES.storeStallMs,
    );
  };
  watch();
  let left = end - start;
  try {
    for await (const chunk of source) {
      clearTimeout(timer);
      const bytes = (chunk as Buffer).subarray(0, left);
      await take(bytes);
      left -= bytes.byteLength;
      watch();
    }
  } finally {
    clearTimeout(timer);
    source.destroy();
  }
  if (left > 0) throw new Error(`${file.name}: the connection closed with premature close, ${left} bytes early`);
}

/** Reads into a new local file. */
export async function readToFile(file: File, bytes: number, localPath: string): Promise<void> {
  const target = await open(localPath, 'w');
  try {
    await readRanges(file, bytes, async (chunk, position) => {
      await target.write(chunk, 0, chunk.byteLength, position);
    });
  } finally {
    await target.close();
  }
}

export async function readToMemory(file: File, bytes: number): Promise<Uint8Array> {
  const data = Buffer.allocUnsafe(bytes);
  await readRanges(file, bytes, async (chunk, position) => void chunk.copy(data, position));
  return data;
}
