/** What a failure means to the person at the page: status of HTTP, type, words, advice. */
import { CannotConnectError, RefusedError, UnknownRunError } from '../client/errors.ts';
import { AdapterError, ERRORS } from '../contract/errors.ts';
import type { Failure } from './wire.ts';

/** Thrown by the console's own routes. */
export class HttpError extends Error {
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 421 | 422 | 429;
  readonly type: string;
  /** When to ask again; null: it would be the same then. */
  readonly afterSeconds: number | null;
  constructor(status: HttpError['status'], type: string, message: string, afterSeconds: number | null = null) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
    this.type = type;
    this.afterSeconds = afterSeconds;
  }
}

type Described = Failure['error'] & { readonly status: HttpError['status'] | 500 | 503 };

export function describeFailure(error: unknown): Described {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof HttpError) return { status: error.status, type: error.type, message, advice: null };
  if (error instanceof RefusedError) return { status: 409, type: 'Refused', message, advice: null };
  if (error instanceof UnknownRunError) return { status: 404, type: 'UnknownRun', message: `there is no run “${error.run}”`, advice: null };
  if (error instanceof CannotConnectError)
    return { status: 503, type: 'CannotConnect', message, advice: 'the console tries again by itself' };
  if (error instanceof AdapterError)
    return { status: error.type === 'Unavailable' ? 503 : 409, type: error.type, message, advice: ERRORS[error.type].advice };
  return { status: 500, type: 'Unexpected', message, advice: 'the log of `longhaul console` says more' };
}
