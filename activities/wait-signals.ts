/** What activities tell their trial, or their run, while they wait. */
import { Context } from '@temporalio/activity';
import { INTERNAL_SIGNALS, WORKFLOWS } from '../src/contract/names.ts';
import type { StepWaits } from '../src/contract/state.ts';
import type { AttemptWaits } from '../src/contract/trial-run.ts';
import type { CapacityInput } from '../src/contract/attempts.ts';
import type { Ports } from '../src/ports/index.ts';
import { unlessClusterIsLost } from './cluster-silence.ts';
import type { Trouble } from './foreign-systems.ts';
import { stoppable, type Stoppable } from './stoppable.ts';
import { WaitReports } from './wait-reports.ts';

/**
 * For its state alone: a message that does not arrive changes nothing.
 *
 * @returns tells it from wherever it is called: what watches Jobs for all activities of a worker calls in nobody's name, or in another one's
 */
export const trialNews = (): ((waits: AttemptWaits) => void) => newsTo(Context.current(), INTERNAL_SIGNALS.attemptWaits);

/** The same of a Job of a step; that of a search has no place in its state. */
export function runNews(): (waits: StepWaits) => void {
  const context = Context.current();
  return context.info.workflowType === WORKFLOWS.trainingPipeline ? newsTo(context, INTERNAL_SIGNALS.stepWaits) : () => undefined;
}

function newsTo(context: Context, signal: string): (news: AttemptWaits | StepWaits) => void {
  const { workflowExecution } = context.info;
  return (news) => {
    if (!workflowExecution) return;
    const send = async (): Promise<void> => context.client.workflow.getHandle(workflowExecution.workflowId).signal(signal, news);
    send().catch(() => undefined);
  };
}

/** `stoppable` work on a cluster, which is given up where that one is lost; the trial is told of a silence that lasts. */
export function inCluster<T>(
  ports: Ports,
  { trial: { profile }, attempt, lostAfterSeconds }: CapacityInput,
  work: (context: Stoppable) => Promise<T>,
): Promise<T> {
  let silentSince: number | null = null;
  const tellTrial = trialNews();
  const silence = new WaitReports((wait) => tellTrial({ attempt, ...wait, cluster: { silentSince, askedAt: Date.now() } }));
  const bound = { profile, ...(lostAfterSeconds === undefined ? {} : { lostAfterSeconds }) };
  const tell = (trouble: Trouble | null): void => {
    silentSince = trouble?.since ?? null;
    silence.trouble(trouble);
  };
  return stoppable((context) => unlessClusterIsLost(bound, () => ports.compute(profile), context, work, tell));
}
