/** Files by which one process of the user tells others where to connect. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

interface Stats {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Whether the user alone can have written it. The same as in bin/setup-tools.mjs, which is there before anything is installed. */
export function isOwn({ uid, gid, mode }: Stats): boolean {
  const user = process.geteuid?.();
  if (user === undefined) return true;
  // Of a group that is the user's own, as many systems make one for each.
  const byOthers = gid === process.getegid?.() ? 0o002 : 0o022;
  return uid === user && (mode & byOthers) === 0;
}

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
