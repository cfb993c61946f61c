/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { streamSSE, type SSEStreamingApi } from 'hono/streaming';
import type { EventLog, LoggedEvent } from './event-log.ts';
import { GRACES } from '../rules/durations.ts';

/** A reader that is so far behind, or does not read at all, is cut off and reads the state anew. */
const MAX_WAITING = 2000;
const CHARACTERS_WAITING = 8_000_000;
const LOG_LINES_AT_ONCE = 500;

/** Events of a topic from where the page got to: `Last-Event-ID` when the browser reconnects, `?after=` the first time. */
export function eventStream(context: Context, log: EventLog, reader: Reader): Response {
  const after = context.req.header('last-event-id') ?? context.req.query('after') ?? '';
  context.header('cache-control', 'no-store');
  context.header('x-accel-buffering', 'no');
  return streamSSE(context, async (stream) => {
    const waiting: LoggedEvent[] = [];
    let wake: () => void = () => undefined;
    let characters = 0;
    const unsubscribe = log.subscribe((event) => {
      waiting.push(event);
      characters += event.data.length;
      wake();
      if (waiting.length > MAX_WAITING || characters > CHARACTERS_WAITING) cutOff(context, stream);
    });
    stream.onAbort(() => {
      unsubscribe();
      waiting.length = 0;
      wake();
    });
    const stopLooking = endsWithSession(context, stream, reader);
    const missed = log.after(after);
    await stream.write(`retry: ${GRACES.consoleReconnectMs}\n\n`);
    if (missed === null) await stream.writeSSE({ event: 'reset', id: log.cursor, data: JSON.stringify({ cursor: log.cursor }) });
    else for (const event of missed) await send(stream, event);
    while (!stream.aborted && !stream.closed) {
      const event = waiting.shift();
      characters -= event?.data.length ?? 0;
      if (event) await send(stream, event);
      else if (!(await eventOrTimeout((resolve) => (wake = resolve)))) await stream.write(': still here\n\n');
    }
    stopLooking();
    unsubscribe();
  });
}

export interface Reader {
  /** Whether whoever reads may still do so. */
  readonly staysIn: () => Promise<boolean>;
  /** The place is free for another stream. */
  readonly leaves: () => void;
}

const outgoingOf = ({ env }: Context): HttpBindings['outgoing'] => (env as HttpBindings).outgoing;

/** Who does not read would otherwise keep the connection, and what is under way on it, for as long as they like. */
function cutOff(context: Context, stream: SSEStreamingApi): void {
  stream.abort();
  const outgoing = outgoingOf(context);
  if (outgoing.writableNeedDrain) outgoing.destroy();
}

/** A stream may be open for days: it ends when its reader's session does. */
function endsWithSession(context: Context, stream: SSEStreamingApi, { staysIn, leaves }: Reader): () => void {
  const outgoing = outgoingOf(context);
  if (outgoing.closed) leaves();
  else outgoing.once('close', leaves);
  const timer = setInterval(() => void staysIn().then((stays) => (stays ? undefined : cutOff(context, stream))), GRACES.consoleHeartbeatMs);
  stream.onAbort(() => clearInterval(timer));
  return () => clearInterval(timer);
}

const send = (stream: SSEStreamingApi, { id, name, data }: LoggedEvent): Promise<void> => stream.writeSSE({ id, event: name, data });

/** False after the time of a heartbeat. */
function eventOrTimeout(listen: (wake: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), GRACES.consoleHeartbeatMs);
    listen(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Lines as they come, several in one event; `end` when the log is complete, `failed` when it cannot be read. */
export function logStream(
  context: Context,
  lines: (signal: AbortSignal) => AsyncIterable<string>,
  explain: (error: unknown) => string,
  reader: Reader,
): Response {
  context.header('cache-control', 'no-store');
  context.header('x-accel-buffering', 'no');
  return streamSSE(context, async (stream) => {
    const over = new AbortController();
    stream.onAbort(() => over.abort());
    const stopLooking = endsWithSession(context, stream, reader);
    let waiting: string[] = [];
    const flush = async (): Promise<void> => {
      while (waiting.length > 0) {
        const some = waiting.slice(0, LOG_LINES_AT_ONCE);
        waiting = waiting.slice(LOG_LINES_AT_ONCE);
        await stream.writeSSE({ event: 'lines', data: JSON.stringify(some) });
      }
    };
    const timer = setInterval(() => void flush(), GRACES.consoleLogFlushMs);
    const heartbeat = setInterval(() => {
      if (!outgoingOf(context).writableNeedDrain) void stream.write(': still here\n\n');
    }, GRACES.consoleHeartbeatMs);
    try {
      for await (const line of lines(over.signal)) {
        waiting.push(line);
        if (waiting.length >= LOG_LINES_AT_ONCE) await flush();
      }
      await flush();
      await stream.writeSSE({ event: 'end', data: '{}' });
    } catch (error) {
      if (!over.signal.aborted) await stream.writeSSE({ event: 'failed', data: JSON.stringify({ message: explain(error) }) });
    } finally {
      stopLooking();
      clearInterval(timer);
      clearInterval(heartbeat);
    }
  });
}
