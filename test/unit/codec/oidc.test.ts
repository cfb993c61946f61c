import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOidcCheck, type OidcOptions } from '../../../src/codec/oidc.ts';
import { createCodecApp } from '../../../src/codec/server.ts';

const codec = {
  encode: <T>(payloads: T): Promise<T> => Promise.resolve(payloads),
  decode: <T>(payloads: T): Promise<T> => Promise.resolve(payloads),
};
const UI = 'https://ui.example.com';

describe('a codec server with an OIDC provider', () => {
  let provider: Server;
  let issuer: string;
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  let others: typeof keys;
  let isAway = false;
  beforeAll(async () => {
    keys = await generateKeyPair('RS256');
    others = await generateKeyPair('RS256');
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'RS256' };
    provider = createServer((request, response) => {
      if (isAway) return void response.writeHead(503).end();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(request.url === '/keys' ? { keys: [jwk] } : { issuer, jwks_uri: `${issuer}/keys` }));
    });
    provider.listen(0, '127.0.0.1');
    await once(provider, 'listening');
    issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  });
  afterAll(() => provider.close());

  const token = (claims: object, { by = keys, audience = 'codec', from = issuer, expires = '1h' } = {}): Promise<string> =>
    new SignJWT({ sub: 's-1', ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .setIssuer(from)
      .setAudience(audience)
      .setExpirationTime(expires)
      .sign(by.privateKey);
  const app = (more: Partial<OidcOptions> = {}, own: string | null = null) => {
    const options = { issuer, audience: 'codec', jwks: null, people: [], groups: [], groupsClaim: 'groups', ...more };
    return createCodecApp({ codec, token: own, oidc: createOidcCheck(options), origins: [UI] });
  };
  const decode = async (of: ReturnType<typeof app>, headers: Record<string, string>, path = '/decode'): Promise<number> =>
    (await of.request(path, { method: 'POST', body: '{"payloads":[]}', headers })).status;
  const bearer = async (...given: Parameters<typeof token>): Promise<Record<string, string>> => ({
    Authorization: `Bearer ${await token(...given)}`,
  });

  it('reads for whoever has a token of the provider, for this audience, that has not expired', async () => {
    const server = app();
    expect(await decode(server, await bearer({}))).toBe(200);
    expect(await decode(server, await bearer({}), '/team/north/decode')).toBe(200);
    for (const wrong of [{ audience: 'another' }, { by: others }, { from: 'https://elsewhere.example.com' }, { expires: '-5m' }])
      expect(await decode(server, await bearer({}, wrong))).toBe(401);
    const [header = '', payload = ''] = (await token({})).split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    for (const forged of [`${none}.${payload}.`, `${header}.${payload}.AAAA`, 'opaque', ''])
      expect(await decode(server, { Authorization: `Bearer ${forged}` })).toBe(401);
    expect(await decode(server, {})).toBe(401);
  });

  it('takes the ID token that the web UI sends beside an access token which only its provider can read', async () => {
    expect(await decode(app(), { Authorization: 'Bearer opaque', 'Authorization-Extras': await token({}) })).toBe(200);
  });

  it('reads for those who are named only, by verified address, subject or group', async () => {
    const server = app({ people: ['ada@example.com', 's-7'], groups: ['ml'], groupsClaim: 'realm_access.roles' });
    for (const claims of [{ email: 'ada@example.com' }, { email: 'Ada@Example.com' }, { sub: 's-7' }, { realm_access: { roles: ['ml'] } }])
      expect(await decode(server, await bearer(claims))).toBe(200);
    for (const claims of [
      { email: 'ada@example.com', email_verified: false },
      { email: 'eve@example.com' },
      { sub: 'S-7' },
      { groups: ['ml'] },
    ])
      expect(await decode(server, await bearer(claims))).toBe(403);
  });

  it('takes its own token besides', async () => {
    const server = app({}, 'secret');
    expect(await decode(server, { Authorization: 'Bearer secret' })).toBe(200);
    expect(await decode(server, { Authorization: 'Bearer secrets' })).toBe(401);
    expect(await decode(server, await bearer({}))).toBe(200);
  });

  it('says that the provider is away, and asks it again later', async () => {
    const server = app();
    isAway = true;
    expect(await decode(server, await bearer({}))).toBe(503);
    isAway = false;
    expect(await decode(server, await bearer({}))).toBe(200);
  });

  it('answers a browser of the UI with credentials, of other pages nothing, and tells health to all', async () => {
    const server = app();
    const preflight = (origin: string) =>
      server.request('/decode', {
        method: 'OPTIONS',
        headers: {
          Origin: origin,
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': 'authorization,authorization-extras,content-type,x-namespace',
          'Access-Control-Request-Private-Network': 'true',
        },
      });
    const { status, headers } = await preflight(UI);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(UI);
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect(headers.get('access-control-allow-private-network')).toBe('true');
    expect(headers.get('access-control-allow-headers')?.toLowerCase().split(',')).toEqual(
      expect.arrayContaining(['authorization', 'authorization-extras', 'content-type', 'x-namespace']),
    );
    const foreign = (await preflight('https://ui.example.com.evil.example')).headers;
    expect(foreign.get('access-control-allow-origin')).toBeNull();
    expect(foreign.get('access-control-allow-private-network')).toBeNull();
    // What is refused can be read too: the UI shows the message.
    const refused = await server.request('/decode', { method: 'POST', body: '{}', headers: { Origin: UI } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, UI]);
    expect((await server.request('/healthz')).status).toBe(200);
  });
});
