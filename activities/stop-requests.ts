/** Asks Temporal itself whether an activity is to end: where heartbeats are minutes apart, the word comes that late with them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { activityInfo, getClient, type Context } from '@temporalio/activity';
import { GRACES } from '../src/rules/durations.ts';

/** `temporal.api.enums.v1.PendingActivityState`. */
const CANCEL_REQUESTED = 3;
/** gRPC. */
const NOT_FOUND = 5;
const TRIES = 3;

/** `gone`: somebody else has it by now, or nobody wants its answer any more; `unknown`: Temporal is away, heartbeats will tell. */
type Wanted = 'goes-on' | 'stop' | 'gone' | 'unknown';

/** One request, which is no action of Temporal Cloud's bill. Never rejects. */
export async function cancellationState(): Promise<Wanted> {
  const { activityId, attempt, workflowExecution: execution, namespace } = activityInfo();
  if (!execution) return 'unknown';
  for (let tries = 1; tries <= TRIES; tries++) {
    try {
      const client = getClient();
      const { pendingActivities } = await client.withDeadline(Date.now() + GRACES.cancellationAnswerMs, () =>
        client.workflowService.describeWorkflowExecution({ namespace, execution }),
      );
      const own = pendingActivities.find((one) => one.activityId === activityId);
      if (own?.attempt !== attempt) return 'gone';
      return (own.state as number | null | undefined) === CANCEL_REQUESTED ? 'stop' : 'goes-on';
    } catch (error) {
      if ((error as { code?: unknown }).code === NOT_FOUND) return 'gone';
      if (tries < TRIES) await sleep(GRACES.cancellationRetryMs * tries);
    }
  }
  return 'unknown';
}

/** Lets Temporal itself say that the activity is to end, where it is: a heartbeat is answered so. Returns at once where it goes on. */
export async function heartbeatIfCancelled({ cancelled }: Pick<Context, 'cancelled'>, beat: () => void): Promise<void> {
  const wanted = await cancellationState();
  if (wanted !== 'stop' && wanted !== 'gone') return;
  beat();
  await cancelled.catch(() => undefined);
}
