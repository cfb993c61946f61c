/** Keeps processes running: starts them, restarts those that die, stops them without leaving any behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openProcessLog } from './process-log.ts';
import { GRACES } from '../rules/durations.ts';

export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly log: string;
  /** True for the line of output that says that it serves. */
  readonly ready: (line: string) => boolean;
}

export interface ProcessEvent {
  readonly process: string;
  readonly kind: 'ready' | 'died' | 'restarted' | 'unlogged';
  readonly pid: number | null;
  readonly detail: string;
}

export interface Supervised {
  readonly name: string;
  /** Resolves when it serves for the first time. */
  readonly ready: Promise<void>;
  readonly pid: () => number | null;
  readonly stop: () => Promise<void>;
}

/** A process that never served and died so often has a defect that a restart does not fix. */
const MAX_FAILED_STARTS = 5;

export interface Supervisor {
  readonly start: (program: Program) => Supervised;
  /** Ends the guard; to be called after all processes were stopped. */
  readonly close: () => void;
}

export function createSupervisor(onEvent: (event: ProcessEvent) => void): Supervisor {
  const guard = spawn(process.execPath, [join(import.meta.dirname, 'guard.mjs')], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  guard.unref();
  // The guard may be killed as well; then nothing is lost but its help.
  guard.stdin.on('error', () => undefined);
  const tell = (sign: '+' | '-', pid: number | undefined): void => {
    if (pid !== undefined && guard.stdin.writable) guard.stdin.write(`${sign}${pid}\n`);
  };
  return { start: (program) => supervise(program, onEvent, tell), close: () => guard.stdin.end() };
}

function supervise(
  program: Program,
  onEvent: (event: ProcessEvent) => void,
  tell: (sign: '+' | '-', pid: number | undefined) => void,
): Supervised {
  let child: ChildProcess | null = null;
  let stopping = false;
  let served = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  const ready = Promise.withResolvers<undefined>();
  // Whoever does not wait for it is told by events.
  ready.promise.catch(() => undefined);
  const event = (kind: ProcessEvent['kind'], detail: string): void =>
    onEvent({ process: program.name, kind, pid: child?.pid ?? null, detail });
  const log = openProcessLog(program.log, (why) => event('unlogged', why));

  const launch = (restart: boolean): void => {
    const startedAt = Date.now();
    let lastLine = '';
    // A group of its own, so that Ctrl-C in the terminal reaches the stack alone, which then stops everything in order.
    const started = spawn(program.command, program.args, {
      cwd: program.cwd,
      env: program.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    child = started;
    tell('+', started.pid);
    for (const stream of [started.stdout, started.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log.line(line);
        if (line.trim() !== '') lastLine = line;
        if (!program.ready(line)) return;
        event(restart ? 'restarted' : 'ready', '');
        served = true;
        ready.resolve(undefined);
      });
    }
    started.on('error', (error) => (lastLine = error.message));
    started.on('close', (code, signal) => {
      tell('-', started.pid);
      if (stopping) return;
      failures = Date.now() - startedAt > GRACES.processSteadyMs ? 1 : failures + 1;
      event('died', `${signal ?? `exit code ${code ?? '?'}`}${lastLine ? `: ${lastLine}` : ''}`);
      child = null;
      if (!served && failures >= MAX_FAILED_STARTS) {
        ready.reject(new Error(`${program.name} does not start: ${lastLine || `exit code ${code ?? '?'}`} (log: ${program.log})`));
        return;
      }
      timer = setTimeout(() => launch(served), Math.min(GRACES.restartLongestMs, GRACES.restartFirstMs * 2 ** (failures - 1)));
    });
  };
  launch(false);

  const stop = async (): Promise<void> => {
    stopping = true;
    clearTimeout(timer);
    if (child !== null) await end(child);
    log.end();
  };
  return { name: program.name, ready: ready.promise, pid: () => child?.pid ?? null, stop };
}

/** SIGTERM, then SIGKILL for the whole group. */
function end(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const kill = setTimeout(() => signalGroup(pid, 'SIGKILL'), GRACES.processStopMs);
    child.on('exit', () => {
      clearTimeout(kill);
      // What it started and left behind, e.g. helpers of a worker; Jobs have groups of their own.
      signalGroup(pid, 'SIGKILL');
      resolve();
    });
    child.kill('SIGTERM');
  });
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}
