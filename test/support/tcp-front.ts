/** A TCP proxy whose connections can be cut: whatever was under way is lost, also answers to work that was done. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpFront {
  readonly address: string;
  /** Breaks every connection and refuses new ones for so long. */
  cut(ms: number): void;
  close(): Promise<void>;
}

export async function startTcpFront(target: { readonly host: string; readonly port: number }): Promise<TcpFront> {
  const sockets = new Set<Socket>();
  let closedUntil = 0;
  const server = createServer((downstream) => {
    if (Date.now() < closedUntil) return void downstream.destroy();
    const upstream = connect(target);
    for (const [socket, other] of [
      [downstream, upstream],
      [upstream, downstream],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dropAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: (ms) => {
      closedUntil = Date.now() + ms;
      dropAll();
    },
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      dropAll();
      return closed;
    },
  };
}
