/** State outside of components, drawn again at most once a frame. */
import { useEffect, useState } from 'preact/hooks';
import { GRACES } from '../../rules/durations.ts';
import { RequestError } from './request.ts';

export class Store {
  readonly #listeners = new Set<() => void>();
  #scheduled = false;
  #version = 0;

  /** Counts changes, also those that nobody has drawn yet. */
  get version(): number {
    return this.#version;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected changed(): void {
    this.#version++;
    if (this.#scheduled) return;
    this.#scheduled = true;
    // A hidden page gets no frames, but must not fall behind for ever.
    const draw = (): void => {
      this.#scheduled = false;
      for (const listener of this.#listeners) listener();
    };
    if (document.hidden) setTimeout(draw, GRACES.pageHiddenDrawMs);
    else requestAnimationFrame(draw);
  }
}

/** Reads from the server once and is kept up to date by its events; what goes wrong is shown, and read again. */
export abstract class ReadStore extends Store {
  error: RequestError | null = null;

  /** @returns the cursor of what was read */
  protected abstract read(): Promise<string>;

  async open(): Promise<string | null> {
    try {
      const cursor = await this.read();
      this.error = null;
      this.changed();
      return cursor;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.error = error;
      setTimeout(() => void this.open(), GRACES.pageReadAgainMs);
      this.changed();
      return null;
    }
  }
}

/** Draws the component again whenever the store changes. */
export function useStore<S extends Store>(store: S): S {
  const [, draw] = useState(0);
  const drawn = store.version;
  useEffect(() => {
    const again = (): void => draw((count) => count + 1);
    const stop = store.subscribe(again);
    // An answer may come before the first frame, and so before this.
    if (store.version !== drawn) again();
    return stop;
  }, [store]);
  return store;
}
