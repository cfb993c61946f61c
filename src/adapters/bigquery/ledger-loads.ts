import type { Load, Outbox } from './outbox.ts';

/**
 * Loads the rows of one table while this process lives: the first at once, then those of each interval together. An append does not wait for
 * it; one that follows a load that failed does, so that whoever appends hears of it.
 */
export class LedgerLoads {
  readonly #outbox: Outbox;
  readonly #load: Load;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #appends = 0;
  #failure: { readonly error: unknown } | null = null;

  constructor(outbox: Outbox, load: Load, intervalMs: number) {
    this.#outbox = outbox;
    this.#load = load;
    this.#intervalMs = intervalMs;
  }

  /** To be called after rows were put. Throws what kept an earlier load, and now this one, from being made. */
  async appended(): Promise<void> {
    this.#appends++;
    if (this.#failure) {
      await this.#run();
      this.#throwFailure();
    } else if (this.#timer === null) {
      void this.#run();
    }
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Loads what this process has appended and nobody has loaded yet. */
  async close(): Promise<void> {
    await this.#running;
    this.#schedule(null);
    if (this.#appends > 0) await this.#outbox.drain(this.#load, 0, Date.now());
  }

  /** Never rejects. */
  #run(): Promise<void> {
    this.#running ??= this.#drain().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #drain(): Promise<void> {
    const seen = this.#appends;
    try {
      const due = await this.#outbox.drain(this.#load, this.#intervalMs, Date.now());
      this.#failure = null;
      // What was put meanwhile may have come too late for this load.
      this.#schedule(due ?? (this.#appends > seen ? this.#intervalMs : null));
    } catch (error) {
      this.#failure = { error };
      this.#schedule(this.#intervalMs);
    }
  }

  #schedule(ms: number | null): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (ms === null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#run();
    }, ms);
    this.#timer.unref();
  }
}
