/** How often the progress records of a trial are looked for: often while some come, seldomer while none do. A look costs one request of the store. */
import { GRACES } from '../rules/durations.ts';

const GROWTH = 1.4;

export class TailPace {
  readonly #next = new Map<string, { at: number; wait: number }>();

  isDue(key: string, running: boolean, now: number): boolean {
    const known = this.#next.get(key);
    if (!known) return running;
    return (running || known.wait === 0) && now >= known.at;
  }

  /** The trial has just ended: its last records are wanted, now and once. */
  hurry(key: string): void {
    this.#next.set(key, { at: 0, wait: 0 });
  }

  looked(key: string, some: boolean, now: number): void {
    const wait = some
      ? GRACES.tailLookShortestMs
      : Math.min(GRACES.tailLookLongestMs, Math.max(GRACES.tailLookShortestMs, (this.#next.get(key)?.wait ?? 0) * GROWTH));
    this.#next.set(key, { at: now + wait, wait });
  }
}
