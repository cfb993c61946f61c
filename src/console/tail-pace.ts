/**
 * How often the progress records of a trial are looked for. A look costs one request of the store, and trainers write in a rhythm of their own: soon
 * after a record there is none, then it is looked for often, and seldomer when it fails to come.
 */
import { GRACES } from '../rules/durations.ts';

const GROWTH = 1.4;
/** Gaps between records that tell the rhythm. */
const GAPS = 5;
/** None comes before this share of the shortest of them; one that has not come after so many times the longest is late. */
const EARLY = 0.6;
const LATE = 2;

interface Known {
  readonly at: number;
  readonly wait: number;
  /** When records came last; null: they have not while somebody looked. */
  readonly newsAt: number | null;
  readonly gaps: readonly number[];
}

const UNKNOWN: Known = { at: 0, wait: 0, newsAt: null, gaps: [] };

export class TailPace {
  readonly #next = new Map<string, Known>();

  isDue(key: string, running: boolean, now: number): boolean {
    const known = this.#next.get(key);
    if (!known) return running;
    return (running || known.wait === 0) && now >= known.at;
  }

  /** The trial has just ended: its last records are wanted, now and once. */
  hurry(key: string): void {
    this.#next.set(key, UNKNOWN);
  }

  looked(key: string, some: boolean, now: number): void {
    const { wait: before, newsAt, gaps: known } = this.#next.get(key) ?? UNKNOWN;
    const gaps = some && newsAt !== null ? [...known, now - newsAt].slice(-GAPS) : known;
    const isLate = newsAt === null || gaps.length === 0 || now - newsAt > LATE * Math.max(...gaps);
    const wait = some
      ? EARLY * Math.min(...(gaps.length === 0 ? [0] : gaps))
      : isLate
        ? Math.min(GRACES.tailLookLongestMs, before * GROWTH)
        : 0;
    const bounded = Math.max(GRACES.tailLookShortestMs, wait);
    this.#next.set(key, { at: now + bounded, wait: bounded, newsAt: some ? now : newsAt, gaps });
  }
}
