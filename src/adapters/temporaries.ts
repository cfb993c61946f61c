/** Temporary files and directories, named after the process that writes them, so that what killed ones left behind can be removed. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { hasCode, writeDurably } from './files.ts';
import { WAITS } from '../rules/durations.ts';

/** A name that no other process and no other call has. */
export function uniqueName(suffix = ''): string {
  return `${process.pid}-${here()}-${randomBytes(8).toString('hex')}${suffix}`;
}
const NAME = /(?<pid>[0-9]+)-(?<place>[0-9a-f]{8})-[0-9a-f]{16}/;

/** Replaces a file at once: readers see the old content or the new, also after a crash. `temporaries` is a directory of the same file system. */
export async function replaceFile(path: string, data: Uint8Array | string, temporaries: string): Promise<void> {
  const temporary = join(temporaries, `file-${uniqueName()}`);
  try {
    await writeDurably(temporary, data);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Removes what writers that are no more left in `directory`: at once those of this machine, others after a day. */
export async function sweepTemporaries(directory: string, isTemporary: (name: string) => boolean = () => true): Promise<void> {
  for (const name of await namesIn(directory)) {
    if (!isTemporary(name)) continue;
    const path = join(directory, name);
    if (await isAbandoned(name, path)) await rm(path, { recursive: true, force: true });
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function isAbandoned(name: string, path: string): Promise<boolean> {
  const writer = NAME.exec(name)?.groups;
  if (writer?.place === here()) return !isRunning(Number(writer.pid));
  const found = await stat(path).catch(() => null);
  return found !== null && Date.now() - found.mtimeMs > WAITS.foreignTemporaryMs;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // There, but of another user.
    return hasCode(error, 'EPERM');
  }
}

let place: string | undefined;
/** A pid means a process only within one boot and one pid namespace. */
function here(): string {
  place ??= createHash('sha256').update(pidSpace()).digest('hex').slice(0, 8);
  return place;
}

function pidSpace(): string {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // No Linux: containers there are Linux, and see their own.
    return hostname();
  }
}
