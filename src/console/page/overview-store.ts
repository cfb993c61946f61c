/** What is above one run, and what becomes of it while the page is open. */
import { GRACES } from '../../rules/durations.ts';
import type { OverviewAbout, OverviewView } from '../wire.ts';
import type { OverviewParts } from '../../present/overview.ts';
import { listen, readBesideEvents } from './events.ts';
import { api, get, RequestError } from './request.ts';
import { Store } from './store.ts';

const PARTS = ['pools', 'clusters', 'schedules', 'models', 'money'] as const satisfies readonly (keyof OverviewParts)[];

export class OverviewStore extends Store {
  view: OverviewView | null = null;
  error: RequestError | null = null;
  #close: (() => void) | null = null;
  #isOver = false;

  async open(): Promise<string | null> {
    if (this.#isOver) return null;
    try {
      this.view = await get<OverviewView>(api`/overview`);
      this.error = null;
      this.#listen(this.view.cursor);
      this.changed();
      return this.view.cursor;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.error = error;
      setTimeout(() => void this.open(), GRACES.pageReadAgainMs);
      this.changed();
      return null;
    }
  }

  close(): void {
    this.#isOver = true;
    this.#close?.();
  }

  #listen(cursor: string): void {
    if (this.#isOver) return;
    const taken = (part: string) => (data: unknown) => this.#take({ [part]: data });
    this.#close ??= listen({
      path: `${api`/overview/events`}?after=${encodeURIComponent(cursor)}`,
      on: {
        ...Object.fromEntries(PARTS.map((part) => [part, taken(part)])),
        about: (about: OverviewAbout) => this.#take(about),
        reset: ({ cursor: events }: { cursor: string }) => void readBesideEvents(events, () => this.open()),
      },
    });
  }

  #take(part: Partial<OverviewView>): void {
    if (this.view === null) return;
    this.view = { ...this.view, ...part };
    this.changed();
  }
}
