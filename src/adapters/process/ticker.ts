import { GRACES } from '../../rules/durations.ts';

/** One timer for all watches of an adapter: a look at a few hundred files costs less than a millisecond. */
export class Ticker {
  readonly #looks = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  /** Calls `look` every 50 ms until the returned function is called. */
  every(look: () => void): () => void {
    this.#looks.add(look);
    this.#timer ??= setInterval(() => {
      for (const each of this.#looks) each();
    }, GRACES.processLookMs);
    return () => {
      this.#looks.delete(look);
      if (this.#looks.size === 0) this.close();
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
