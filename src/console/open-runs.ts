/** What open runs say of themselves, asked only of those that have moved on: a page above all of them is open for days. */
import type { Changes } from '../client/changes.ts';
import { searchWorkflowId } from '../contract/ids.ts';
import { liveSearches, placedIn, type Placed } from '../present/pools-now.ts';
import type { ConsoleSource } from './source.ts';

/** The newest ones. */
const MOST = 50;
const AT_ONCE = 8;

interface Known {
  readonly changes: Changes | null;
  placed: readonly Placed[];
  cost: number;
  isNew: boolean;
}

export class OpenRuns {
  readonly #source: ConsoleSource;
  readonly #known = new Map<string, Known>();

  constructor(source: ConsoleSource) {
    this.#source = source;
  }

  get placed(): readonly Placed[] {
    return [...this.#known.values()].flatMap(({ placed }) => placed);
  }

  get costs(): readonly { readonly run: string; readonly cost: number }[] {
    return [...this.#known].map(([run, { cost }]) => ({ run, cost }));
  }

  /** @param runs that are open now, the newest first @returns whether any of them moved on */
  async look(runs: readonly string[]): Promise<boolean> {
    const open = new Set(runs.slice(0, MOST));
    for (const [run, known] of this.#known) {
      if (open.has(run)) continue;
      known.changes?.close();
      this.#known.delete(run);
    }
    for (const run of open)
      if (!this.#known.has(run)) this.#known.set(run, { changes: this.#source.changes?.(run) ?? null, placed: [], cost: 0, isNew: true });
    const all = [...this.#known];
    const moved: boolean[] = [];
    for (let i = 0; i < all.length; i += AT_ONCE)
      moved.push(...(await Promise.all(all.slice(i, i + AT_ONCE).map(([run, known]) => this.#ask(run, known)))));
    return moved.includes(true);
  }

  close(): void {
    for (const { changes } of this.#known.values()) changes?.close();
    this.#known.clear();
  }

  async #ask(run: string, known: Known): Promise<boolean> {
    const moved = known.changes?.takeAll() ?? new Set<string>();
    if (known.changes !== null && moved.size === 0 && !known.isNew) return false;
    try {
      const state = await this.#source.state(run);
      const placed = await Promise.all(
        liveSearches(state).map(async (step) => {
          known.changes?.follow(searchWorkflowId(run, step));
          // One that has not begun, or ends just now, has no trials.
          return placedIn(run, step, await this.#source.search(run, step).catch(() => ({ trials: [] })));
        }),
      );
      const before = JSON.stringify([known.placed, known.cost]);
      Object.assign(known, { placed: placed.flat(), cost: state.cost, isNew: false });
      return before !== JSON.stringify([known.placed, known.cost]);
    } catch {
      // One that does not answer says nothing; it is asked again.
      known.changes?.again(moved);
      return false;
    }
  }
}
