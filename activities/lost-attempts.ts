/** What is known of an attempt whose cluster does not answer, from what it left in the object store. */
import { UNKNOWN_END } from '../src/contract/jobs.ts';
import type { JobEnd } from '../src/contract/jobs.ts';
import type { AttemptInput, AttemptReport } from '../src/contract/attempts.ts';
import type { Ports } from '../src/ports/index.ts';
import { attemptReport, recordAttempt } from './attempt-report.ts';
import { asLostOutcome, attemptOutcome } from './attempt-outcome.ts';
import { translated } from './failures.ts';
import { Foreign } from './foreign-systems.ts';
import { attemptIdentity } from './job-places.ts';
import { moveBytes } from './move-bytes.ts';
import { ProgressFollower } from './progress-follower.ts';
import { startOfAttempt } from './seen-starts.ts';
import { stoppable } from './stoppable.ts';

interface LostAttempt {
  readonly input: AttemptInput;
  /** In words, with the cluster. */
  readonly cause: string;
  /** ms since 1970, before there was a Job of it. Absent from older trials. */
  readonly begunAt?: number;
}

export const createLostAttemptActivities = (ports: Ports) =>
  translated({
    /**
     * Judges and records it with what is known by now, so that the trial can go on elsewhere. Its Job may go on, can do no harm (fencing), and
     * costs what `endAttempt` finds when the cluster is back: that row takes the place of this one.
     */
    async loseAttempt({ input, cause, begunAt = Date.now() }: LostAttempt): Promise<AttemptReport> {
      return stoppable(async ({ detached }) => {
        const { trial } = input;
        const foreign = new Foreign(true, { until: [detached] });
        const store = await foreign.ask('the object store', () => ports.store(trial.profile));
        const warehouse = await foreign.ask('the ledger', () => ports.warehouse(trial.profile));
        const start = { lastProgress: input.lastProgress, samples: input.samples, flushed: input.lastProgress, attempt: input.attempt };
        const follower = new ProgressFollower(store, warehouse, trial, start);
        await foreign.ask('the object store', () => follower.readAll());
        await foreign.ask('the ledger', () => follower.flush());
        const { followed } = follower;
        // Its last sign of life, or its beginning: before whatever end is found later, whose row is to win.
        const told: JobEnd = {
          ...UNKNOWN_END,
          message: cause,
          startedAt: followed.trainingFrom,
          endedAt: followed.recordedAt ?? begunAt,
        };
        const end = await foreign.ask('the object store', () => startOfAttempt(store, input).complete(told));
        const seen = await attemptOutcome({ input, end, silent: false, stopRequested: false }, store, foreign);
        const bytes = await moveBytes(store, input);
        const report = attemptReport({ input, ...asLostOutcome(seen, cause), end, followed, bestExport: null, moveBytes: bytes });
        const job = attemptIdentity(store, input).name;
        await foreign.ask('the ledger', () => recordAttempt(warehouse, input, report, job, { stage: 'lost' }));
        return report;
      });
    },
  });
export type LostAttemptActivities = ReturnType<typeof createLostAttemptActivities>;
