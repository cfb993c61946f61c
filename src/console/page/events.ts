/** A stream of server-sent events that comes back by itself, from where it was. */
import { get } from './request.ts';
import { GRACES } from '../../rules/durations.ts';

export type Connection = 'connecting' | 'live' | 'lost';

interface EventsOptions {
  /** Path of the stream for the first connection; later ones carry `Last-Event-ID`. */
  readonly path: string;
  /** By name of event. */
  readonly on: Readonly<Record<string, (data: never) => void>>;
  readonly onConnection?: (connection: Connection) => void;
}

/**
 * Reads a state anew and, where it came from another replica than the events, again a little later: it may be older than the first of them.
 * @param cursor of the events
 * @param read gives the cursor of what it read; null: nothing
 */
export async function readBesideEvents(cursor: string, read: () => Promise<string | null>): Promise<void> {
  const found = await read();
  if (found !== null && replicaOf(found) !== replicaOf(cursor)) setTimeout(() => void read(), GRACES.pageReadAgainMs);
}

const replicaOf = (cursor: string): string => cursor.split('-')[0] ?? '';

/** Returns what closes it. */
export function listen({ path, on, onConnection = () => undefined }: EventsOptions): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let last: string | null = null;
  const open = (): void => {
    // The browser reconnects with the header; a stream that it gave up on (an error of HTTP) is opened anew, with the id in the address.
    const address = last === null ? path : `${path.split('?')[0] ?? path}?after=${encodeURIComponent(last)}`;
    source = new EventSource(address);
    source.onopen = () => onConnection('live');
    source.onerror = () => {
      onConnection('lost');
      if (source?.readyState !== EventSource.CLOSED) return;
      // Where the session has ended, this tells the page.
      void get('/api/session').catch(() => undefined);
      timer = setTimeout(open, GRACES.pageEventsAgainMs);
    };
    for (const [name, handle] of Object.entries(on)) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        if (event.lastEventId !== '') last = event.lastEventId;
        handle(JSON.parse(event.data) as never);
      });
    }
  };
  open();
  return () => {
    if (timer !== null) clearTimeout(timer);
    source?.close();
  };
}
