import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { ClusterError, sleep, until } from './shell.ts';

/** A process, told apart from a later one with the same number by when it started. */
export interface ProcessRecord {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly started: string;
}

interface StartOptions {
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Fields of /proc/PID/stat after the name, which may itself contain spaces and brackets; undefined when it is gone. */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

export function recordOf(pid: number): ProcessRecord | undefined {
  const started = statFields(pid)?.[19];
  return started === undefined ? undefined : { pid, started };
}

export function isAlive(record: ProcessRecord): boolean {
  const fields = statFields(record.pid);
  if (fields?.[19] !== record.started) return false;
  // A killed process is a zombie from the end of its first thread on; the other ones still hold its ports for a moment.
  const [state, threads] = [fields[0], Number(fields[17])];
  return state !== 'Z' || threads > 1;
}

export function send(record: ProcessRecord, signal: NodeJS.Signals): void {
  if (!isAlive(record)) return;
  try {
    process.kill(record.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Kills and waits until it is gone. */
export async function end(record: ProcessRecord, signal: NodeJS.Signals = 'SIGKILL', seconds?: number): Promise<void> {
  send(record, signal);
  await until(`end of process ${record.pid}`, async () => (isAlive(record) ? undefined : true), seconds);
}

/** Starts a program that goes on after this process; its output goes to the log file. */
export async function startDetached(command: string, args: readonly string[], options: StartOptions): Promise<ProcessRecord> {
  const log = openSync(options.log, 'a', 0o600);
  try {
    const child = spawn(command, [...args], {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: '/',
      env: { ...process.env, ...options.env },
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(new ClusterError(`cannot start ${command}: ${error.message}`)));
    });
    child.unref();
    const record = recordOf(child.pid as number);
    if (record === undefined) throw new ClusterError(`${command} ended at once:\n${tail(options.log)}`);
    return record;
  } finally {
    closeSync(log);
  }
}

/** The only child of a process that runs another in new namespaces (unshare, nsenter). */
export async function childOf(parent: ProcessRecord, log: string): Promise<ProcessRecord> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (!isAlive(parent)) throw new ClusterError(`a program of the cluster ended at once:\n${tail(log)}`);
    const child = readdirSync('/proc').find((entry) => /^\d+$/.test(entry) && statFields(Number(entry))?.[1] === String(parent.pid));
    const record = child === undefined ? undefined : recordOf(Number(child));
    if (record !== undefined) return record;
    await sleep(10);
  }
  throw new ClusterError(`process ${parent.pid} started no child within 5 s:\n${tail(log)}`);
}

/** The last lines of a log, for an error message. */
export function tail(log: string, lines = 15): string {
  try {
    return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return `(no log at ${log})`;
  }
}
