/** The list of runs, asked for while somebody looks, with an event for each run that changed. */
import type { RunSummary } from '../client/index.ts';
import { EventLog } from './event-log.ts';
import { describeFailure } from './failures.ts';
import type { ConsoleSource } from './source.ts';
import { GRACES } from '../rules/durations.ts';

export const RUNS_SHOWN = 500;

export class RunList {
  readonly events = new EventLog();
  readonly #source: ConsoleSource;
  readonly #timer: NodeJS.Timeout;
  #runs: readonly RunSummary[] = [];
  #looking: Promise<void> | null = null;
  #lookedAt = 0;
  #trouble: string | null = null;

  constructor(source: ConsoleSource) {
    this.#source = source;
    this.#timer = setInterval(() => {
      if (this.events.watched) void this.#look().catch(() => undefined);
    }, GRACES.runListLookMs);
    this.#timer.unref();
  }

  /** Newest first, at most a second old. */
  async get(): Promise<readonly RunSummary[]> {
    if (Date.now() - this.#lookedAt > GRACES.runListLookMs) await this.#look();
    return this.#runs;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): Promise<void> {
    this.#looking ??= this.#ask().finally(() => (this.#looking = null));
    return this.#looking;
  }

  async #ask(): Promise<void> {
    try {
      const runs = await this.#source.runs({ limit: RUNS_SHOWN });
      const known = new Set(this.#runs.map((run) => JSON.stringify(run)));
      const changed = runs.filter((run) => !known.has(JSON.stringify(run)));
      if (changed.length > 0 && this.#lookedAt > 0) this.events.append('runs', changed);
      this.#runs = runs;
      this.#lookedAt = Date.now();
      this.#say(null);
    } catch (error) {
      this.#say(describeFailure(error).message);
      throw error;
    }
  }

  #say(trouble: string | null): void {
    if (trouble !== this.#trouble) this.events.append('trouble', { message: trouble });
    this.#trouble = trouble;
  }
}
