/** An HTTP proxy before a server, which makes the faults that networks and services make. */
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Socket } from 'node:net';

/** What happens to one request. */
export type Fault =
  /** The service answers with this status, without having seen the request. */
  | { readonly kind: 'status'; readonly status: number; readonly body?: string }
  /** The connection breaks before the request arrives. */
  | { readonly kind: 'reset' }
  /** The request is served, its answer lost. */
  | { readonly kind: 'lost-answer' }
  /** The connection breaks after so many bytes of the answer's body. */
  | { readonly kind: 'cut'; readonly bytes: number }
  /** The answer's body comes so slowly. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** The answer comes after so long. */
  | { readonly kind: 'delay'; readonly ms: number };

interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  /** Counts all requests, from 0. */
  readonly index: number;
}

export interface FaultProxy {
  readonly url: string;
  /** Decides about each request; undefined lets it pass. */
  fault: (request: ProxiedRequest) => Fault | undefined;
  readonly requests: ProxiedRequest[];
  /** How many requests met a fault. */
  faults: number;
  /** Breaks every connection that is open. */
  cut(): void;
  close(): Promise<void>;
}

/**
 * @param host where it listens
 * @example
 * const proxy = await startFaultProxy('http://127.0.0.1:4443');
 * proxy.fault = ({ index }) => (index < 2 ? { kind: 'status', status: 503 } : undefined);
 */
export async function startFaultProxy(upstream: string, host = '127.0.0.1'): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const url = await listen(server, host);
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy: FaultProxy = {
    url,
    fault: () => undefined,
    requests: [],
    faults: 0,
    cut,
    close: () =>
      new Promise((resolve) => {
        cut();
        server.close(() => resolve());
      }),
  };

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const seen = { method: incoming.method ?? 'GET', path: incoming.url ?? '/', index: proxy.requests.length };
    proxy.requests.push(seen);
    const fault = proxy.fault(seen);
    if (fault) proxy.faults++;
    incoming.on('error', () => outgoing.destroy());
    if (fault?.kind === 'reset') {
      incoming.socket.resetAndDestroy();
      return;
    }
    if (fault?.kind === 'status') {
      // Read first: an answer before the end of the request is a broken connection to many clients.
      incoming.resume().on('end', () => {
        outgoing.writeHead(fault.status, { 'content-type': 'application/json' });
        outgoing.end(fault.body ?? JSON.stringify({ error: { code: fault.status, message: 'made by the fault proxy' } }));
      });
      return;
    }
    if (fault?.kind === 'delay') await sleep(fault.ms);
    forward(incoming, outgoing, fault);
  };

  const forward = (incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault | undefined): void => {
    const target = new URL(incoming.url ?? '/', upstream);
    const headers = { ...incoming.headers, host: target.host };
    const passed = httpRequest(target, { method: incoming.method, headers }, (answer) => {
      if (fault?.kind === 'lost-answer') {
        answer.resume().on('end', () => incoming.socket.resetAndDestroy());
        return;
      }
      const { location } = answer.headers;
      // A resumable upload goes on at this address: through the proxy, too.
      const rewritten = location === undefined ? {} : { location: location.replace(upstream, url) };
      outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...rewritten });
      if (fault?.kind === 'cut') cutAfter(answer, outgoing, fault.bytes);
      else if (fault?.kind === 'slow') answer.pipe(throttle(fault.bytesPerSecond)).pipe(outgoing);
      else answer.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  };
  return proxy;
}

function cutAfter(answer: IncomingMessage, outgoing: ServerResponse, bytes: number): void {
  let left = bytes;
  answer.on('data', (chunk: Buffer) => {
    outgoing.write(chunk.subarray(0, left), () => left <= 0 && outgoing.socket?.destroy());
    left -= chunk.byteLength;
  });
  answer.on('end', () => (left > 0 ? outgoing.end() : undefined));
}

const TICK_MS = 20;

function throttle(bytesPerSecond: number): Transform {
  const piece = Math.max(1, Math.round((bytesPerSecond * TICK_MS) / 1000));
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      void (async () => {
        for (let at = 0; at < chunk.byteLength; at += piece) {
          this.push(chunk.subarray(at, at + piece));
          await sleep(TICK_MS);
        }
        done();
      })();
    },
  });
}

function listen(server: Server, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      if (typeof address !== 'object' || !address) reject(new Error('no address'));
      else resolve(`http://${host}:${address.port}`);
    });
  });
}
