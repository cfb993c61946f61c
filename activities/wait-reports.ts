/** What an attempt waits for, in words: with its heartbeats, and, where it lasts, to its trial, whose state shows it. */
import { lastedText } from '../src/rules/clusters.ts';
import type { JobStatus } from '../src/ports/compute.ts';
import { WAITS } from '../src/rules/durations.ts';
import type { Trouble } from './foreign-systems.ts';

/** Part of the details of `runAttempt`'s heartbeats; absent where there is nothing to tell. */
interface WaitDetails {
  readonly waiting?: string;
}

export class WaitReports {
  readonly #tell: (waiting: string | null) => void;
  readonly #now: () => number;
  #trouble: Trouble | null = null;
  #status: string | null = null;
  #waitingSince: number | null = null;
  #toldAt: number | null = null;
  #pauseMs = 0;

  /**
   * @param tell costs the trial's history some events: called when a wait has lasted, ever more seldom while it goes on, and when it is over
   * @param now a clock that only goes forward
   */
  constructor(tell: (waiting: string | null) => void, now: () => number = () => performance.now()) {
    this.#tell = tell;
    this.#now = now;
  }

  readonly trouble = (trouble: Trouble | null): void => {
    this.#trouble = trouble;
    this.beat();
  };

  readonly status = ({ phase, message }: JobStatus): void => {
    this.#status = phase === 'pending' ? message : null;
    this.beat();
  };

  get details(): WaitDetails {
    const waiting = this.#waiting();
    return waiting === null ? {} : { waiting };
  }

  /** To be called now and then. */
  beat(): void {
    const waiting = this.#waiting();
    const now = this.#now();
    if (waiting === null) {
      if (this.#toldAt !== null) this.#tell(null);
      this.#waitingSince = null;
      this.#toldAt = null;
      return;
    }
    this.#waitingSince ??= now;
    if (now - this.#waitingSince < WAITS.waitToldSeconds * 1000) return;
    if (this.#toldAt !== null && now - this.#toldAt < this.#pauseMs) return;
    this.#pauseMs = this.#toldAt === null ? WAITS.waitToldAgainSeconds * 1000 : this.#pauseMs * 2;
    this.#toldAt = now;
    this.#tell(waiting);
  }

  #waiting(): string | null {
    return this.#trouble ? troubleText(this.#trouble, Date.now()) : this.#status;
  }
}

/** @example troubleText({ of: 'Kubernetes', message: 'HTTP 403', since: 0 }, 720_000) === 'waiting for Kubernetes for 12 min: HTTP 403' */
export function troubleText({ of, message, since }: Trouble, now: number): string {
  const lasted = lastedText(now - since);
  return `${typeof of === 'string' ? `waiting for ${of}` : `cluster ${of.cluster} does not answer`} for ${lasted}: ${message}`;
}
