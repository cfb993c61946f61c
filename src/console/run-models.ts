/** The runs that somebody looks at, each loaded once and asked for changes once, however many pages are open. */
import type { RunList } from './run-list.ts';
import { RunModel } from './run-model.ts';
import type { ConsoleSource } from './source.ts';
import { GRACES } from '../rules/durations.ts';

/** Settled runs cost memory only. */
const MAX_MODELS = 40;

interface Entry {
  readonly opening: Promise<RunModel>;
  /** Null while it is being opened. */
  model: RunModel | null;
  usedAt: number;
  tickedAt: number;
}

/** Nobody has it open, nor is about to: it may be forgotten. */
const isIdle = ({ model }: Entry): boolean => model !== null && !model.events.watched;

export class RunModels {
  readonly #source: ConsoleSource;
  readonly #list: RunList;
  readonly #entries = new Map<string, Entry>();
  readonly #timer: NodeJS.Timeout;
  #listedAt = 0;

  constructor(source: ConsoleSource, list: RunList) {
    this.#source = source;
    this.#list = list;
    this.#timer = setInterval(() => this.#beat(Date.now()), GRACES.consoleModelLookMs);
    this.#timer.unref();
  }

  /** Rejects with what `ConsoleSource` throws. */
  async get(run: string): Promise<RunModel> {
    const known = this.#entries.get(run);
    if (known) {
      known.usedAt = Date.now();
      const model = await known.opening;
      // It was not watched for a while: what it knows may be old.
      if (!model.settled && Date.now() - known.tickedAt > 2 * GRACES.consoleModelLookMs) await this.#tick(known, model);
      return model;
    }
    const opening = RunModel.open(this.#source, run);
    const entry: Entry = { opening, model: null, usedAt: Date.now(), tickedAt: Date.now() };
    this.#entries.set(run, entry);
    opening.catch(() => this.#entries.delete(run));
    entry.model = await opening;
    entry.usedAt = entry.tickedAt = Date.now();
    return entry.model;
  }

  /** After a button was pressed: its effect is to be seen at once. */
  async refresh(run: string): Promise<void> {
    const entry = this.#entries.get(run);
    if (entry) await this.#tick(entry, await entry.opening);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const run of this.#entries.keys()) this.#forget(run);
  }

  async #tick(entry: Entry, model: RunModel): Promise<void> {
    await model.tick();
    entry.tickedAt = Date.now();
  }

  #beat(now: number): void {
    for (const entry of this.#entries.values()) {
      if (entry.model === null || isIdle(entry)) continue;
      entry.usedAt = now;
      if (!entry.model.settled) void this.#tick(entry, entry.model);
    }
    if (now - this.#listedAt >= GRACES.consoleReopenedLookMs) {
      this.#listedAt = now;
      // The list tells of its own troubles.
      this.#reopen().catch(() => undefined);
    }
    const idle = [...this.#entries].filter(([, entry]) => isIdle(entry)).sort(([, a], [, b]) => a.usedAt - b.usedAt);
    const tooMany = this.#entries.size - MAX_MODELS;
    for (const [index, [run, { usedAt }]] of idle.entries())
      if (index < tooMany || now - usedAt > GRACES.consoleModelKeptMs) this.#forget(run);
  }

  /** Runs that had ended and were run again under their names. */
  async #reopen(): Promise<void> {
    const settled = [...this.#entries.values()].flatMap(({ model }) => (model?.settled === true ? [model] : []));
    if (settled.length === 0) return;
    const open = new Set((await this.#list.get()).filter(({ endedAt }) => endedAt === null).map(({ run }) => run));
    for (const model of settled) if (open.has(model.id)) model.reopen();
  }

  #forget(run: string): void {
    const entry = this.#entries.get(run);
    this.#entries.delete(run);
    entry?.opening.then(
      (model) => model.close(),
      () => undefined,
    );
  }
}
