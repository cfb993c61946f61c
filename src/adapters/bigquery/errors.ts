import { AdapterError } from '../../contract/errors.ts';
import { faultOf, isConflict, isTransient } from '../google/faults.ts';
import { findWord, positionAt, SqlProblem } from '../google-sql/placeholders.ts';
import type { Rendered } from './render.ts';

/** `ErrorProto` of BigQuery's REST API. */
interface JobError {
  readonly reason?: string | null;
  readonly message?: string | null;
  readonly location?: string | null;
}

/** Thrown when a job ended with an error; `reason` tells what to do (https://cloud.google.com/bigquery/docs/error-messages). */
export class JobFailure extends Error {
  readonly reason: string;
  readonly jobId: string;
  constructor(jobId: string, error: JobError) {
    super(error.message ?? error.reason ?? 'unknown error');
    this.name = 'JobFailure';
    this.reason = error.reason ?? '';
    this.jobId = jobId;
  }
}

/** Of the job, not of the request that asked about it: the same job again may succeed. */
const TRANSIENT_JOB_REASONS = new Set([
  'backendError',
  'internalError',
  'jobBackendError',
  'jobInternalError',
  'rateLimitExceeded',
  'jobRateLimitExceeded',
  'tableUnavailable',
  'timeout',
]);
export const isTransientJob = (failure: JobFailure): boolean => TRANSIENT_JOB_REASONS.has(failure.reason) || isConflict(failure.message);

/** Errors of BigQuery as ours; `rendered` where a statement of a user was run. */
export function adapterError(error: unknown, rendered?: Rendered): Error {
  if (error instanceof AdapterError) return error;
  const { status, reason: found, message } = faultOf(error);
  const reason = error instanceof JobFailure ? error.reason : found;
  const job = error instanceof JobFailure ? ` (job ${error.jobId})` : '';
  const where = rendered ? `${rendered.file}: ` : '';
  const cause = { cause: error };
  if (reason === 'bytesBilledLimitExceeded' || reason === 'billingTierLimitExceeded')
    return new AdapterError('BudgetExceeded', `${where}${message}${job}`, cause);
  if (
    reason === 'accessDenied' ||
    reason === 'billingNotEnabled' ||
    status === 401 ||
    (status === 403 && !isTransient(error) && reason !== 'quotaExceeded')
  )
    return new AdapterError('AccessDenied', `${where}${withPermission(message)}${job}`, cause);
  if (reason === 'quotaExceeded') return new AdapterError('Unavailable', `${where}a quota is used up: ${message}${job}`, cause);
  if (reason === 'stopped')
    return new AdapterError('JobFailed', `${where}the job was cancelled in BigQuery by someone else: ${message}${job}`, cause);
  if (error instanceof JobFailure ? isTransientJob(error) : isTransient(error))
    return new AdapterError('Unavailable', `${where}${message}${job}`, cause);
  if (rendered && (error instanceof JobFailure || status === 400 || status === 404)) return problemOf(message, reason, rendered, error);
  if (status === 400 || status === 404 || error instanceof JobFailure)
    return new AdapterError('InvalidInput', `${where}${message}${job}${inBrackets(hintOf(reason, message))}`, cause);
  return error instanceof Error ? error : new Error(message);
}

/** BigQuery names it: `Permission bigquery.tables.getData denied on table …`, `User does not have bigquery.jobs.create permission in project …`. */
export function withPermission(message: string): string {
  const missing = /bigquery\.[A-Za-z]+\.[A-Za-z]+/.exec(message)?.[0];
  return missing ? `the permission ${missing} is missing (${message})` : message;
}

const HINTS: Readonly<Record<string, string>> = {
  resourcesExceeded: 'sort or aggregate less at once, or partition the work into more steps',
  responseTooLarge: 'let a query step write the result to a table',
  notFound: 'the table is made by an earlier step, or named under tables; look at the data set and the location of the profile',
};

/** Of a table that requires a filter over its partitions. */
const UNFILTERED = /without a filter over column\(s\) (.+?) that can be used for partition elimination/;

function hintOf(reason: string, message: string): string | undefined {
  const columns = UNFILTERED.exec(message)?.[1];
  if (columns === undefined) return HINTS[reason];
  return `the table requires a filter over ${columns}: add it to WHERE; to an export, check or evaluate step give the table of a query step that takes the wanted partitions`;
}

const inBrackets = (hint: string | undefined): string => (hint === undefined ? '' : ` (hint: ${hint})`);

/** The mistake with its place in the user's file. */
function problemOf(message: string, reason: string, rendered: Rendered, cause: unknown): SqlProblem {
  const at = / at \[(\d+):(\d+)\]/.exec(message);
  const place = at ? rendered.place({ line: Number(at[1]), column: Number(at[2]) }) : locate(message, rendered.original);
  return new SqlProblem(
    { file: rendered.file, ...place, message: message.replace(/ at \[\d+:\d+\]/, '').trim(), hint: hintOf(reason, message) },
    cause,
  );
}

/** Some errors have no position: the words that the message names, looked for in the user's text. */
function locate(message: string, sql: string): { line: number; column: number } {
  const named = [
    ...message.matchAll(/(?:Name|name|named|not found):? ["'`]?([A-Za-z_][\w.]*)/g),
    ...[...message.matchAll(/["'`]([^"'`\n]+)["'`]/g)].reverse(),
  ];
  for (const [, word = ''] of named) {
    const found = findWord(sql, word.split('.').at(-1) ?? word, 0);
    if (found >= 0) return positionAt(sql, found);
  }
  return { line: 1, column: 1 };
}
