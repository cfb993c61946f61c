import { setTimeout as sleep } from 'node:timers/promises';
import { isTransient } from './faults.ts';
import { GRACES } from '../../rules/durations.ts';

interface RetryPolicy {
  readonly tries: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** About a minute in all; what lasts longer is for Temporal's retries, where people see it. */
export const DEFAULT_RETRY: RetryPolicy = { tries: 8, firstDelayMs: GRACES.googleRetryFirstMs, maxDelayMs: GRACES.googleRetryLongestMs };

/**
 * Repeats `work` while it fails of something transient, with exponential back-off and full jitter
 * (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/). `work` must be safe to repeat.
 */
export async function withRetries<T>(
  work: (attempt: number) => Promise<T>,
  { policy = DEFAULT_RETRY, signal }: { readonly policy?: RetryPolicy; readonly signal?: AbortSignal } = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= policy.tries || !isTransient(error)) throw error;
      const ceiling = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
      // Not below a tenth, so that many clients do not all hit again at once.
      await pause(ceiling * (0.1 + 0.9 * Math.random()), signal);
    }
  }
}

/** Rejects with the signal's own reason. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
