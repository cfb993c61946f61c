/** Gives every log line run, step, trial and attempt: out of workflow ids, and out of the arguments of attempts. */
import type { ActivityExecuteInput, ActivityInterceptorsFactory } from '@temporalio/worker';

/** `{run}/{step}/trial-{n}` (src/contract/ids.ts). */
const WORKFLOW_ID = /^([^/]+)(?:\/([^/]+))?(?:\/trial-(\d+))?$/;

export function contextOf(workflowId: unknown): Record<string, string | number> {
  const found = typeof workflowId === 'string' ? WORKFLOW_ID.exec(workflowId) : null;
  if (!found) return {};
  const [, run, step, trial] = found;
  return {
    ...(run === undefined ? {} : { run }),
    ...(step === undefined ? {} : { step }),
    ...(trial === undefined ? {} : { trial: Number(trial) }),
  };
}

/** Temporal's own `attempt` counts its retries; the one that people know is the trial's. */
export const attemptLogs: ActivityInterceptorsFactory = () => {
  let attempt: number | null = null;
  return {
    inbound: {
      execute: (input: ActivityExecuteInput, next) => {
        attempt = attemptOf(input.args[0]);
        return next(input);
      },
    },
    outbound: {
      getLogAttributes: (input, next) => next(attempt === null ? input : { ...input, trialAttempt: attempt }),
    },
  };
};

function attemptOf(argument: unknown): number | null {
  if (typeof argument !== 'object' || argument === null || !('trial' in argument) || !('attempt' in argument)) return null;
  return typeof argument.attempt === 'number' ? argument.attempt : null;
}

/** Fields of a line: ours first, Temporal's retry count under a name that says so. */
export function fieldsOf(meta: Readonly<Record<string | symbol, unknown>> = {}): Record<string, unknown> {
  const { attempt, trialAttempt, ...rest } = meta as Record<string, unknown>;
  return {
    ...contextOf(rest.workflowId),
    ...(trialAttempt === undefined ? {} : { attempt: trialAttempt }),
    ...rest,
    ...(attempt === undefined ? {} : { temporalAttempt: attempt }),
  };
}
