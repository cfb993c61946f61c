import { readdirSync, readFileSync } from 'node:fs';

/** A pid comes back; with its start time and the boot it is unique. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly start: string;
  readonly boot: string;
}

export function identityOf(pid: number): ProcessIdentity | null {
  const stat = readStat(pid);
  return stat && stat.state !== 'Z' ? { pid, start: stat.start, boot: bootId() } : null;
}

export function isAlive(process: ProcessIdentity): boolean {
  const now = identityOf(process.pid);
  return now !== null && now.start === process.start && now.boot === process.boot;
}

/** False if the process is not there any more. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch {
    return false;
  }
}

/** Kills what is left of the process group that `leader` founded, also when the leader is gone; tells how many there were. */
export function killGroup(leader: ProcessIdentity): number {
  if (leader.boot !== bootId()) return 0;
  const members = readdirSync('/proc').flatMap((name) => {
    const stat = /^[0-9]+$/.test(name) ? readStat(Number(name)) : null;
    // A pid is not given again while it names a group; younger members only, in case the group had ended and the number came back.
    return stat && stat.state !== 'Z' && stat.group === leader.pid && BigInt(stat.start) >= BigInt(leader.start) ? [Number(name)] : [];
  });
  for (const pid of members) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone meanwhile.
    }
  }
  return members.length;
}

function readStat(pid: number): { state: string; group: number; start: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name, in parentheses, may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, , group] = fields;
    const start = fields[19];
    return state === undefined || start === undefined ? null : { state, group: Number(group), start };
  } catch {
    return null;
  }
}

let boot: string | undefined;
function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return boot;
}
