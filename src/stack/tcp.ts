import { connect, createServer } from 'node:net';
import { GRACES } from '../rules/durations.ts';

/** The wanted port if it is free, otherwise any free one. Loopback only. */
export async function freePort(wanted?: number): Promise<number> {
  if (wanted !== undefined && (await listen(wanted)) !== null) return wanted;
  const port = await listen(0);
  if (port === null) throw new Error('no free port on 127.0.0.1');
  return port;
}

function listen(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null));
    });
  });
}

/** True if something accepts connections there. */
export function answers(address: string): Promise<boolean> {
  const at = address.lastIndexOf(':');
  return new Promise((resolve) => {
    const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)), timeout: GRACES.serverAnswerMs });
    const done = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.once('timeout', () => done(false));
  });
}
