/** What an attempt waits for, in words, as its heartbeats tell it. */
import type { JobStatus } from '../src/ports/compute.ts';
import type { Trouble } from './persistence.ts';

const SECONDS_PER_MINUTE = 60;
const MINUTES_PER_HOUR = 60;

/** Part of the details of `runAttempt`'s heartbeats; absent where there is nothing to tell. */
export interface AttemptNote {
  readonly waiting?: string;
}

export class AttemptNotes {
  #trouble: Trouble | null = null;
  #status: string | null = null;

  readonly trouble = (trouble: Trouble | null): void => {
    this.#trouble = trouble;
  };

  readonly status = ({ phase, message }: JobStatus): void => {
    this.#status = phase === 'ended' ? null : message;
  };

  /** @param now ms since 1970 */
  now(now = Date.now()): AttemptNote {
    if (this.#trouble) return { waiting: troubleText(this.#trouble, now) };
    return this.#status === null ? {} : { waiting: this.#status };
  }
}

/** @example troubleText({ of: 'Kubernetes', message: 'HTTP 403', since: 0 }, 720_000) === 'waiting for Kubernetes for 12 min: HTTP 403' */
export function troubleText({ of, message, since }: Trouble, now: number): string {
  const seconds = Math.max(0, Math.round((now - since) / 1000));
  const minutes = Math.floor(seconds / SECONDS_PER_MINUTE);
  const hours = Math.floor(minutes / MINUTES_PER_HOUR);
  const lasted = hours > 0 ? `${hours} h ${minutes % MINUTES_PER_HOUR} min` : minutes > 0 ? `${minutes} min` : `${seconds} s`;
  return `waiting for ${of} for ${lasted}: ${message}`;
}
