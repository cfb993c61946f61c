/** Files by which one process of the user tells others where to connect. */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { isOwn } from '../../bin/setup-tools.mjs';

/**
 * What it says, if the user alone can have written it: in a folder like `/tmp` another user of the machine could name a server of theirs. Of what was
 * opened, which nobody can put another file in the place of; a link or a pipe is none.
 */
export function ownText(file: string): string | null {
  let opened: number;
  try {
    opened = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const stats = fstatSync(opened);
    return stats.isFile() && isOwn(stats) ? readFileSync(opened, 'utf8') : null;
  } finally {
    closeSync(opened);
  }
}

/** Whether the user alone says what lies in it. */
export function isOwnFolder(folder: string): boolean {
  const stats = statSync(folder, { throwIfNoEntry: false });
  return stats !== undefined && isOwn(stats);
}
