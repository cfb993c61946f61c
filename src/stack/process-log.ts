/** A file for the lines of a process. A disk that is full costs lines, never the command; with room again, lines are kept again. */
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { GRACES } from '../rules/durations.ts';

interface ProcessLog {
  readonly line: (text: string) => void;
  readonly end: () => void;
}

/** @param onLost hears of the first line that cannot be written, and again after lines could be */
export function openProcessLog(file: string, onLost: (why: string) => void, now: () => number = Date.now): ProcessLog {
  let stream: WriteStream | null = null;
  let told = false;
  let retryAt = 0;
  const lose = (error: Error): void => {
    stream = null;
    retryAt = now() + GRACES.processLogRetryMs;
    if (!told) onLost(error.message);
    told = true;
  };
  const open = (): WriteStream | null => {
    if (now() < retryAt) return null;
    try {
      mkdirSync(dirname(file), { recursive: true });
    } catch (error) {
      lose(error as Error);
      return null;
    }
    return createWriteStream(file, { flags: 'a' }).on('error', lose);
  };
  return {
    line(text) {
      stream ??= open();
      stream?.write(`${text}\n`, (error) => {
        if (!error) told = false;
      });
    },
    end: () => stream?.end(),
  };
}
