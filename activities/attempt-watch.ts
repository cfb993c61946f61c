/** Follows an attempt's Job and its progress records side by side, until the Job ends, falls silent, or a stop has run its course. */
import { UNKNOWN_END } from '../src/contract/jobs.ts';
import type { JobEnd, JobSpec } from '../src/contract/jobs.ts';
import type { AttemptInput } from '../src/contract/attempts.ts';
import type { Compute, JobStatus, WatchOptions } from '../src/ports/compute.ts';
import { GRACES, WAITS } from '../src/rules/durations.ts';
import { machineWaitSeconds } from '../src/rules/gang.ts';
import type { Foreign } from './foreign-systems.ts';
import type { ProgressFollower } from './progress-follower.ts';
import { Silence } from './silence.ts';
import { aborted, pause } from './stoppable.ts';
import type { Stoppable } from './stoppable.ts';

export const nodesOf = ({ trial }: AttemptInput): number => trial.spec.resources.nodes ?? 1;

/** How often records are looked for grows so while none come. */
const POLL_GROWTH = 1.4;

interface Watching {
  readonly input: AttemptInput;
  readonly job: Pick<JobSpec, 'name' | 'graceSeconds'>;
  readonly compute: Compute;
  readonly follower: ProgressFollower;
  readonly foreign: Foreign;
  readonly context: Stoppable;
  /** Called at every look. */
  readonly note: () => void;
  readonly onStatus: (status: JobStatus) => void;
  readonly use: NonNullable<WatchOptions['use']>;
  /** Absent: its end is waited for. */
  readonly hasLetGo?: () => Promise<boolean>;
}

export async function watchAttempt(watching: Watching): Promise<{ end: JobEnd; silent: boolean }> {
  const { input, job, compute, foreign, context } = watching;
  const over = new AbortController();
  let status: JobStatus = { phase: 'pending', message: null, node: null, startedAt: null };
  const leaving = [over.signal, context.detached];
  const ended = foreign.ask(
    'Kubernetes',
    () =>
      compute.watch(job.name, {
        signal: AbortSignal.any(leaving),
        noCapacitySeconds: machineWaitSeconds(input.noCapacitySeconds, nodesOf(input), job.name),
        use: watching.use,
        ...(watching.hasLetGo === undefined ? {} : { hasLetGo: watching.hasLetGo }),
        onStatus: (next) => {
          status = next;
          watching.onStatus(next);
        },
      }),
    leaving,
  );
  const following = followRecords(watching, () => status, over.signal);
  const silence = following.then((silent) => (silent ? 'silent' : new Promise<never>(() => undefined)));
  const stopping = stopOnRequest(watching, over.signal);
  try {
    const first = await Promise.race([ended, silence, stopping]);
    if (first !== 'silent' && first !== 'stuck') return { end: first, silent: false };
    // One that was handed over is removed by who has recorded its end.
    if (input.lost === undefined)
      await foreign.ask('Kubernetes', () => compute.remove(job.name, { waitSeconds: GRACES.removalPatienceSeconds }));
    return { end: lostEnd(status, first === 'silent' ? 'no progress records' : 'did not end after SIGTERM'), silent: first === 'silent' };
  } finally {
    over.abort();
    ended.catch(() => undefined);
    silence.catch(() => undefined);
    // The follower is not to be read by two at once.
    await following.catch(() => undefined);
    stopping.catch(() => undefined);
  }
}

/** True: the records have stopped for longer than the profile allows. */
async function followRecords(
  { input, follower, foreign, context, note }: Watching,
  status: () => JobStatus,
  over: AbortSignal,
): Promise<boolean> {
  const silence = new Silence(input.trial.profile.silenceSeconds * 1000);
  let poll: number = WAITS.recordsLookFirstMs;
  while (!over.aborted && !context.detached.aborted) {
    const asked = performance.now();
    const refusals: unknown[] = [];
    const listen = async (): Promise<boolean> => {
      try {
        return await follower.read();
      } catch (error) {
        refusals.push(error);
        throw error;
      }
    };
    const some = await foreign.ask('the object store', listen, [over]);
    // Nobody could hear what the trainer said meanwhile, and it may have been unable to say it.
    if (refusals.length > 0) silence.excuse(performance.now() - asked);
    note();
    // One that never recorded anything may be of a kind that does not.
    if (silence.isTooLong(status().phase, some) && follower.followed.everSeen) return true;
    poll = some ? WAITS.recordsLookFirstMs : Math.min(WAITS.recordsLookLongestMs, poll * POLL_GROWTH);
    await pause(poll, over, context.detached);
  }
  return false;
}

async function stopOnRequest({ compute, job, foreign, context }: Watching, over: AbortSignal): Promise<'stuck'> {
  await aborted(context.stop);
  const begun = performance.now();
  const patienceMs = (job.graceSeconds + GRACES.stopBeyondGraceSeconds) * 1000;
  while (!over.aborted && performance.now() - begun < patienceMs) {
    await foreign.ask('Kubernetes', () => compute.terminate(job.name), [over]);
    // Whoever was asked has ended by then: the word did not arrive.
    await pause((job.graceSeconds + GRACES.askedAgainBeyondGraceSeconds) * 1000, over);
  }
  return 'stuck';
}

export function lostEnd(status: Pick<JobStatus, 'node' | 'startedAt'>, message: string): JobEnd {
  return { ...UNKNOWN_END, node: status.node, startedAt: status.startedAt, endedAt: Date.now(), message };
}
