import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startConsole, type ConsoleOptions, type ConsoleServer } from '../../../src/console/index.ts';
import type { ConsoleSource } from '../../../src/console/source.ts';
import { parseTokens } from '../../../src/console/tokens.ts';
import type { SessionInfo } from '../../../src/console/wire.ts';

/** Nobody comes so far as to ask it. */
const SOURCE = { runs: () => Promise.resolve([]), workflowLink: () => null } as unknown as ConsoleSource;
const OPTIONS: ConsoleOptions = {
  host: '127.0.0.1',
  port: 0,
  readOnly: false,
  tokens: parseTokens('tokens', 'aaaaaaaaaaaaaaaaaaaaaaaa operator ada\n'),
  proxy: null,
  hostNames: [],
  https: false,
};

describe('before anybody is known', () => {
  let server: ConsoleServer;
  beforeAll(async () => {
    server = await startConsole(SOURCE, OPTIONS);
  });
  afterAll(() => server.close());

  /** @param size bytes that are announced, or sent in chunks without a word how many they will be */
  const ask = (path: string, { host = '127.0.0.1', method = 'GET', size = 0, chunked = false } = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { host, 'content-type': 'application/json', ...(chunked || size === 0 ? {} : { 'content-length': size }) };
      const asking = request(`${server.url}${path}`, { method, headers, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
        asking.destroy();
      });
      asking.on('error', reject);
      for (let sent = 0; sent < size; sent += 65_536) asking.write(Buffer.alloc(Math.min(65_536, size - sent), 'a'));
      asking.end();
    });

  it.each(['10.4.2.17:8265', '35.191.0.1', 'node-7.cluster.internal'])(
    'a load balancer that calls it %s learns that it serves',
    async (host) => {
      expect(await ask('/healthz', { host })).toBe(200);
      expect(await ask('/', { host })).toBe(421);
      expect(await ask('/api/session', { host })).toBe(421);
    },
  );

  it.each([
    { path: '/api/sign-in', chunked: false },
    { path: '/api/sign-in', chunked: true },
    { path: '/api/runs/r/controls/pause', chunked: true },
    { path: '/nowhere', chunked: false },
  ])('a body of megabytes to $path (in chunks: $chunked) is refused', async ({ path, chunked }) => {
    expect(await ask(path, { method: 'POST', size: 2 * 1024 * 1024, chunked })).toBe(413);
  });
});

describe('those who guess tokens', () => {
  it('are slowed down, and lock nobody out', async () => {
    const server = await startConsole(SOURCE, OPTIONS);
    const signIn = async (token: string): Promise<number> => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(`${server.url}/api/sign-in`, { method: 'POST', headers, body: JSON.stringify({ token }) })).status;
    };
    const statuses: number[] = [];
    for (let guess = 0; guess < 35; guess++) statuses.push(await signIn(`wrong-token-number-${guess}`));
    expect(statuses).toEqual([...Array<number>(30).fill(401), ...Array<number>(5).fill(429)]);
    expect(await signIn('aaaaaaaaaaaaaaaaaaaaaaaa')).toBe(200);
    await server.close();
  });
});

describe('what a proxy’s token says', () => {
  let keys: Server;
  let key: CryptoKey;
  const ISSUER = 'https://people.example';
  beforeAll(async () => {
    const pair = await generateKeyPair('ES256');
    key = pair.privateKey;
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
    keys = createServer((_, answer) => answer.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] })));
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', () => resolve()));
  });
  afterAll(() => keys.close());

  /** Who somebody with these claims is, and whether a button could be pressed: asked by HTTP. */
  const found = async (
    claims: Record<string, unknown>,
    roles: Partial<NonNullable<ConsoleOptions['proxy']>>,
  ): Promise<{ status: number; user?: string; role?: string; pressed?: number }> => {
    const jwks = new URL(`http://127.0.0.1:${(keys.address() as AddressInfo).port}/keys`);
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setSubject('subject-4')
      .setIssuer(ISSUER)
      .setAudience('console')
      .setExpirationTime('5m')
      .sign(key);
    const proxy = { header: 'authorization', jwks, issuer: ISSUER, audience: 'console', operators: [], ...roles };
    const server = await startConsole(SOURCE, { ...OPTIONS, tokens: [], proxy });
    try {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${server.url}/api/session`, { headers });
      if (answer.status !== 200) return { status: answer.status };
      const { user, role, csrf } = (await answer.json()) as SessionInfo;
      const press = { method: 'POST', headers: { ...headers, 'x-csrf-token': csrf }, body: '{}' };
      const pressed = await fetch(`${server.url}/api/runs/r/controls/no-such-button`, press);
      return { status: 200, user, role, pressed: pressed.status };
    } finally {
      await server.close();
    }
  };
  const operator = (user: string): object => ({ status: 200, user, role: 'operator', pressed: 404 });
  const viewer = (user: string): object => ({ status: 200, user, role: 'viewer', pressed: 403 });
  const GRACE = { email: 'grace@shop.example' };

  it.each([
    ['that was verified', { ...GRACE, email_verified: true }, [GRACE.email], operator(GRACE.email)],
    ['that was verified, in a text', { ...GRACE, email_verified: 'true' }, [GRACE.email], operator(GRACE.email)],
    ['of a provider that hands out verified ones only', GRACE, [GRACE.email], operator(GRACE.email)],
    ['that nobody verified', { ...GRACE, email_verified: false }, [GRACE.email], viewer('subject-4')],
    ['that nobody verified, in a text', { ...GRACE, email_verified: 'false' }, [GRACE.email], viewer('subject-4')],
    ['of which nothing is said', { ...GRACE, email_verified: null }, [GRACE.email], viewer('subject-4')],
    ['that nobody verified, where everybody is an operator', { ...GRACE, email_verified: false }, [], viewer('subject-4')],
    ['in letters of another case than its provider has', { ...GRACE, email_verified: true }, ['Grace@SHOP.example'], operator(GRACE.email)],
    [
      'with a letter that only looks like another',
      { email: 'grace@shop.exam\u212ale' },
      ['grace@shop.examkle'],
      viewer('grace@shop.exam\u212ale'),
    ],
    ['beside a subject in letters of another case', { ...GRACE, email_verified: false }, ['Subject-4'], viewer('subject-4')],
    ['beside the subject of an operator', { ...GRACE, email_verified: false }, ['subject-4'], operator('subject-4')],
  ])('an address %s', async (_, claims, operators, expected) => {
    expect(await found(claims, { operators })).toEqual(expected);
  });

  const GROUPS = { claim: 'groups', operators: ['platform', 'on call'], viewers: ['research'] };
  const UNVERIFIED = { ...GRACE, email_verified: false };
  it.each([
    ['of operators', { ...GRACE, groups: ['sales', 'platform'] }, { groups: GROUPS }, operator(GRACE.email)],
    ['of viewers', { ...GRACE, groups: ['research'] }, { groups: GROUPS }, viewer(GRACE.email)],
    ['of both: the most powerful role wins', { groups: ['research', 'platform'] }, { groups: GROUPS }, operator('subject-4')],
    ['in a text, with a blank', { groups: 'on call' }, { groups: GROUPS }, operator('subject-4')],
    [
      'of operators, with an address that nobody verified',
      { ...UNVERIFIED, groups: ['platform'] },
      { groups: GROUPS },
      operator('subject-4'),
    ],
    [
      'of viewers, of an operator by address',
      { ...GRACE, groups: ['research'] },
      { groups: GROUPS, operators: [GRACE.email] },
      operator(GRACE.email),
    ],
    [
      'of viewers, with an operator’s address that nobody verified',
      { ...UNVERIFIED, groups: ['research'] },
      { groups: GROUPS, operators: [GRACE.email] },
      viewer('subject-4'),
    ],
    ['that give nothing', { ...GRACE, groups: ['sales', 'Platform', 'platform '] }, { groups: GROUPS }, { status: 403 }],
    ['that are not said', GRACE, { groups: GROUPS }, { status: 403 }],
    ['that are no names', { groups: { platform: true, 0: 'platform' } }, { groups: GROUPS }, { status: 403 }],
    ['among things that are no names', { groups: [7, null, ['platform'], 'research'] }, { groups: GROUPS }, viewer('subject-4')],
    ['where no group is one of viewers: all may look', GRACE, { groups: { ...GROUPS, viewers: [] } }, viewer(GRACE.email)],
    [
      'where groups of viewers alone are named: nobody is an operator',
      { ...GRACE, groups: ['research'] },
      { groups: { ...GROUPS, operators: [] } },
      viewer(GRACE.email),
    ],
    [
      'in a claim of another name',
      { 'https://shop.example/teams': ['platform'], groups: ['research'] },
      { groups: { ...GROUPS, claim: 'https://shop.example/teams' } },
      operator('subject-4'),
    ],
    ['in a path', { realm_access: { roles: ['platform'] } }, { groups: { ...GROUPS, claim: 'realm_access.roles' } }, operator('subject-4')],
    ['in a path that every object has', {}, { groups: { ...GROUPS, claim: 'constructor.name', operators: ['Object'] } }, { status: 403 }],
  ])('groups %s', async (_, claims, roles, expected) => {
    expect(await found(claims, roles)).toEqual(expected);
  });
});
