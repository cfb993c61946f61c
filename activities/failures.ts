/** The one place where errors of adapters and libraries become the `ApplicationFailure`s that workflows and users meet. */
import { activityInfo, ApplicationFailure, CancelledFailure, CompleteAsyncError } from '@temporalio/activity';
import { isGrpcServiceError } from '@temporalio/client';
import { AdapterError, ERRORS, InvalidInputError, PreconditionFailedError } from '../src/contract/errors.ts';
import type { ErrorType } from '../src/contract/errors.ts';
import { WAITS } from '../src/rules/durations.ts';

/** An error that no one foresaw may be a passing fault, or a defect: tried so often in a row, then shown. */
const UNFORESEEN_ATTEMPTS = 5;
/** Activities whose errors are counted at once; the oldest are forgotten first. */
const MAX_COUNTED = 10_000;

/** @example throw failure('JobFailed', 'container prepare exited with 3') */
export function failure(type: ErrorType, message: string, cause?: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: !ERRORS[type].retryable,
    cause: cause instanceof Error ? cause : undefined,
  });
}

/** @param unforeseen errors in a row that no one foresaw, this one among them */
export function toFailure(error: unknown, unforeseen: number): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure || error instanceof CompleteAsyncError) return error;
  if (error instanceof AdapterError) return failure(error.type, error.message, error.cause);
  if (error instanceof InvalidInputError) return failure('InvalidInput', error.message);
  if (error instanceof PreconditionFailedError) return failure('PreconditionFailed', error.message);
  const message = error instanceof Error ? error.message : String(error);
  if (isTransientFault(error)) return failure('Unavailable', message, error);
  return ApplicationFailure.create({
    type: 'Unexpected',
    message,
    nonRetryable: unforeseen >= UNFORESEEN_ATTEMPTS,
    cause: error instanceof Error ? error : undefined,
  });
}

/** Codes of gRPC with which Temporal, or a proxy before it, says "later": DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE. */
const TRANSIENT_GRPC: ReadonlySet<unknown> = new Set([4, 8, 14]);
/** Connections that broke. A host that is not known is a wrong name more often than a fault that passes. */
const TRANSIENT_CODES: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
const MAX_CAUSES = 5;

/** A fault of the connection to whatever system, or Temporal's own: it passes by itself. */
function isTransientFault(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++) {
    const { code } = cause as { code?: unknown };
    if (TRANSIENT_CODES.has(code) || (isGrpcServiceError(cause) && TRANSIENT_GRPC.has(code))) return true;
    cause = cause.cause;
  }
  return false;
}

const isForeseen = (error: unknown): boolean => {
  const answer = toFailure(error, 1);
  return !(answer instanceof ApplicationFailure) || answer.type !== 'Unexpected' || answer === error;
};

/** Errors in a row that no one foresaw, by activity. Deploys, polls and what passes by itself are tries of Temporal's too, but no errors of ours. */
const unforeseen = new Map<string, number>();

function countOf(activity: string, error: unknown, workedMs: number): number {
  const before = unforeseen.get(activity) ?? 0;
  unforeseen.delete(activity);
  if (isForeseen(error)) return 0;
  const count = workedMs >= WAITS.activityProgressMs ? 1 : before + 1;
  if (count < UNFORESEEN_ATTEMPTS) unforeseen.set(activity, count);
  if (unforeseen.size > MAX_COUNTED)
    for (const oldest of [...unforeseen.keys()].slice(0, unforeseen.size - MAX_COUNTED)) unforeseen.delete(oldest);
  return count;
}

type AsyncFunctions<T> = { [K in keyof T]: T[K] extends (...args: infer A) => Promise<infer R> ? (...args: A) => Promise<R> : never };

/** The same activities, with every error translated. */
export function translated<T extends object>(activities: T & AsyncFunctions<T>): T {
  const wrapped = Object.entries(activities as Record<string, (...args: unknown[]) => Promise<unknown>>).map(([name, run]) => [
    name,
    async (...args: unknown[]): Promise<unknown> => {
      const { activityId, workflowExecution } = activityInfo();
      const activity = `${workflowExecution?.runId ?? ''}/${activityId}`;
      const begun = performance.now();
      try {
        const result = await run(...args);
        unforeseen.delete(activity);
        return result;
      } catch (error) {
        throw toFailure(error, countOf(activity, error, performance.now() - begun));
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}
