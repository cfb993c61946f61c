/** The one place where errors of adapters and libraries become the `ApplicationFailure`s that workflows and users meet. */
import { activityInfo, ApplicationFailure, CancelledFailure, CompleteAsyncError } from '@temporalio/activity';
import { AdapterError, ERRORS, InvalidInputError, PreconditionFailedError } from '../src/contract/errors.ts';
import type { ErrorType } from '../src/contract/errors.ts';

/** An error that no one foresaw may be a passing fault, or a defect: tried so often, then shown. */
const UNFORESEEN_ATTEMPTS = 5;

/** @example throw failure('JobFailed', 'container prepare exited with 3') */
export function failure(type: ErrorType, message: string, cause?: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: !ERRORS[type].retryable,
    cause: cause instanceof Error ? cause : undefined,
  });
}

export function toFailure(error: unknown, attempt: number): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure || error instanceof CompleteAsyncError) return error;
  if (error instanceof AdapterError) return failure(error.type, error.message, error.cause);
  if (error instanceof InvalidInputError) return failure('InvalidInput', error.message);
  if (error instanceof PreconditionFailedError) return failure('PreconditionFailed', error.message);
  const message = error instanceof Error ? error.message : String(error);
  return ApplicationFailure.create({
    type: 'Unexpected',
    message,
    nonRetryable: attempt >= UNFORESEEN_ATTEMPTS,
    cause: error instanceof Error ? error : undefined,
  });
}

type AsyncFunctions<T> = { [K in keyof T]: T[K] extends (...args: infer A) => Promise<infer R> ? (...args: A) => Promise<R> : never };

/** The same activities, with every error translated. */
export function translated<T extends object>(activities: T & AsyncFunctions<T>): T {
  const wrapped = Object.entries(activities as Record<string, (...args: unknown[]) => Promise<unknown>>).map(([name, run]) => [
    name,
    async (...args: unknown[]): Promise<unknown> => {
      try {
        return await run(...args);
      } catch (error) {
        throw toFailure(error, activityInfo().attempt);
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}
