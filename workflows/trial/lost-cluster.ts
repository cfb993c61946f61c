/** Attempts whose cluster fell silent. */
import { CancellationScope } from '@temporalio/workflow';
import type { AttemptInput, AttemptReport } from '../../src/contract/attempts.ts';
import { lostWith } from '../clusters.ts';
import { handOver } from '../job-ending.ts';
import { lostAttempts } from '../policies.ts';
import type { TrialRun } from './state.ts';

/** An attempt whose cluster fell silent counts as preempted; its Job is ended when the cluster is back, however long that takes. */
export async function endLostAttempt(run: TrialRun, input: AttemptInput): Promise<AttemptReport> {
  const { lostAfterSeconds = 0, ...patient } = input;
  const cause = lostWith(run.clusters, input.pool, lostAfterSeconds);
  return CancellationScope.nonCancellable(async () => {
    await handOver({ kind: 'attempt', input: { ...patient, lost: cause } });
    run.last = await lostAttempts.loseAttempt({ input, cause, ...(run.begunAt === undefined ? {} : { begunAt: run.begunAt }) });
    return run.last;
  });
}

/** There is another cluster to go to. */
export const isSeveral = ({ lostAfterSeconds }: AttemptInput): boolean => lostAfterSeconds !== undefined;
