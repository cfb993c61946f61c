/** What the emulator of Cloud Storage lacks and `longhaul doctor` asks: which permissions on a bucket the caller has. All else goes to the emulator. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Front {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * @param emulator its address
 * @param host as which it knows itself: it looks for buckets by that
 */
export async function openBucketFront(emulator: string, host: string): Promise<Front> {
  const server = createServer((incoming, answer) => {
    const asked = new URL(incoming.url ?? '/', emulator);
    if (/^\/storage\/v1\/b\/[^/]+\/iam\/testPermissions$/.test(asked.pathname)) {
      answer.setHeader('content-type', 'application/json');
      answer.end(JSON.stringify({ kind: 'storage#testIamPermissionsResponse', permissions: asked.searchParams.getAll('permissions') }));
      return;
    }
    const passed = request(asked, { method: incoming.method, headers: { ...incoming.headers, host } }, (found) => {
      answer.writeHead(found.statusCode ?? 502, found.headers);
      found.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    incoming.pipe(passed);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
