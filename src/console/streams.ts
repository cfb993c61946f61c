/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { Context } from 'hono';
import { streamSSE, type SSEStreamingApi } from 'hono/streaming';
import type { EventLog, LoggedEvent } from './event-log.ts';
import { GRACES } from '../rules/durations.ts';

/** A reader that is so far behind is cut off and reads the state anew. */
const MAX_WAITING = 2000;
const LOG_LINES_AT_ONCE = 500;

/** Events of a topic from where the page got to: `Last-Event-ID` when the browser reconnects, `?after=` the first time. */
export function eventStream(context: Context, log: EventLog, staysIn: StaysIn): Response {
  const after = context.req.header('last-event-id') ?? context.req.query('after') ?? '';
  context.header('cache-control', 'no-store');
  context.header('x-accel-buffering', 'no');
  return streamSSE(context, async (stream) => {
    const waiting: LoggedEvent[] = [];
    let wake: () => void = () => undefined;
    const unsubscribe = log.subscribe((event) => {
      waiting.push(event);
      wake();
    });
    stream.onAbort(() => {
      unsubscribe();
      wake();
    });
    const stopLooking = endsWithSession(stream, staysIn);
    const missed = log.after(after);
    await stream.write(`retry: ${GRACES.consoleReconnectMs}\n\n`);
    if (missed === null) await stream.writeSSE({ event: 'reset', id: log.cursor, data: JSON.stringify({ cursor: log.cursor }) });
    else for (const event of missed) await send(stream, event);
    while (!stream.aborted && !stream.closed && waiting.length < MAX_WAITING) {
      const event = waiting.shift();
      if (event) await send(stream, event);
      else if (!(await eventOrTimeout((resolve) => (wake = resolve)))) await stream.write(': still here\n\n');
    }
    stopLooking();
    unsubscribe();
  });
}

/** Whether whoever reads may still do so. */
type StaysIn = () => Promise<boolean>;

/** A stream may be open for days: it ends when its reader's session does. */
function endsWithSession(stream: SSEStreamingApi, staysIn: StaysIn): () => void {
  const timer = setInterval(() => void staysIn().then((stays) => (stays ? undefined : stream.abort())), GRACES.consoleHeartbeatMs);
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
  staysIn: StaysIn,
): Response {
  context.header('cache-control', 'no-store');
  context.header('x-accel-buffering', 'no');
  return streamSSE(context, async (stream) => {
    const over = new AbortController();
    stream.onAbort(() => over.abort());
    const stopLooking = endsWithSession(stream, staysIn);
    let waiting: string[] = [];
    const flush = async (): Promise<void> => {
      while (waiting.length > 0) {
        const some = waiting.slice(0, LOG_LINES_AT_ONCE);
        waiting = waiting.slice(LOG_LINES_AT_ONCE);
        await stream.writeSSE({ event: 'lines', data: JSON.stringify(some) });
      }
    };
    const timer = setInterval(() => void flush(), GRACES.consoleLogFlushMs);
    const heartbeat = setInterval(() => void stream.write(': still here\n\n'), GRACES.consoleHeartbeatMs);
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
