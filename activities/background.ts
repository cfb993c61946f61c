/** The rest of work whose activity has ended, as the last lines of a log: it goes on behind, until it is done or its worker goes. */
import { pause } from './stoppable.ts';

export class Background {
  readonly #going = new Set<Promise<unknown>>();
  readonly #over = new AbortController();

  /** Aborts when the worker goes. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  add(work: Promise<unknown>): void {
    const gone = (): void => void this.#going.delete(work);
    this.#going.add(work);
    work.then(gone, gone);
  }

  /** Asks all of it to end, and waits for that, at the latest for so long. */
  async end(patienceMs: number): Promise<void> {
    this.#over.abort();
    const waited = new AbortController();
    await Promise.race([Promise.allSettled(this.#going), pause(patienceMs, waited.signal)]);
    waited.abort();
  }
}

/** Of this process, which is one worker. */
export const background = new Background();
