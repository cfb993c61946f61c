/** For Kubernetes' probes: `/livez` while the event loop turns and the worker has not failed, `/readyz` while it takes tasks. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Health {
  /** Null where no port was asked for. */
  readonly port: number | null;
  close(): Promise<void>;
}

/** States of a Temporal worker in which it takes tasks, and those in which it is going down in order. */
const TAKES_TASKS = 'RUNNING';
const FAILED = 'FAILED';

/** Listens on LONGHAUL_HEALTH_PORT, on all addresses: the kubelet asks from outside of the pod. @param state of the Temporal worker */
export async function serveHealth(state: () => string, port = process.env.LONGHAUL_HEALTH_PORT): Promise<Health> {
  if (port === undefined || port === '') return { port: null, close: () => Promise.resolve() };
  const server = createServer((request, response) => {
    const now = state();
    const ok = request.url === '/readyz' ? now === TAKES_TASKS : now !== FAILED;
    response.writeHead(ok ? 200 : 503, { 'content-type': 'text/plain' }).end(`${now}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(port), resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
