/** How long a trainer has recorded nothing, by a clock that only goes forward: one that is set right must not look like a silence. */
import type { JobStatus } from '../src/ports/compute.ts';

export class Silence {
  readonly #limitMs: number;
  readonly #now: () => number;
  #runningSince: number | null = null;
  #heardAt: number | null = null;

  /** @param limitMs 0 = never too long */
  constructor(limitMs: number, now: () => number = () => performance.now()) {
    this.#limitMs = limitMs;
    this.#now = now;
  }

  /** Nothing could be heard for so long, whatever was said. */
  excuse(ms: number): void {
    if (this.#runningSince !== null) this.#runningSince += ms;
    if (this.#heardAt !== null) this.#heardAt += ms;
  }

  /** To be called at every look, with whether there were new records. @returns true when it has lasted too long */
  isTooLong(phase: JobStatus['phase'], heard: boolean): boolean {
    const now = this.#now();
    if (heard) this.#heardAt = now;
    if (phase !== 'running') return false;
    this.#runningSince ??= now;
    return this.#limitMs > 0 && now - Math.max(this.#runningSince, this.#heardAt ?? 0) > this.#limitMs;
  }
}
