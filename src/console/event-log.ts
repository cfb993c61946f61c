/** The last events of a topic with their numbers, so that a page that lost its connection gets what it missed. */
import { randomBytes } from 'node:crypto';

export interface LoggedEvent {
  readonly id: string;
  readonly name: string;
  /** JSON */
  readonly data: string;
}

const EVENTS_KEPT = 1000;
const CHARACTERS_KEPT = 4_000_000;

export class EventLog {
  /** Numbers of another process, or of a topic that was closed meanwhile, mean nothing here. */
  readonly #epoch = randomBytes(6).toString('hex');
  readonly #subscribers = new Set<(event: LoggedEvent) => void>();
  #events: LoggedEvent[] = [];
  #characters = 0;
  #last = 0;

  /** Id of the last event; of a topic without any, the id that comes before the first. */
  get cursor(): string {
    return this.#id(this.#last);
  }

  get watched(): boolean {
    return this.#subscribers.size > 0;
  }

  append(name: string, data: unknown): void {
    this.#last++;
    const event = { id: this.#id(this.#last), name, data: JSON.stringify(data) };
    this.#events.push(event);
    this.#characters += event.data.length;
    while (this.#events.length > EVENTS_KEPT || (this.#characters > CHARACTERS_KEPT && this.#events.length > 1)) {
      this.#characters -= this.#events.shift()?.data.length ?? 0;
    }
    for (const subscriber of this.#subscribers) subscriber(event);
  }

  /** Events after the one with this id; null: it is unknown or too old, the state must be read anew. */
  after(id: string): readonly LoggedEvent[] | null {
    const [epoch, number] = id.split('-');
    const seen = Number(number);
    if (epoch !== this.#epoch || !Number.isSafeInteger(seen) || seen > this.#last) return null;
    const missed = this.#last - seen;
    if (missed > this.#events.length) return null;
    return missed === 0 ? [] : this.#events.slice(-missed);
  }

  /** Returns what ends the subscription. */
  subscribe(subscriber: (event: LoggedEvent) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  #id(number: number): string {
    return `${this.#epoch}-${number}`;
  }
}
