/** A TCP proxy before the API server that breaks connections, or keeps them open and says nothing. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { parse, stringify } from 'yaml';

export interface FaultProxy {
  /** A kubeconfig that goes through the proxy. */
  readonly kubeconfig: string;
  /** Connections that are open now. */
  readonly open: () => number;
  /** Breaks every open connection; new ones are served. */
  cut(): void;
  /** Every open connection falls silent for good; new ones are served. */
  silence(): void;
  close(): Promise<void>;
}

interface KubeconfigFile {
  readonly clusters: { readonly cluster: { server: string; 'tls-server-name'?: string } }[];
}

export async function faultProxy(kubeconfig: string, to: string): Promise<FaultProxy> {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as KubeconfigFile;
  const cluster = config.clusters[0]!.cluster;
  const target = new URL(cluster.server);
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((incoming) => {
    const outgoing = createConnection({ host: target.hostname, port: Number(target.port) });
    const pair = [incoming, outgoing] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        for (const each of pair) each.destroy();
      });
    }
    incoming.pipe(outgoing).pipe(incoming);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  cluster['tls-server-name'] = 'kubernetes.default';
  cluster.server = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(to, stringify(config), { mode: 0o600 });
  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    kubeconfig: to,
    open: () => pairs.size,
    cut,
    silence: () => {
      for (const [incoming, outgoing] of pairs) {
        incoming.unpipe(outgoing);
        outgoing.unpipe(incoming);
        incoming.pause();
        outgoing.pause();
      }
    },
    close: async () => {
      cut();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
