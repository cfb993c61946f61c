import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CannotConnectError } from '../../../src/client/errors.ts';
import { startConsole, type ConsoleOptions, type ConsoleServer } from '../../../src/console/index.ts';
import { revocationsInMemory, type Revocations } from '../../../src/console/revocations.ts';
import type { ConsoleSource } from '../../../src/console/source.ts';
import { parseTokens } from '../../../src/console/tokens.ts';
import type { SessionInfo } from '../../../src/console/wire.ts';
import { GRACES } from '../../../src/rules/durations.ts';

const SOURCE = { runs: () => Promise.resolve([]), workflowLink: () => null } as unknown as ConsoleSource;
const [ADA, BOB, EVE] = ['ada-ada-ada-ada-ada-ada', 'bob-bob-bob-bob-bob-bob', 'eve-eve-eve-eve-eve-eve'];
const TOKENS = parseTokens('tokens', `${ADA} operator Ada\n${BOB} viewer bob\n${EVE} viewer eve\n`);

interface Who {
  readonly cookie: string;
  readonly csrf: string;
}

describe('sessions that are ended', () => {
  const open: (ConsoleServer | Server)[] = [];
  let kept: Revocations;
  let isAway = false;
  /** As the replicas see it. */
  const shared: Revocations = {
    last: (subject) => (isAway ? Promise.reject(new CannotConnectError('Temporal is away', null)) : kept.last(subject)),
    revoke: (subject, by) => (isAway ? Promise.reject(new CannotConnectError('Temporal is away', null)) : kept.revoke(subject, by)),
  };
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    kept = revocationsInMemory();
    isAway = false;
  });
  afterEach(async () => {
    vi.useRealTimers();
    for (const server of open.splice(0)) await ('url' in server ? server.close() : new Promise((closed) => server.close(closed)));
  });
  const pass = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

  const replica = async (options: Partial<ConsoleOptions> = {}): Promise<string> => {
    const basics = { host: '127.0.0.1', port: 0, readOnly: false, tokens: TOKENS, proxy: null, hostNames: [], https: false };
    const settings = { ...basics, sessionKey: 'a key of the replicas, shared by all', ...options };
    const server = await startConsole(SOURCE, settings, undefined, shared);
    open.push(server);
    return server.url;
  };
  const post = (url: string, path: string, body: object, who?: Who): Promise<Response> =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(who ? { cookie: who.cookie, 'x-csrf-token': who.csrf } : {}) },
      body: JSON.stringify(body),
    });
  const signIn = async (url: string, token: string): Promise<Who> => {
    const answer = await post(url, '/api/sign-in', { token });
    expect(answer.status).toBe(200);
    return { cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '', csrf: ((await answer.json()) as SessionInfo).csrf };
  };
  const status = async (url: string, { cookie }: Who): Promise<number> =>
    (await fetch(`${url}/api/session`, { headers: { cookie } })).status;
  const statuses = (url: string, ...all: readonly Who[]): Promise<number[]> => Promise.all(all.map((who) => status(url, who)));

  it('by signing out: this one, here at once and on another replica a moment later, though its cookie was kept', async () => {
    const [one, other] = [await replica(), await replica()];
    const [here, elsewhere] = [await signIn(one, BOB), await signIn(other, BOB)];
    expect(await statuses(other, here, elsewhere)).toEqual([200, 200]);
    expect((await post(one, '/api/sign-out', {}, here)).status).toBe(200);
    expect(await statuses(one, here, elsewhere)).toEqual([401, 200]);
    pass(GRACES.revocationLookMs);
    expect(await statuses(other, here, elsewhere)).toEqual([401, 200]);
  });

  it('by signing out everywhere: all of that person, none of others, and none that begin afterwards, by whatever clock', async () => {
    const [one, other] = [await replica(), await replica()];
    const [here, elsewhere, ada] = [await signIn(one, BOB), await signIn(other, BOB), await signIn(other, ADA)];
    expect(await statuses(other, here, elsewhere, ada)).toEqual([200, 200, 200]);
    expect((await post(one, '/api/sign-out', { everywhere: true }, here)).status).toBe(200);
    expect(await statuses(one, here, elsewhere, ada)).toEqual([401, 401, 200]);
    pass(-1000);
    const again = await signIn(other, BOB);
    expect(await statuses(other, here, elsewhere, ada, again)).toEqual([401, 401, 200, 200]);
    pass(GRACES.revocationLookMs + 1000);
    expect(await statuses(one, here, elsewhere, ada, again)).toEqual([401, 401, 200, 200]);
  });

  it.each([false, true])('by an operator, of anybody; where the console is read-only (%s), too', async (readOnly) => {
    const url = await replica({ readOnly });
    const [ada, bob, eve] = [await signIn(url, ADA), await signIn(url, BOB), await signIn(url, EVE)];
    expect((await post(url, '/api/sessions/revoke', { user: 'ada' }, bob)).status).toBe(403);
    expect((await post(url, '/api/sessions/revoke', { user: 'BOB ' }, { ...ada, csrf: eve.csrf })).status).toBe(403);
    for (const body of [{}, { user: ' ' }, { user: 7 }]) expect((await post(url, '/api/sessions/revoke', body, ada)).status).toBe(400);
    expect(await statuses(url, ada, bob, eve)).toEqual([200, 200, 200]);
    expect((await post(url, '/api/sessions/revoke', { user: 'BOB ' }, ada)).status).toBe(200);
    expect(await statuses(url, ada, bob, eve)).toEqual([200, 401, 200]);
  });

  it('end what is open, too', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'], now: Date.now() });
    const url = await replica();
    const [ada, bob] = [await signIn(url, ADA), await signIn(url, BOB)];
    const opened = async ({ cookie }: Who): Promise<{ hasEnded: boolean; read: Promise<void> }> => {
      const answer = await fetch(`${url}/api/runs/events`, { headers: { cookie } });
      expect(answer.status).toBe(200);
      const stream = { hasEnded: false, read: Promise.resolve() };
      stream.read = answer.text().then(
        () => void (stream.hasEnded = true),
        () => undefined,
      );
      return stream;
    };
    const [hers, his] = [await opened(ada), await opened(bob)];
    vi.advanceTimersByTime(GRACES.consoleHeartbeatMs);
    expect((await post(url, '/api/sessions/revoke', { user: 'bob' }, ada)).status).toBe(200);
    expect(his.hasEnded).toBe(false);
    vi.advanceTimersByTime(GRACES.consoleHeartbeatMs);
    await his.read;
    expect([his.hasEnded, hers.hasEnded]).toEqual([true, false]);
  });

  it('while Temporal is away: what was known counts, what was never asked is not believed, and nobody is told of an end that was not kept', async () => {
    const [one, other] = [await replica(), await replica()];
    const bob = await signIn(one, BOB);
    expect(await status(one, bob)).toBe(200);
    isAway = true;
    pass(GRACES.revocationLookMs);
    expect([await status(one, bob), await status(other, bob)]).toEqual([200, 503]);
    expect((await post(one, '/api/sign-in', { token: BOB })).status).toBe(503);
    const out = await post(one, '/api/sign-out', { everywhere: true }, bob);
    expect([out.status, out.headers.get('set-cookie')]).toEqual([503, expect.stringContaining('Max-Age=0')]);
    isAway = false;
    pass(GRACES.revocationLookMs);
    expect(await status(other, bob)).toBe(200);
  });

  it.each(['Bob@shop.example', 'subject of bob@shop.example'])(
    'of people whom a proxy signs, by address or subject (%s): tokens that were made before, or do not say when',
    async (named) => {
      const pair = await generateKeyPair('ES256');
      const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
      const keys = createServer((_, answer) => answer.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] })));
      await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', () => resolve()));
      open.push(keys);
      const jwks = new URL(`http://127.0.0.1:${(keys.address() as AddressInfo).port}/keys`);
      const proxy = {
        header: 'authorization',
        jwks,
        issuer: 'https://people.example',
        audience: 'console',
        operators: ['ada@shop.example'],
      };
      const url = await replica({ tokens: [], proxy });
      const signed = async (email: string, issued = true): Promise<Record<string, string>> => {
        const token = new SignJWT({ email }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setSubject(`subject of ${email}`);
        if (issued) token.setIssuedAt(Math.floor(Date.now() / 1000));
        token
          .setIssuer(proxy.issuer)
          .setAudience('console')
          .setExpirationTime(Math.floor(Date.now() / 1000) + 300);
        return { authorization: `Bearer ${await token.sign(pair.privateKey)}` };
      };
      const session = (headers: Record<string, string>): Promise<Response> => fetch(`${url}/api/session`, { headers });
      const [ada, bob, silent] = [
        await signed('ada@shop.example'),
        await signed('bob@shop.example'),
        await signed('bob@shop.example', false),
      ];
      for (const headers of [ada, bob, silent]) expect((await session(headers)).status).toBe(200);
      const { csrf } = (await (await session(ada)).json()) as SessionInfo;
      const body = JSON.stringify({ user: named });
      const ended = await fetch(`${url}/api/sessions/revoke`, { method: 'POST', headers: { ...ada, 'x-csrf-token': csrf }, body });
      expect(ended.status).toBe(200);
      pass(2000);
      const after = [ada, bob, silent, await signed('bob@shop.example'), await signed('bob@shop.example', false)];
      expect(await Promise.all(after.map(async (headers) => (await session(headers)).status))).toEqual([200, 401, 401, 200, 401]);
      expect(await (await session(bob)).json()).toMatchObject({ error: { type: 'Revoked' } });
    },
  );
});
