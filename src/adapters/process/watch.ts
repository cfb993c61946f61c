import { hostname } from 'node:os';
import { UNKNOWN_END, type JobEnd, type NodeEnd } from '../../contract/jobs.ts';
import type { JobStatus, WatchOptions } from '../../ports/compute.ts';
import { isAlive, killGroup } from './identity.ts';
import type { ExitRecord, JobDirectory, Launch } from './job-directory.ts';
import { logTail } from './log.ts';
import type { Ticker } from './ticker.ts';

const LOG_TAIL_BYTES = 4096;
/** Looking for `exit.json` is cheap, looking whether the supervisor lives less so. */
const LIVENESS_EVERY_TICKS = 10;

/** Waits for the end of a Job, without being needed for it. */
export async function watchJob(directory: JobDirectory, ticker: Ticker, options: WatchOptions): Promise<JobEnd> {
  const launch = await directory.launch();
  if (!launch) return lostEnd(`there is no Job ${directory.name}`);
  for (;;) {
    await follow(directory, launch, ticker, options);
    const end = await endOf(directory, launch, options.noCapacitySeconds);
    if (end) return end;
  }
}

/** Resolves when there is something to report: an exit, a lost supervisor, too long a wait, a removed Job. */
function follow(directory: JobDirectory, launch: Launch, ticker: Ticker, options: WatchOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let shown = '';
    let ticks = 0;
    let busy = false;
    // The wait goes on by a clock that only goes forward.
    const waited = Math.max(0, Date.now() - launch.createdAt);
    const begun = performance.now();
    const tooLate = (): boolean => waited + performance.now() - begun > options.noCapacitySeconds * 1000;
    const show = async (phase: JobStatus['phase']): Promise<void> => {
      const message = phase === 'pending' ? directory.gateMessage(launch) : null;
      const key = `${phase} ${message ?? ''}`;
      if (key === shown) return;
      shown = key;
      const startedAt = phase === 'pending' ? null : ((await directory.started())?.startedAt ?? null);
      options.onStatus?.({ phase, message, node: phase === 'pending' ? null : hostname(), startedAt });
    };
    const look = async (): Promise<boolean> => {
      if (directory.has('exit.json')) {
        await show('ended');
        return true;
      }
      if (!directory.has('spec.json')) return true;
      const running = directory.has('started.json');
      await show(running ? 'running' : 'pending');
      if (!running && tooLate()) return true;
      if (ticks++ % LIVENESS_EVERY_TICKS > 0) return false;
      const supervisor = await directory.supervisor();
      return supervisor !== null && !isAlive(supervisor);
    };
    const stop = ticker.every(() => {
      if (busy) return;
      busy = true;
      look()
        .then(
          (over) => over && finish(resolve),
          (error: unknown) => finish(() => reject(error instanceof Error ? error : new Error(String(error)))),
        )
        .finally(() => (busy = false));
    });
    const aborted = (): void => finish(() => reject(options.signal.reason as Error));
    const finish = (settle: () => void): void => {
      stop();
      options.signal.removeEventListener('abort', aborted);
      settle();
    };
    options.signal.addEventListener('abort', aborted);
    if (options.signal.aborted) aborted();
  });
}

/** Null: it began just when it had waited for too long. */
async function endOf(directory: JobDirectory, launch: Launch, noCapacitySeconds: number): Promise<JobEnd | null> {
  const exit = await directory.exit();
  if (exit) return exitEnd(directory, exit);
  if (!directory.has('spec.json')) return lostEnd(`Job ${directory.name} was removed`);
  const started = await directory.started();
  const supervisor = await directory.supervisor();
  if (supervisor && !isAlive(supervisor)) {
    // Written between the two looks?
    const late = await directory.exit();
    if (late) return exitEnd(directory, late);
    // The kernel kills the child with its supervisor; what else is in its group goes now.
    if (started) killGroup(started);
    return lostEnd(
      `the supervisor of Job ${directory.name} is gone (pid ${supervisor.pid})`,
      started?.startedAt ?? null,
      await logTail(directory.log, LOG_TAIL_BYTES),
    );
  }
  if (directory.has('started.json')) return null;
  const message = `${directory.gateMessage(launch) ?? 'it has not started'}; it waited longer than ${noCapacitySeconds} s`;
  return { ...lostEnd(message), state: 'failed', notStarted: { reason: 'no-capacity', message }, lingering: 'job' };
}

async function exitEnd(directory: JobDirectory, exit: ExitRecord): Promise<JobEnd> {
  return {
    ...lostEnd(messageOf(exit), exit.startedAt, await logTail(directory.logOf(rankOf(exit)), LOG_TAIL_BYTES)),
    state: exit.exitCode === 0 && exit.signal === null ? 'succeeded' : 'failed',
    exitCode: exit.exitCode,
    signal: exit.signal,
    outOfMemory: exit.outOfMemory,
    deadlineExceeded: exit.deadlineExceeded,
    endedAt: exit.endedAt,
    ...(exit.terminated ? { askedToEnd: true } : {}),
    ...(exit.nodes ? { nodes: exit.nodes.map((each) => nodeEnd(exit, each)) } : {}),
  };
}

/** Whose end it is. */
const rankOf = ({ nodes = [], exitCode, endedAt }: ExitRecord): number =>
  nodes.find((each) => each.exitCode === exitCode && each.endedAt === endedAt)?.rank ?? 0;

function nodeEnd({ startedAt }: ExitRecord, { rank, exitCode, signal, endedAt }: NonNullable<ExitRecord['nodes']>[number]): NodeEnd {
  return { rank, node: hostname(), exitCode, startedAt, endedAt, message: signal ? `killed by ${signal}` : `exit code ${exitCode}` };
}

function messageOf(exit: ExitRecord): string {
  const how = exit.signal ? `killed by ${exit.signal}` : `exit code ${exit.exitCode}`;
  if (exit.deadlineExceeded) return `${how} after its deadline`;
  if (exit.outOfMemory) return `${how}, out of memory`;
  return exit.terminated ? `${how} after it was asked to end` : how;
}

function lostEnd(message: string, startedAt: number | null = null, tail = ''): JobEnd {
  const node = startedAt === null ? null : hostname();
  return { ...UNKNOWN_END, node, startedAt, endedAt: Date.now(), logTail: tail, message };
}
