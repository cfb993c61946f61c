/** Where a world's messages go: it breaks every other connection, so that workers have a reason to complain about an address that is a secret. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Webhook {
  readonly url: string;
  close(): Promise<void>;
}

export async function startWebhook(path: string): Promise<Webhook> {
  let asked = 0;
  const server = createServer((request, response) => {
    if (asked++ % 2 === 0) return void request.socket.resetAndDestroy();
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
