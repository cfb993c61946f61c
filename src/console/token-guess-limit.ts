/** Slows those who guess tokens. */
import { createHash } from 'node:crypto';
import { GRACES } from '../rules/durations.ts';

/** Of an address, and of a token's beginning from it. */
const FAILURES = 30;
/** Many addresses that guess at one beginning are one guesser: each of them gets so many then. */
const FAILURES_OF_MANY = 1;
/** Half of the shortest token that there may be. */
const PREFIX = 8;
const MAX_KEYS = 10_000;

/**
 * Everybody may be behind the address of one proxy, so that an address alone is never a reason not to look at a token: a right one enters beside any
 * number of wrong ones. What is refused unseen is what begins like a token that was guessed at from there: whoever does not know how somebody's
 * token begins cannot keep them out, and whoever does gets no further.
 */
export class TokenGuessLimit {
  /** When wrong tokens came, by address, by prefix, and by both. */
  readonly #failures = new Map<string, readonly number[]>();

  /** Whether this one may be looked at. */
  allows(address: string, token: string, now: number): boolean {
    const { prefix, both } = keysOf(address, token);
    const many = this.#lately(prefix, now).length >= FAILURES;
    return this.#lately(both, now).length < (many ? FAILURES_OF_MANY : FAILURES);
  }

  /** Keeps that it was wrong. True: there were too many from this address already. */
  failed(address: string, token: string, now: number): boolean {
    const keys = keysOf(address, token);
    const tooMany = this.#lately(keys.address, now).length >= FAILURES;
    for (const key of Object.values(keys)) {
      const lately = this.#lately(key, now);
      this.#failures.delete(key);
      this.#failures.set(key, [...lately, now].slice(-FAILURES));
    }
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MAX_KEYS) break;
      this.#failures.delete(oldest);
    }
    return tooMany;
  }

  #lately(key: string, now: number): readonly number[] {
    return (this.#failures.get(key) ?? []).filter((at) => at > now - GRACES.guessesMs);
  }
}

function keysOf(address: string, token: string): { readonly address: string; readonly prefix: string; readonly both: string } {
  // Nothing of a token stays in memory.
  const prefix = createHash('sha256').update(token.slice(0, PREFIX)).digest('base64url');
  return { address: `address ${address}`, prefix: `prefix ${prefix}`, both: `both ${address} ${prefix}` };
}
