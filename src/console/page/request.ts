/** Requests to the console's server. */
import type { Failure, SessionInfo } from '../wire.ts';

/** Thrown when the server says no, or does not answer. */
export class RequestError extends Error {
  readonly status: number;
  readonly type: string;
  readonly advice: string | null;
  constructor(status: number, { type, message, advice }: Failure['error']) {
    super(message);
    this.name = 'RequestError';
    this.status = status;
    this.type = type;
    this.advice = advice;
  }
}

let session: SessionInfo | null = null;
/** Whether buttons are shown; the server checks again. */
export const isOperator = (): boolean => session?.role === 'operator';
export const rememberSession = (info: SessionInfo | null): void => {
  session = info;
};

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return ask<T>(path, { signal: signal ?? null });
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return ask<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-csrf-token': session?.csrf ?? '' },
    body: JSON.stringify(body),
  });
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const answer = await fetch(path, { ...init, credentials: 'same-origin' }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new RequestError(0, {
      type: 'Offline',
      message: 'the console’s server does not answer',
      advice: 'is `longhaul console` still running?',
    });
  });
  const text = await answer.text();
  const body: unknown = isJson(answer) ? JSON.parse(text) : null;
  if (answer.ok) return body as T;
  const failure = (body as Failure | null)?.error;
  if (answer.status === 401 && session !== null) window.dispatchEvent(new Event('signed-out'));
  throw new RequestError(answer.status, failure ?? { type: 'Unexpected', message: `the server answered ${answer.status}`, advice: null });
}

const isJson = (answer: Response): boolean => answer.headers.get('content-type')?.includes('json') === true;

/** A path of the API with names in it escaped. */
export function api(strings: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return `/api${String.raw({ raw: strings }, ...values.map((value) => encodeURIComponent(value)))}`;
}
