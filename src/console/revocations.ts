/** Sessions that were ended before their time: a person's, all of them, or one. */
import { randomUUID } from 'node:crypto';
import { personKey } from '../contract/persons.ts';
import { GRACES } from '../rules/durations.ts';

export interface Revocation {
  /** Another one each time. */
  readonly id: string;
  /** ms since 1970. */
  readonly at: number;
}

/** Where they are kept: by all replicas of a console, or by one that is alone. */
export interface Revocations {
  /** The last one of a subject, for as long as a session may last; null: none. */
  last(subject: string): Promise<Revocation | null>;
  /** @param by who wants it */
  revoke(subject: string, by: string): Promise<Revocation>;
}

/** @param person by any of the names that are known of them */
export const allSessionsOf = (person: string): string => `person ${personKey(person)}`;
export const oneSession = (id: string): string => `session ${id}`;

const MAX_KEPT = 10_000;

/** Of a console that is alone: its sessions end with it, and so do these. */
export function revocationsInMemory(now: () => number = Date.now): Revocations {
  const kept = new Map<string, Revocation>();
  return {
    last: (subject) => Promise.resolve(kept.get(subject) ?? null),
    revoke: (subject) => {
      const revocation = { id: randomUUID(), at: now() };
      kept.delete(subject);
      kept.set(subject, revocation);
      for (const [oldest, { at }] of kept) {
        if (at > now() - GRACES.sessionHours * 3_600_000) break;
        kept.delete(oldest);
      }
      return Promise.resolve(revocation);
    },
  };
}

/** Asks for a subject once in a few seconds; what was known last counts while there is no answer. */
export class RecentRevocations implements Revocations {
  readonly #source: Revocations;
  readonly #now: () => number;
  readonly #known = new Map<string, { readonly revocation: Promise<Revocation | null>; readonly lookedAt: number }>();

  constructor(source: Revocations, now: () => number = Date.now) {
    this.#source = source;
    this.#now = now;
  }

  last(subject: string): Promise<Revocation | null> {
    const known = this.#known.get(subject);
    if (known && known.lookedAt > this.#now() - GRACES.revocationLookMs) return known.revocation;
    const fresh = this.#source.last(subject);
    return this.#keep(subject, known ? fresh.catch(() => known.revocation) : fresh);
  }

  /** Not what was known a moment ago. */
  async lastNow(subject: string): Promise<Revocation | null> {
    const fresh = await this.#source.last(subject);
    return this.#keep(subject, Promise.resolve(fresh));
  }

  async revoke(subject: string, by: string): Promise<Revocation> {
    const revocation = await this.#source.revoke(subject, by);
    await this.#keep(subject, Promise.resolve(revocation));
    return revocation;
  }

  #keep(subject: string, revocation: Promise<Revocation | null>): Promise<Revocation | null> {
    const looked = { revocation, lookedAt: this.#now() };
    this.#known.delete(subject);
    this.#known.set(subject, looked);
    revocation.catch(() => {
      if (this.#known.get(subject) === looked) this.#known.delete(subject);
    });
    const oldest = this.#known.keys().next().value;
    if (this.#known.size > MAX_KEPT && oldest !== undefined) this.#known.delete(oldest);
    return revocation;
  }
}
