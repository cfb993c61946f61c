/** What activities tell their trial while they wait. */
import { activityInfo, getClient } from '@temporalio/activity';
import { INTERNAL_SIGNALS } from '../src/contract/names.ts';
import type { AttemptWaits } from '../src/contract/trial-run.ts';
import type { CapacityInput } from '../src/contract/attempts.ts';
import type { Ports } from '../src/ports/index.ts';
import { unlessClusterIsLost } from './cluster-silence.ts';
import type { Trouble } from './foreign-systems.ts';
import { stoppable, type Stoppable } from './stoppable.ts';
import { WaitReports } from './wait-reports.ts';

/** For its state alone: a message that does not arrive changes nothing. */
export function tellTrial(waits: AttemptWaits): void {
  const { workflowExecution } = activityInfo();
  if (!workflowExecution) return;
  const send = async (): Promise<void> =>
    getClient().workflow.getHandle(workflowExecution.workflowId).signal(INTERNAL_SIGNALS.attemptWaits, waits);
  send().catch(() => undefined);
}

/** `stoppable` work on a cluster, which is given up where that one is lost; the trial is told of a silence that lasts. */
export function inCluster<T>(
  ports: Ports,
  { trial: { profile }, attempt, lostAfterSeconds }: CapacityInput,
  work: (context: Stoppable) => Promise<T>,
): Promise<T> {
  let silentSince: number | null = null;
  const silence = new WaitReports((wait) => tellTrial({ attempt, ...wait, cluster: { silentSince, askedAt: Date.now() } }));
  const bound = { profile, ...(lostAfterSeconds === undefined ? {} : { lostAfterSeconds }) };
  const tell = (trouble: Trouble | null): void => {
    silentSince = trouble?.since ?? null;
    silence.trouble(trouble);
  };
  return stoppable((context) => unlessClusterIsLost(bound, () => ports.compute(profile), context, work, tell));
}
