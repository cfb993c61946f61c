/** Whether a process is still the one that somebody wrote down: its number comes back, after a reboot soon. */
import { readFileSync } from 'node:fs';

/** When the process began, as a text to compare; null: it is not there, or the system does not tell. */
export function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name, in parentheses, may hold anything; the twentieth field behind it counts clock ticks since boot.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return ticks === undefined ? null : `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${ticks}`;
  } catch {
    return null;
  }
}

/** @param start what `startOf` said when the number was written down; null: nobody asked */
export function isProcess(pid: number, start: string | null): boolean {
  if (!isAlive(pid)) return false;
  const now = startOf(pid);
  return start === null || now === null || now === start;
}

/** What earlier releases wrote down has no start: at least it is a process of Node. */
export function mayBeNode(pid: number): boolean {
  try {
    const [command = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return /node|longhaul/i.test(command);
  } catch {
    return true;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
