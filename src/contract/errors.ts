/**
 * Types of the `ApplicationFailure`s that workflows and users meet, and what the user should do.
 * Non-retryable ones end the step at once.
 */
export const ERRORS = {
  InvalidDocument: { retryable: false, advice: 'fix what the message names, then start the run again' },
  InvalidInput: { retryable: false, advice: 'fix what the message names, then start the run again; finished steps come from the cache' },
  InvalidQuery: { retryable: false, advice: 'fix the SQL at the named line' },
  AccessDenied: { retryable: false, advice: 'grant the named permission; `longhaul doctor` prints the command' },
  BudgetExceeded: { retryable: false, advice: 'raise the budget, or make the step cheaper' },
  PreconditionFailed: { retryable: false, advice: 'another run wrote the same object; look at the named generation' },
  RowCountMismatch: { retryable: true, advice: 'the export is written again' },
  ModelLimit: { retryable: false, advice: 'make the model smaller or use supported operations' },
  BadData: { retryable: false, advice: 'fix the named part, or set parts.onBad: skip with a budget' },
  CheckFailed: { retryable: false, advice: 'look at the rows that the message is about; fix the data, or the rule' },
  JobFailed: { retryable: false, advice: 'read the last lines of its log' },
  SearchFailed: { retryable: false, advice: 'read why its trials failed' },
  Rejected: { retryable: false, advice: 'someone said no; start again when it is settled' },
  ClusterLost: { retryable: false, advice: 'nothing; what it had goes on in another cluster of the profile' },
  Unavailable: { retryable: true, advice: 'nothing; it is tried again' },
} as const;
export type ErrorType = keyof typeof ERRORS;

/** One mistake in a file, as a person wants to read it. */
export interface Problem {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** Path in the document: `steps.dataset.sql`. */
  readonly path?: string;
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
}

/** Thrown when something that a user wrote is wrong. The CLI prints each problem and exits 2; nothing was started. */
export class InvalidInputError extends Error {
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'InvalidInputError';
    this.problems = problems;
  }
}

/** `pipeline.yaml:12:3 steps.dataset.sql: no such file; expected a path relative to the pipeline, found "sql/x.sql" (hint: …)` */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':');
  const path = problem.path ? ` ${problem.path}` : '';
  const expected = problem.expected ? `; expected ${problem.expected}` : '';
  const found = problem.found ? `${expected ? ', ' : '; '}found ${problem.found}` : '';
  const hint = problem.hint ? `\n    hint: ${problem.hint}` : '';
  return `${place}${path}: ${problem.message}${expected}${found}${hint}`;
}

/** Thrown by object stores when an `ifGeneration` does not hold. */
export class PreconditionFailedError extends Error {
  readonly uri: string;
  constructor(uri: string, detail: string) {
    super(`${uri}: ${detail}`);
    this.name = 'PreconditionFailedError';
    this.uri = uri;
  }
}

/** Thrown by adapters: `type` says how the activity is to fail, `message` is for the user. */
export class AdapterError extends Error {
  readonly type: ErrorType;
  constructor(type: ErrorType, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AdapterError';
    this.type = type;
  }
}
