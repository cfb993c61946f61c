/** What Kueue says of the Jobs that wait in its queues: asked for all of them at once, seldom, and only while some wait. */
import type { V1Job } from '@kubernetes/client-node';
import { WAITS } from '../../rules/durations.ts';
import { KUEUE_QUEUE } from './labels.ts';
import type { Workloads } from './workloads.ts';

interface Watched {
  /** Names of the Jobs that wait, by UID. */
  readonly waiting: () => ReadonlyMap<string, string>;
  /** There is something new of the Job with this name. */
  readonly tell: (name: string) => void;
}

export const isQueued = ({ metadata, spec }: V1Job): boolean => spec?.suspend === true && metadata?.labels?.[KUEUE_QUEUE] !== undefined;

export class QueueWords {
  readonly #workloads: Workloads;
  readonly #watched: Watched;
  #words: ReadonlyMap<string, string> = new Map();
  #timer: NodeJS.Timeout | null = null;

  constructor(workloads: Workloads, watched: Watched) {
    this.#workloads = workloads;
    this.#watched = watched;
  }

  /** Null: it does not wait in one, or its queue has not said why. */
  of(job: V1Job | null): string | null {
    return job && isQueued(job) ? (this.#words.get(job.metadata?.uid ?? '') ?? null) : null;
  }

  /** To be called when a Job may have begun to wait. One that is admitted in a moment costs no request. */
  look(): void {
    if (this.#timer === null && this.#watched.waiting().size > 0) this.#askIn(WAITS.queueAskedFirstMs);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #askIn(ms: number): void {
    this.#timer = setTimeout(() => void this.#ask(), ms);
  }

  async #ask(): Promise<void> {
    const mine = this.#timer;
    if (this.#watched.waiting().size > 0) {
      const before = this.#words;
      // What passes is asked again.
      this.#words = await this.#workloads.wordsOfWaiting().catch(() => before);
      for (const [uid, name] of this.#watched.waiting()) if (this.#words.get(uid) !== before.get(uid)) this.#watched.tell(name);
    }
    if (this.#timer !== mine) return;
    this.#timer = null;
    if (this.#watched.waiting().size > 0) this.#askIn(WAITS.queueAskedAgainMs);
    else this.#words = new Map();
  }
}
