/** A registry of images that speaks the OCI distribution protocol: tokens, several platforms, redirects, and whatever goes wrong with them. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StubRegistry extends AsyncDisposable {
  /** As a part of an image's name. */
  readonly host: string;
  /** Each request, as `METHOD path` and the kind of authorization. */
  readonly asked: string[];
  /** Puts a manifest for each platform there, behind an index where there are several. @returns all digests, that of the tag first */
  push(repository: string, tag: string, platforms: readonly string[]): string[];
  /** What comes instead, for requests of this path. */
  readonly instead: Map<string, (response: ServerResponse, request: IncomingMessage) => void>;
}

interface StubOptions {
  /** Whom a token is given: everybody, or who has this account, or this token that buys others. Null: no token is asked for. */
  readonly tokens?: 'anonymous' | { readonly user: string; readonly password: string } | { readonly identity: string } | null;
}

const sha = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

export async function startRegistry({ tokens = 'anonymous' }: StubOptions = {}): Promise<StubRegistry> {
  const manifests = new Map<string, { readonly digest: string; readonly text: string; readonly type: string }>();
  const asked: string[] = [];
  const instead: StubRegistry['instead'] = new Map();
  const issued = 'issued-token';
  const server = createServer((request, response) => void answer(request, response));
  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origin());
    const authorization = request.headers.authorization ?? '';
    asked.push(`${request.method} ${url.pathname} ${authorization.split(' ')[0] ?? ''}`.trim());
    const other = instead.get(url.pathname);
    if (other) {
      other(response, request);
      return;
    }
    if (url.pathname === '/token') return token(request, response, url, authorization);
    if (tokens !== null && authorization !== `Bearer ${issued}`) {
      const [, repository = ''] = /^\/v2\/(.+)\/manifests\//.exec(url.pathname) ?? [];
      const challenge = `Bearer realm="${origin()}/token",service="stub",scope="repository:${repository}:pull"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return;
    }
    const found = manifests.get(url.pathname);
    if (!found) return void response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    // A client that does not take an index gets the first platform, as Docker's registry does it.
    if (!(request.headers.accept ?? '').includes(found.type)) return void response.writeHead(404).end();
    const headers = { 'content-type': found.type, 'docker-content-digest': found.digest, 'content-length': Buffer.byteLength(found.text) };
    response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : found.text);
  }

  async function token(request: IncomingMessage, response: ServerResponse, url: URL, authorization: string): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const may =
      tokens === 'anonymous' ||
      (tokens !== null &&
        'user' in tokens &&
        authorization === `Basic ${Buffer.from(`${tokens.user}:${tokens.password}`).toString('base64')}`) ||
      (tokens !== null && typeof tokens === 'object' && 'identity' in tokens && form.get('refresh_token') === tokens.identity);
    const scope = url.searchParams.get('scope') ?? form.get('scope') ?? '';
    if (!may || !scope.endsWith(':pull')) return void response.writeHead(401).end('{}');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token: issued }));
  }

  await listening(server);
  return {
    host: new URL(origin()).host,
    asked,
    instead,
    push: (repository, tag, platforms) => {
      const put = (type: string, document: object): string => {
        const text = JSON.stringify({ schemaVersion: 2, mediaType: type, ...document });
        const digest = sha(text);
        for (const name of [digest, tag]) manifests.set(`/v2/${repository}/manifests/${name}`, { digest, text, type });
        return digest;
      };
      const configs = platforms.map((platform) => sha(`configuration of ${tag} for ${platform}`));
      const singles = configs.map((digest) => put('application/vnd.oci.image.manifest.v1+json', { config: { digest }, layers: [] }));
      const index = singles.map((digest, at) => ({ digest, platform: { architecture: platforms[at] } }));
      const top = singles.length === 1 ? [] : [put('application/vnd.oci.image.index.v1+json', { manifests: index })];
      return [...top, ...singles, ...configs];
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const listening = (server: Server): Promise<void> => new Promise((done) => server.listen(0, '127.0.0.1', done));
