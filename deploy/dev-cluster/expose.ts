import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';

/** A port of the machine's loopback that pods can reach. */
export interface Exposed {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Passes connections to `host:port` on to 127.0.0.1:port, as long as this process lives. */
export async function exposePort(host: string, port: number): Promise<Exposed> {
  const open = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = createConnection({ host: '127.0.0.1', port });
    tie(incoming, outgoing, open);
    tie(outgoing, incoming, open);
    incoming.pipe(outgoing).pipe(incoming);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const close = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  };
  return { host, port, close };
}

/** Ends `other` when `socket` ends, in order or not. */
function tie(socket: Socket, other: Socket, open: Set<Socket>): void {
  open.add(socket);
  socket.on('error', () => other.destroy());
  socket.on('close', () => {
    open.delete(socket);
    other.destroy();
  });
}
