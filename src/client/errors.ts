import type { RunResult } from '../contract/state.ts';

/** Thrown when no Temporal server answers. */
export class CannotConnectError extends Error {
  readonly address: string | null;
  constructor(message: string, address: string | null, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CannotConnectError';
    this.address = address;
  }
}

/** Thrown when a run, or a search in it, is not known to the server. */
export class UnknownRunError extends Error {
  readonly run: string;
  constructor(run: string) {
    super(`no run "${run}"; \`longhaul list\` shows them`);
    this.name = 'UnknownRunError';
    this.run = run;
  }
}

/** Thrown when the server or a workflow says no: a name that is taken, an update that makes no sense now. */
export class RefusedError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'RefusedError';
  }
}

/** Thrown by `result()` when the run did not succeed. */
export class RunFailedError extends Error {
  readonly run: string;
  readonly status: 'failed' | 'cancelled' | 'terminated';
  /** Type of the failure, one of `ERRORS` where it is ours. */
  readonly type: string | null;
  /** What the run came to, where it could still say so. */
  readonly result: RunResult | null;
  constructor(run: string, status: RunFailedError['status'], message: string, type: string | null, result: RunResult | null) {
    super(message);
    this.name = 'RunFailedError';
    this.run = run;
    this.status = status;
    this.type = type;
    this.result = result;
  }
}
