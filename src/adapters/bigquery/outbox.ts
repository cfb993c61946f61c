import { PreconditionFailedError } from '../../contract/errors.ts';
import { inTurns } from '../../ports/in-turns.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { digest } from './names.ts';

/** The objects of one load. */
const MAX_FILES = 5000;
const AT_ONCE = 32;
const DOES_NOT_EXIST = '0';

/** Loads these lines under this id; an id that was loaded before is loaded no second time. */
export type Load = (id: string, lines: string) => Promise<void>;

interface State {
  /** Names of what is being loaded; whoever finds them finishes the load. */
  readonly batch: readonly string[] | null;
  /** ms since 1970 when a load was last begun, by whichever process. */
  readonly loadedAt: number;
}

/**
 * Rows of a ledger table that wait in the object store until they are loaded together. BigQuery allows 1,500 loads for a table and day, and trials
 * append more often than that; the store takes as many small objects as there are, at once and for good.
 *
 * `waiting/{key}` is written once; `STATE` names the batch that is loaded, changed by compare and swap, so that of all processes one decides what is
 * in it; its job's id follows from the names. `loaded/{key}` stays, so that a retry, however late, writes nothing twice.
 */
export class Outbox {
  readonly #store: ObjectStore;
  readonly #root: string;
  /** What waits never changes. */
  readonly #known = new Map<string, string>();

  constructor(store: ObjectStore, root: string) {
    this.#store = store;
    this.#root = root;
  }

  /** Durable when it returns. */
  async put(key: string, lines: string): Promise<void> {
    const name = digest(key);
    if (await this.#store.stat(this.#uri('loaded', name))) return;
    await this.#write(this.#uri('waiting', name), lines, DOES_NOT_EXIST);
  }

  /** The lines that wait, those that are being loaded included. */
  async waiting(): Promise<string[]> {
    const names = await this.#names(Infinity);
    const there = new Set(names);
    for (const name of this.#known.keys()) if (!there.has(name)) this.#known.delete(name);
    return (await this.#contents(names)).filter((lines) => lines !== null);
  }

  /**
   * Finishes a load that another process began, or begins one unless the last was less than `intervalMs` ago.
   *
   * @returns ms until the next load is due, null when nothing waits for it
   */
  async drain(load: Load, intervalMs: number, now: number): Promise<number | null> {
    const found = await this.#state();
    if (found.state.batch) {
      await this.#finish(found.state, found.generation, load);
      return this.drain(load, intervalMs, now);
    }
    const names = await this.#names(MAX_FILES);
    if (names.length === 0) return null;
    const early = found.state.loadedAt + intervalMs - now;
    // More than an interval is a clock that was wrong then or is wrong now: rows must not wait for it to come round.
    if (early > 0 && early <= 2 * intervalMs) return early;
    const state = { batch: names, loadedAt: now };
    const generation = await this.#write(this.#uri('STATE'), JSON.stringify(state), found.generation);
    // Another process was quicker and loads what waits.
    if (generation === null) return intervalMs;
    await this.#finish(state, generation, load);
    return names.length < MAX_FILES ? null : intervalMs;
  }

  async #finish(state: State, generation: string, load: Load): Promise<void> {
    const names = state.batch ?? [];
    const contents = await this.#contents(names);
    // Nothing is removed before its job has succeeded.
    if (!contents.includes(null)) await load(digest(names.join(' ')), contents.join(''));
    await inTurns(names, AT_ONCE, async (name) => {
      await this.#write(this.#uri('loaded', name), '', DOES_NOT_EXIST);
      await this.#store.remove(this.#uri('waiting', name));
      this.#known.delete(name);
    });
    await this.#write(this.#uri('STATE'), JSON.stringify({ ...state, batch: null }), generation);
  }

  async #state(): Promise<{ readonly state: State; readonly generation: string }> {
    const found = await this.#store.read(this.#uri('STATE'));
    if (!found) return { state: { batch: null, loadedAt: 0 }, generation: DOES_NOT_EXIST };
    return { state: JSON.parse(Buffer.from(found.data).toString('utf8')) as State, generation: found.info.generation };
  }

  async #names(most: number): Promise<string[]> {
    const names: string[] = [];
    const prefix = this.#uri('waiting', '');
    for await (const { uri } of this.#store.list(prefix)) {
      if (names.push(uri.slice(prefix.length)) >= most) break;
    }
    return names;
  }

  /** Null for what is not there any more. */
  async #contents(names: readonly string[]): Promise<(string | null)[]> {
    return inTurns(names, AT_ONCE, async (name) => {
      const known = this.#known.get(name);
      if (known !== undefined) return known;
      const found = await this.#store.read(this.#uri('waiting', name));
      if (!found) return null;
      const lines = Buffer.from(found.data).toString('utf8');
      this.#known.set(name, lines);
      return lines;
    });
  }

  /** The generation, or null where the object had another one. */
  async #write(uri: string, text: string, ifGeneration: string): Promise<string | null> {
    try {
      return (await this.#store.write(uri, text, { ifGeneration })).generation;
    } catch (error) {
      if (error instanceof PreconditionFailedError) return null;
      throw error;
    }
  }

  #uri(...names: readonly string[]): string {
    return [this.#root, ...names].join('/');
  }
}
