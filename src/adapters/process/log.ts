import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../files.ts';
import { GRACES } from '../../rules/durations.ts';

const BLOCK_BYTES = 64 * 1024;
/** A line longer than this comes in pieces. */
const MAX_LINE_CHARACTERS = 1024 * 1024;

interface LogOptions {
  readonly tailLines?: number;
  readonly signal?: AbortSignal;
  /** Given for `follow`: asked before each look at the file, so that what was written before the end is not missed. */
  readonly ended?: () => boolean;
}

/** Lines of a growing file; none where there is no file. */
export async function* readLines(path: string, options: LogOptions): AsyncIterable<string> {
  const file = await openOrNull(path);
  if (!file) return;
  try {
    let position = options.tailLines === undefined ? 0 : await startOfTail(file, options.tailLines);
    const decoder = new StringDecoder('utf8');
    let rest = '';
    const block = Buffer.alloc(BLOCK_BYTES);
    for (;;) {
      if (options.signal?.aborted) return;
      const last = options.ended?.() ?? true;
      for (;;) {
        const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, position);
        if (bytesRead === 0) break;
        position += bytesRead;
        const lines = (rest + decoder.write(block.subarray(0, bytesRead))).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > MAX_LINE_CHARACTERS) {
          lines.push(rest);
          rest = '';
        }
        yield* lines;
      }
      if (last) break;
      await delay(GRACES.processLogLookMs, undefined, { signal: options.signal }).catch(() => undefined);
    }
    rest += decoder.end();
    if (rest) yield rest;
  } finally {
    await file.close();
  }
}

/** The last bytes, from the beginning of a line where there is one. */
export async function logTail(path: string, bytes: number): Promise<string> {
  const file = await openOrNull(path);
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - bytes);
    const block = Buffer.alloc(size - from);
    await file.read(block, 0, block.length, from);
    const text = block.toString('utf8');
    const firstLine = text.indexOf('\n');
    // A character cut in two becomes U+FFFD, which is longer: cut those off as well.
    return from > 0 && firstLine >= 0 && firstLine < text.length - 1 ? text.slice(firstLine + 1) : text.replace(/^\uFFFD+/, '');
  } finally {
    await file.close();
  }
}

async function startOfTail(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat();
  const block = Buffer.alloc(BLOCK_BYTES);
  let found = 0;
  for (let end = size; end > 0; end -= BLOCK_BYTES) {
    const start = Math.max(0, end - BLOCK_BYTES);
    await file.read(block, 0, end - start, start);
    for (let i = end - start - 1; i >= 0; i--) {
      // A line feed at the very end closes the last line and does not begin another.
      if (block[i] === 0x0a && start + i !== size - 1 && ++found === lines) return start + i + 1;
    }
  }
  return lines > 0 ? 0 : size;
}

async function openOrNull(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
