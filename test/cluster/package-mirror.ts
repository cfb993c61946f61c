/** Packages of PyPI for pods that have no way out of the cluster, as clusters of companies have it. */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { WHEELS } from '../prepare.ts';

interface PackageMirror {
  /** What makes `pip` in a pod use it and nothing else. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Serves the wheels that the suite's preparation fetched. @param host this machine's address as pods see it */
export async function openPackageMirror(host: string): Promise<PackageMirror> {
  const folder = WHEELS();
  const server = createServer((request, response) => {
    const name = basename(decodeURIComponent(new URL(request.url ?? '/', 'http://mirror').pathname));
    if (name !== '') {
      createReadStream(join(folder, name))
        .on('error', () => response.writeHead(404).end())
        .pipe(response);
      return;
    }
    void readdir(folder).then((names) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(names.map((each) => `<a href="${each}">${each}</a>`).join('\n'));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  return {
    env: {
      PIP_NO_INDEX: '1',
      PIP_FIND_LINKS: `http://${host}:${(server.address() as AddressInfo).port}/`,
      PIP_TRUSTED_HOST: host,
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}
