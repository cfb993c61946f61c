/**
 * Revocations that all replicas see, in the one place that each of them reaches and may write to: Temporal. Each is a workflow that never begins: it
 * waits for longer than a session lasts, and is timed out then, so that it is there to be described whatever the namespace's retention is.
 */
import { createHash } from 'node:crypto';
import type { Longhaul } from '../client/index.ts';
import { about } from '../client/failures.ts';
import { UnknownRunError } from '../client/errors.ts';
import { GRACES } from '../rules/durations.ts';
import type { Revocation, Revocations } from './revocations.ts';

const WORKFLOW = 'consoleRevocation';
const QUEUE_OF_NOBODY = 'longhaul-console-revocations';
const LONGER_THAN_A_SESSION = `${GRACES.sessionHours + 1} hours`;

export function sharedRevocations({ client, target }: Longhaul): Revocations {
  const { namespace, address, team } = target;
  const idOf = (subject: string): string =>
    ['console-revocation', ...(team ? [team] : []), createHash('sha256').update(subject).digest('hex').slice(0, 32)].join('-');
  const last = async (workflowId: string): Promise<Revocation | null> => {
    try {
      const { workflowExecutionInfo: info } = await about(workflowId, address, () =>
        client.withDeadline(Date.now() + GRACES.revocationAnswerMs, () =>
          client.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId } }),
        ),
      );
      const { seconds, nanos } = info?.startTime ?? {};
      return { id: info?.execution?.runId ?? '', at: Number(seconds ?? 0) * 1000 + Math.floor((nanos ?? 0) / 1e6) };
    } catch (error) {
      if (error instanceof UnknownRunError) return null;
      throw error;
    }
  };
  return {
    last: (subject) => last(idOf(subject)),
    revoke: async (subject, by) => {
      const workflowId = idOf(subject);
      const { firstExecutionRunId: id } = await about(workflowId, address, () =>
        client.workflow.start(WORKFLOW, {
          workflowId,
          taskQueue: QUEUE_OF_NOBODY,
          workflowIdConflictPolicy: 'TERMINATE_EXISTING',
          startDelay: LONGER_THAN_A_SESSION,
          workflowExecutionTimeout: GRACES.revocationTimeoutMs,
          memo: { subject, by },
        }),
      );
      return (await last(workflowId)) ?? { id, at: Date.now() };
    },
  };
}
