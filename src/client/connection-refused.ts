/** Whether a machine says at once that nothing listens there: the SDK would ask again and again until its time is over. */
import { connect } from 'node:net';
import { GRACES } from '../rules/durations.ts';

/** Of this machine only: elsewhere a proxy may be between, or a server that is about to come. @param address `host:port` */
export async function isRefused(address: string): Promise<boolean> {
  const found = /^(127\.[\d.]+|localhost|\[?::1\]?):(\d+)$/i.exec(address);
  if (!found) return false;
  const [, host = '', port = ''] = found;
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port: Number(port) });
    const told = (refused: boolean): void => {
      socket.destroy();
      resolve(refused);
    };
    socket.once('connect', () => told(false));
    socket.once('error', (error: NodeJS.ErrnoException) => told(isRefusal(error)));
    socket.setTimeout(GRACES.refusedMs, () => told(false));
  });
}

/** `localhost` is asked under two addresses, and both may refuse. */
const isRefusal = (error: NodeJS.ErrnoException & { readonly errors?: readonly NodeJS.ErrnoException[] }): boolean =>
  error.code === 'ECONNREFUSED' && (error.errors ?? []).every(({ code }) => code === 'ECONNREFUSED');
