/** Logs of Jobs as they come and go: a trial's next attempt is another Job, and goes on where the last one ended. */
import type { JobInfo } from '../ports/compute.ts';
import type { Compute } from '../ports/index.ts';
import { GRACES } from '../rules/durations.ts';

export interface JobLine {
  readonly job: JobInfo;
  readonly line: string;
}

interface FollowOptions {
  /** Which of the run's Jobs to follow now; asked again until the end. */
  readonly choose: (jobs: readonly JobInfo[]) => readonly JobInfo[];
  /** No further Job will come. */
  readonly over: () => Promise<boolean>;
  readonly tailLines?: number;
  readonly rank?: number | undefined;
  /** Lines with their time before them, as `Compute.logs` gives them. */
  readonly stamped?: boolean;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
}

/** Calls `print` with every line of every chosen Job, from those that run now to those that are still to come. */
export async function followJobs(
  compute: Pick<Compute, 'list' | 'logs'>,
  run: string,
  options: FollowOptions,
  print: (line: JobLine) => void,
): Promise<void> {
  const { choose, over, tailLines, rank, stamped, signal, pollMs = GRACES.jobsFollowedLookMs } = options;
  const following = new Map<string, Promise<void>>();
  const failures: unknown[] = [];
  const follow = async (job: JobInfo, first: boolean): Promise<void> => {
    try {
      // A Job that came while we watched is shown whole.
      for await (const line of compute.logs(job.name, {
        follow: true,
        ...(first ? { tailLines } : {}),
        ...(stamped ? { stamped } : {}),
        ...(rank === undefined ? {} : { rank }),
        signal,
      }))
        print({ job, line });
    } catch (error) {
      if (!signal.aborted) failures.push(error);
    }
  };
  for (let first = true; !signal.aborted; first = false) {
    const last = await over();
    for (const job of choose(await compute.list({ run }))) if (!following.has(job.name)) following.set(job.name, follow(job, first));
    if (last) break;
    if (failures.length > 0) throw failures[0];
    await pause(pollMs, signal);
  }
  await Promise.all(following.values());
  if (failures.length > 0) throw failures[0];
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
