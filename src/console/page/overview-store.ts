/** What is above one run, and what becomes of it while the page is open. */
import type { OverviewAbout, OverviewView } from '../wire.ts';
import type { OverviewParts } from '../../present/overview.ts';
import { listen, readBesideEvents } from './events.ts';
import { api, get } from './request.ts';
import { ReadStore } from './store.ts';

const PARTS = ['pools', 'clusters', 'schedules', 'models', 'money'] as const satisfies readonly (keyof OverviewParts)[];

export class OverviewStore extends ReadStore {
  view: OverviewView | null = null;
  #close: (() => void) | null = null;
  #isOver = false;

  override async open(): Promise<string | null> {
    return this.#isOver ? null : super.open();
  }

  protected async read(): Promise<string> {
    this.view = await get<OverviewView>(api`/overview`);
    this.#listen(this.view.cursor);
    return this.view.cursor;
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
