/** Errors of Google's clients, as far as they tell whether trying again may help. */

interface Inner {
  readonly reason?: string;
  readonly message?: string;
  readonly location?: string;
}

/** What GaxiosError, ApiError and Node's own errors have in common. */
export interface Fault {
  /** HTTP status; null where there was no answer. */
  readonly status: number | null;
  /** E.g. `rateLimitExceeded`; empty where the service gave none. */
  readonly reason: string;
  readonly message: string;
}

const CONNECTION_CODES = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
  'UND_ERR_SOCKET',
]);
const CONNECTION_TEXT =
  /socket hang up|premature close|aborted|network timeout|timed? ?out|connection closed|terminated|fetch failed|initiate a new upload|invalid json|unexpected end of json/i;
const TRANSIENT_STATUS = new Set([408, 429, 500, 502, 503, 504]);
const TRANSIENT_REASONS = new Set([
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'jobRateLimitExceeded',
  'backendError',
  'internalError',
  'tableUnavailable',
  'resourcesExceededRetry',
]);

export function faultOf(error: unknown): Fault {
  if (typeof error !== 'object' || error === null) return { status: null, reason: '', message: String(error) };
  const { code, status, errors, message, response } = error as {
    code?: unknown;
    status?: unknown;
    errors?: readonly Inner[];
    message?: string;
    response?: { status?: unknown; statusCode?: unknown };
  };
  const numbers = [code, status, response?.status, response?.statusCode].map(Number).filter((each) => each >= 100 && each < 600);
  const first = errors?.[0];
  return { status: numbers[0] ?? null, reason: first?.reason ?? '', message: first?.message ?? message ?? 'unknown error' };
}

/** Statements that ran at once have met in one table, in the words of BigQuery and of its emulator's DuckDB; both say that the query is wrong. */
export const isConflict = (message: string): boolean =>
  /Could not serialize access to table|Failed to commit DuckLake transaction|write-write conflict|Conflict on (?:update|tuple deletion)!/.test(
    message,
  );

/** True for what goes away by itself: overload, a server's own fault, a broken connection. */
export function isTransient(error: unknown): boolean {
  const { status, reason, message } = faultOf(error);
  if (TRANSIENT_REASONS.has(reason) || isConflict(message)) return true;
  if (status !== null) return TRANSIENT_STATUS.has(status);
  return CONNECTION_CODES.has(codeOf(error)) || CONNECTION_TEXT.test(message);
}

function codeOf(error: unknown): string {
  for (let each = error; typeof each === 'object' && each !== null; each = (each as { cause?: unknown }).cause) {
    const { code } = each as { code?: unknown };
    if (typeof code === 'string') return code;
  }
  return '';
}
