/**
 * Foreign systems refuse, break off and fall silent. Before anything was begun, a refusal that cannot fix itself ends the activity at once,
 * with the message for the user. Once something of ours may be out there, all of them are waited out, for hours, and told of.
 */
import { ApplicationFailure } from '@temporalio/activity';
import { AdapterError, InvalidInputError, PreconditionFailedError } from '../src/contract/errors.ts';
import type { ErrorType } from '../src/contract/errors.ts';
import { WAITS } from '../src/rules/durations.ts';
import { failure } from './failures.ts';
import { pause } from './stoppable.ts';

/** What an activity waits for, in words, since when (ms since 1970). */
export interface Trouble {
  readonly of: ForeignSystem | { readonly cluster: string };
  readonly message: string;
  readonly since: number;
}

type ForeignSystem = 'Kubernetes' | 'the object store' | 'the ledger' | 'the machine';

interface ForeignRetryOptions {
  /** Any of them ends the tries: nobody waits for the answer any more. */
  readonly until: readonly AbortSignal[];
  readonly tell?: (trouble: Trouble | null) => void;
}

/** It is wrong in itself, and no time fixes it. */
const PERMANENT: ReadonlySet<ErrorType> = new Set([
  'InvalidDocument',
  'InvalidQuery',
  'BadData',
  'ModelLimit',
  'BudgetExceeded',
  'Rejected',
]);

function isPermanent(error: unknown): boolean {
  if (error instanceof ApplicationFailure) return error.nonRetryable === true;
  if (error instanceof InvalidInputError || error instanceof PreconditionFailedError) return true;
  // Our own judgement has no cause; that of others may be another one in a minute.
  if (error instanceof AdapterError) return PERMANENT.has(error.type) || (error.type === 'InvalidInput' && error.cause === undefined);
  // A network's TypeError names what it was caused by; another one is a defect.
  return error instanceof TypeError && error.cause === undefined;
}

/**
 * Does `work` until it succeeds, with back-off.
 *
 * @throws what no time fixes at once; the last error when one of the signals aborts, or after a day
 */
export async function retryForeign<T>(of: ForeignSystem, work: () => Promise<T>, { until, tell }: ForeignRetryOptions): Promise<T> {
  const begun = performance.now();
  const since = Date.now();
  let isTold = false;
  for (let wait: number = WAITS.foreignRetryFirstMs; ; wait = Math.min(WAITS.foreignRetryLongestMs, wait * 2)) {
    try {
      const answer = await work();
      if (isTold) tell?.(null);
      return answer;
    } catch (error) {
      const seconds = (performance.now() - begun) / 1000;
      if (until.some(({ aborted }) => aborted) || isPermanent(error) || seconds > WAITS.foreignTroubleSeconds) throw error;
      if (seconds >= WAITS.foreignTroubleToldSeconds) {
        isTold = true;
        tell?.({ of, message: error instanceof Error ? error.message : String(error), since });
      }
      // Workers that were refused together are not to come back together.
      await pause(wait * (0.5 + Math.random() / 2), ...until);
    }
  }
}

/** For small requests in the middle of things: a refusal comes back as one that passes, and Temporal tries again. */
export async function asTransient<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isPermanent(error)) throw error;
    throw failure('Unavailable', error instanceof Error ? error.message : String(error), error);
  }
}

/** For what is written where this run has written before: only the right to do so can have gone, and somebody will give it back. */
export async function asTransientRefusal<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AdapterError && error.type === 'AccessDenied') throw failure('Unavailable', error.message, error);
    throw error;
  }
}

/** Foreign systems as one activity meets them. */
export class Foreign {
  readonly #options: ForeignRetryOptions;
  #isBegun: boolean;

  /** @param isBegun something of ours may be out there already */
  constructor(isBegun: boolean, options: ForeignRetryOptions) {
    this.#isBegun = isBegun;
    this.#options = options;
  }

  /** From now on nothing is a reason to let go. */
  begun(): void {
    this.#isBegun = true;
  }

  ask<T>(of: ForeignSystem, work: () => Promise<T>, until: readonly AbortSignal[] = []): Promise<T> {
    return this.#isBegun ? retryForeign(of, work, { ...this.#options, until: [...this.#options.until, ...until] }) : work();
  }
}
