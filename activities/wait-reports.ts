/** What an attempt waits for, in words: with its heartbeats, and, where it lasts, to its trial, whose state shows it. */
import type { AttemptWaits } from '../src/contract/trial-run.ts';
import { lastedText } from '../src/rules/clusters.ts';
import type { JobStatus } from '../src/ports/compute.ts';
import { WAITS } from '../src/rules/durations.ts';
import type { Trouble } from './foreign-systems.ts';

/** Part of the details of `runAttempt`'s heartbeats; absent where there is nothing to tell. */
interface WaitDetails {
  readonly waiting?: string;
}
type Wait = Pick<AttemptWaits, 'since'> & { readonly waiting: string };

/** Every trial of a search may wait, and the search holds what each of them says. */
const MAX_CHARACTERS = 300;

export class WaitReports {
  readonly #tell: (wait: Pick<AttemptWaits, 'waiting' | 'since'>) => void;
  readonly #now: () => number;
  #trouble: Trouble | null = null;
  #status: Wait | null = null;
  #waitingSince: number | null = null;
  #toldAt: number | null = null;
  #pauseMs = 0;

  /**
   * @param tell costs the trial's history some events: called when a wait has lasted, ever more seldom while it goes on, and when it is over
   * @param now a clock that only goes forward
   */
  constructor(tell: (wait: Pick<AttemptWaits, 'waiting' | 'since'>) => void, now: () => number = () => performance.now()) {
    this.#tell = tell;
    this.#now = now;
  }

  readonly trouble = (trouble: Trouble | null): void => {
    this.#trouble = trouble;
    this.beat();
  };

  readonly status = ({ phase, message, waitingSince: since, waitingFor }: JobStatus): void => {
    const waiting = waitingFor === undefined ? message : `waiting for ${waitingFor}: ${message ?? 'it is away'}`;
    this.#status = phase === 'pending' && waiting !== null ? { waiting: short(waiting), ...(since === undefined ? {} : { since }) } : null;
    this.beat();
  };

  get details(): WaitDetails {
    if (this.#trouble) return { waiting: troubleText(this.#trouble, Date.now()) };
    return this.#status === null ? {} : { waiting: this.#status.waiting };
  }

  /** To be called now and then. */
  beat(): void {
    const wait = this.#wait();
    const now = this.#now();
    if (wait === null) {
      if (this.#toldAt !== null) this.#tell({ waiting: null });
      this.#waitingSince = null;
      this.#toldAt = null;
      return;
    }
    this.#waitingSince ??= now;
    if (now - this.#waitingSince < WAITS.waitToldSeconds * 1000) return;
    if (this.#toldAt !== null && now - this.#toldAt < this.#pauseMs) return;
    this.#pauseMs = this.#toldAt === null ? WAITS.waitToldAgainSeconds * 1000 : this.#pauseMs * 2;
    this.#toldAt = now;
    this.#tell(wait);
  }

  /** Whoever shows it says how long it has lasted by then. */
  #wait(): Wait | null {
    return this.#trouble ? { waiting: short(troubleWords(this.#trouble)), since: this.#trouble.since } : this.#status;
  }
}

const short = (text: string): string => (text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS - 1)}…`);

const whatOf = (of: Trouble['of']): string => (typeof of === 'string' ? `waiting for ${of}` : `cluster ${of.cluster} does not answer`);

const troubleWords = ({ of, message }: Trouble): string => `${whatOf(of)}: ${message}`;

/** @example troubleText({ of: 'Kubernetes', message: 'HTTP 403', since: 0 }, 720_000) === 'waiting for Kubernetes for 12 min: HTTP 403' */
export const troubleText = ({ of, message, since }: Trouble, now: number): string =>
  `${whatOf(of)} for ${lastedText(now - since)}: ${message}`;
