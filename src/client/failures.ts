/** Turns what the SDK throws into this client's errors, in one place. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ApplicationFailure,
  CancelledFailure,
  ServiceError,
  TerminatedFailure,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  isGrpcServiceError,
} from '@temporalio/client';
import { withOlderWorkers } from '../contract/release-differences.ts';
import type { RunResult } from '../contract/state.ts';
import { CannotConnectError, RefusedError, RunFailedError, UnknownRunError } from './errors.ts';
import { GRACES } from '../rules/durations.ts';

/** gRPC status codes. */
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/** Runs a call about one run. */
export async function about<T>(run: string, address: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translate(run, address, error);
  }
}

/** Workers answer within 10 s or not at all: one that is starting, or busy with a long replay, is asked again. */
const QUESTIONS = 4;
/** Temporal refuses questions to a workflow whose task failed a few times, until that task has succeeded. */
const QUESTIONS_UNTIL_READY = 20;

/** Asks a workflow. Questions change nothing, so one that no worker answered in time is repeated. */
export function ask<T>(run: string, address: string, question: () => Promise<T>): Promise<T> {
  return about(run, address, async () => {
    for (let asked = 1; ; asked++) {
      try {
        return await question();
      } catch (error) {
        const notReady = isNotReady(error);
        const unanswered = notReady || codeOf(error) === DEADLINE_EXCEEDED;
        if (!unanswered || asked >= (notReady ? QUESTIONS_UNTIL_READY : QUESTIONS)) throw error;
        if (notReady) await sleep(GRACES.notReadyMs);
      }
    }
  });
}

const grpcOf = (error: unknown): { readonly code: number; readonly details: string } | null =>
  error instanceof ServiceError && isGrpcServiceError(error.cause) ? error.cause : null;
const codeOf = (error: unknown): number | null => grpcOf(error)?.code ?? null;

/** As Temporal's server says it: `WorkflowNotReady`. */
function isNotReady(error: unknown): boolean {
  const grpc =
    grpcOf(error) ?? (isGrpcServiceError(error) ? error : error instanceof Error && isGrpcServiceError(error.cause) ? error.cause : null);
  return grpc !== null && grpc.code === FAILED_PRECONDITION && /workflow task in failed state|not ready/i.test(grpc.details);
}

function translate(run: string, address: string, error: unknown): unknown {
  if (error instanceof WorkflowNotFoundError) return endedOrUnknown(run, error);
  if (error instanceof WorkflowUpdateFailedError) return new RefusedError(error.cause?.message ?? error.message, { cause: error });
  if (error instanceof WorkflowExecutionAlreadyStartedError)
    return new RefusedError(`there is already a run "${run}"; leave --run-id out, or choose another name`, { cause: error });
  if (error instanceof WorkflowFailedError) return runFailed(run, error);
  const grpc = error instanceof ServiceError && isGrpcServiceError(error.cause) ? error.cause : isGrpcServiceError(error) ? error : null;
  if (grpc === null) return error;
  switch (grpc.code as number) {
    case NOT_FOUND:
      return endedOrUnknown(run, grpc);
    case INVALID_ARGUMENT:
    case FAILED_PRECONDITION:
    case PERMISSION_DENIED:
      return new RefusedError(`Temporal refused: ${grpc.details}`, { cause: error });
    case DEADLINE_EXCEEDED:
    case UNAVAILABLE:
    case UNAUTHENTICATED:
      return new CannotConnectError(`Temporal at ${address} does not answer: ${grpc.details}`, address, { cause: error });
    default:
      return error;
  }
}

/** Temporal says “not found” of both: what it never knew, and what has ended and takes no more messages. */
function endedOrUnknown(run: string, error: Error): RefusedError | UnknownRunError {
  if (!/already completed/i.test(error.message)) return new UnknownRunError(run);
  return new RefusedError(`${run} has already ended`, { cause: error });
}

function runFailed(run: string, { cause }: WorkflowFailedError): RunFailedError {
  if (cause instanceof CancelledFailure) return new RunFailedError(run, 'cancelled', `${run} was cancelled`, null, resultIn(cause.details));
  if (cause instanceof TerminatedFailure) return new RunFailedError(run, 'terminated', `${run} was terminated`, null, null);
  if (cause instanceof ApplicationFailure)
    return new RunFailedError(run, 'failed', wordsOf(cause), cause.type ?? null, resultIn(cause.details));
  return new RunFailedError(run, 'failed', cause?.message ?? 'failed', null, null);
}

/** Workers of releases that do not say so themselves may not know what this client's document says. */
const wordsOf = ({ message, type }: ApplicationFailure): string => (type === 'InvalidDocument' ? withOlderWorkers(message) : message);

const resultIn = (details: readonly unknown[] | null | undefined): RunResult | null => (details?.[0] as RunResult | undefined) ?? null;
