/** A TLS server in front of a plain Temporal server, as a load balancer is: it asks for a client certificate, or for an API key. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, constants, createSecureServer, type IncomingHttpHeaders, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** Paths of PEM files for 127.0.0.1, made by openssl. */
export function makeCertificates(folder: string): Certificates {
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=test authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  writeFileSync(join(folder, 'names.cnf'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  for (const name of ['server', 'client']) {
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names.cnf'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...sign, '-out', `${name}.pem`);
  }
  const pair = (name: string): { cert: string; key: string } => ({ cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) });
  return { ca: join(folder, 'ca.pem'), server: pair('server'), client: pair('client') };
}

export interface TlsFront {
  readonly address: string;
  close(): Promise<void>;
}

/** @param wants what a caller must bring: a certificate of the authority, or this API key */
export async function startTlsFront(
  target: string,
  certificates: Certificates,
  wants: 'certificate' | { readonly apiKey: string },
): Promise<TlsFront> {
  const upstream = connect(`http://${target}`);
  const mutual = wants === 'certificate';
  const server = createSecureServer({
    cert: readFileSync(certificates.server.cert),
    key: readFileSync(certificates.server.key),
    ca: readFileSync(certificates.ca),
    requestCert: mutual,
    rejectUnauthorized: mutual,
  });
  server.on('stream', (stream, headers) => {
    if (!mutual && headers.authorization !== `Bearer ${wants.apiKey}`) {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16', 'grpc-message': 'no such API key' },
        { endStream: true },
      );
      return;
    }
    const request = upstream.request({ ...withoutPseudo(headers), ':method': headers[':method'], ':path': headers[':path'] });
    request.on('response', (answer) =>
      stream.respond({ ...withoutPseudo(answer), ':status': answer[':status'] }, { waitForTrailers: true }),
    );
    let trailers: IncomingHttpHeaders = {};
    request.on('trailers', (given: IncomingHttpHeaders) => {
      trailers = given;
    });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.on('close', () => request.close(constants.NGHTTP2_CANCEL));
    for (const side of [request, stream]) side.on('error', () => undefined);
    stream.pipe(request);
    request.pipe(stream);
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session).size && session.on('close', () => sessions.delete(session)));
  server.on('sessionError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const session of sessions) session.destroy();
      upstream.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const withoutPseudo = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':')));
