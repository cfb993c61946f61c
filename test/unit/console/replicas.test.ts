import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { TokenGuessLimit } from '../../../src/console/token-guess-limit.ts';
import { startConsole, type ConsoleOptions, type ConsoleServer } from '../../../src/console/index.ts';
import { sessionKeyOf, SessionSigner } from '../../../src/console/sessions.ts';
import type { Command, ConsoleSource } from '../../../src/console/source.ts';
import { parseTokens } from '../../../src/console/tokens.ts';
import type { SessionInfo } from '../../../src/console/wire.ts';

const KEY = 'a key of the replicas, shared by all';
const ADA = 'ada-ada-ada-ada-ada-ada';
const BOB = 'bob-bob-bob-bob-bob-bob';
const FILE = `${ADA} operator ada\n${BOB} viewer bob\n`;

describe('replicas of a console', () => {
  const open: (ConsoleServer | Server)[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) await ('url' in server ? server.close() : new Promise((closed) => server.close(closed)));
  });

  const sent: Command[] = [];
  const source = {
    runs: () => Promise.resolve([]),
    workflowLink: () => null,
    state: () => Promise.reject(new Error('not asked for')),
    send: (command: Command) => {
      sent.push(command);
      return Promise.resolve({ text: 'paused' });
    },
  } as unknown as ConsoleSource;

  const replica = async (options: Partial<ConsoleOptions> = {}): Promise<ConsoleServer> => {
    const basics = {
      host: '127.0.0.1',
      port: 0,
      readOnly: false,
      tokens: parseTokens('tokens', FILE),
      proxy: null,
      hostNames: [],
      https: false,
    };
    const server = await startConsole(source, { ...basics, sessionKey: KEY, ...options });
    open.push(server);
    return server;
  };

  /** Each request goes to the next one. */
  const roundRobin = async (servers: readonly ConsoleServer[]): Promise<{ url: string; asked: string[] }> => {
    const asked: string[] = [];
    const balancer = createServer((incoming, answer) => {
      const { url } = servers[asked.length % servers.length] ?? { url: '' };
      asked.push(url);
      const { method = 'GET', headers } = incoming;
      const onward = request(`${url}${incoming.url ?? ''}`, { method, headers, agent: false }, (reply) => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      });
      incoming.pipe(onward);
    });
    open.unshift(balancer);
    await new Promise<void>((listening) => balancer.listen(0, '127.0.0.1', listening));
    return { url: `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`, asked };
  };

  const post = (url: string, path: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const signIn = async (url: string, token = ADA): Promise<{ cookie: string; csrf: string }> => {
    const answer = await post(url, '/api/sign-in', { token });
    expect(answer.status).toBe(200);
    const { csrf } = (await answer.json()) as SessionInfo;
    return { cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '', csrf };
  };
  const session = (url: string, cookie: string): Promise<Response> => fetch(`${url}/api/session`, { headers: { cookie } });
  const press = (url: string, { cookie, csrf }: { cookie: string; csrf: string }): Promise<Response> =>
    post(url, '/api/runs/r/controls/pause', { why: 'to look' }, { cookie, 'x-csrf-token': csrf });

  it('that have one key know each other’s sessions: signed in on one, acted on the other', async () => {
    const { url, asked } = await roundRobin([await replica(), await replica()]);
    const ada = await signIn(url);
    for (let turn = 0; turn < 4; turn++)
      expect(await (await session(url, ada.cookie)).json()).toMatchObject({ user: 'ada', csrf: ada.csrf });
    sent.length = 0;
    for (let turn = 0; turn < 2; turn++) expect((await press(url, ada)).status).toBe(200);
    expect(sent).toMatchObject([{ payload: { by: 'ada', vouched: 'token' } }, { payload: { by: 'ada', vouched: 'token' } }]);
    expect(new Set(asked).size).toBe(2);
    const bob = await signIn(url, BOB);
    expect((await press(url, bob)).status).toBe(403);
    expect((await press(url, { cookie: ada.cookie, csrf: bob.csrf })).status).toBe(403);
  });

  it('that have none, or another, know their own sessions alone', async () => {
    for (const keys of [{}, { sessionKey: null }, { sessionKey: `${KEY}!` }]) {
      const [one, other] = [await replica('sessionKey' in keys ? keys : { sessionKey: null }), await replica()];
      const { cookie } = await signIn(one.url);
      expect([(await session(one.url, cookie)).status, (await session(other.url, cookie)).status]).toEqual([200, 401]);
    }
  });

  it('know a session as long as they know its token, with the role that it has now', async () => {
    const { cookie } = await signIn((await replica()).url);
    const of = async (file: string): Promise<unknown> => {
      const answer = await session((await replica({ tokens: parseTokens('tokens', file) })).url, cookie);
      return answer.status === 200 ? ((await answer.json()) as SessionInfo).role : answer.status;
    };
    expect(await of(FILE)).toBe('operator');
    expect(await of(`${BOB} viewer bob\n${ADA} viewer ada\n`)).toBe('viewer');
    expect(await of(`${BOB} viewer bob\n`)).toBe(401);
  });

  it('take no cookie that was made, changed, or is over', async () => {
    const { url } = await replica();
    const [text = '', signature = ''] = (await signIn(url)).cookie.replace('longhaul=', '').split('.');
    const later = Buffer.from(JSON.stringify({ ...(JSON.parse(Buffer.from(text, 'base64url').toString()) as object), endsAt: 9e15 }));
    const [ada] = parseTokens('tokens', FILE);
    if (!ada) throw new Error('no token');
    const over = new SessionSigner(KEY).seal(ada, '', Date.now() - 1).cookie;
    const foreign = new SessionSigner('another key, which nobody here has').seal(ada, '', Date.now() + 60_000).cookie;
    const made = new SessionSigner(KEY);
    const nonsense = `e30.${made.sign('cookie', 'e30')}`;
    for (const cookie of ['', '.', text, `${text}.`, `${later.toString('base64url')}.${signature}`, over, foreign, nonsense])
      expect((await session(url, `longhaul=${cookie}`)).status, cookie).toBe(401);
    expect((await session(url, `longhaul=${text}.${signature}`)).status).toBe(200);
  });
});

describe('the key of the replicas', () => {
  it.each([undefined, '', '  '])('is none: %j', (value) => {
    expect(sessionKeyOf(value === undefined ? {} : { LONGHAUL_CONSOLE_KEY: value })).toBeNull();
  });

  it('is long, and never repeated where it is not', () => {
    expect(sessionKeyOf({ LONGHAUL_CONSOLE_KEY: `${KEY}\n` })).toBe(KEY);
    expect(() => sessionKeyOf({ LONGHAUL_CONSOLE_KEY: 'short-secret' })).toThrow('at least 32 characters');
    expect(() => sessionKeyOf({ LONGHAUL_CONSOLE_KEY: 'short-secret' })).not.toThrow('short-secret');
  });
});

describe('guesses', () => {
  /** How many of `count` guesses were looked at. */
  const seen = (guesses: TokenGuessLimit, count: number, guess: (n: number) => { address?: string; token: string }, now = 0): number => {
    let looked = 0;
    for (let n = 0; n < count; n++) {
      const { address = 'proxy', token } = guess(n);
      if (!guesses.allows(address, token, now)) continue;
      looked++;
      guesses.failed(address, token, now);
    }
    return looked;
  };

  it('at one token are slowed, from one address and from many; whoever else is there, or is the same elsewhere, enters', () => {
    const guesses = new TokenGuessLimit();
    expect(seen(guesses, 500, (n) => ({ token: `${ADA.slice(0, 8)}${n}` }))).toBe(30);
    expect(guesses.allows('proxy', BOB, 0)).toBe(true);
    expect(guesses.allows('home', ADA, 0)).toBe(true);
    // Each of many addresses has one more.
    expect(seen(guesses, 500, (n) => ({ address: `bot-${n % 50}`, token: `${ADA.slice(0, 8)}${n}` }))).toBe(50);
    expect(guesses.allows('home', ADA, 0)).toBe(true);
    expect(guesses.allows('proxy', ADA, 60_001)).toBe(true);
  });

  it('at nobody’s token in particular lock nobody out, and are no longer told more than that they are many', () => {
    const guesses = new TokenGuessLimit();
    const told = Array.from({ length: 35 }, (_, n) => guesses.failed('proxy', `${n}-guess-of-something`, 0));
    expect(told).toEqual([...Array<boolean>(30).fill(false), ...Array<boolean>(5).fill(true)]);
    expect(guesses.allows('proxy', ADA, 0)).toBe(true);
    expect(guesses.failed('proxy', 'a wrong one, a minute on', 60_001)).toBe(false);
  });

  it('fill no memory', () => {
    const guesses = new TokenGuessLimit();
    seen(guesses, 30, () => ({ address: 'first', token: 'first-of-all-the-guesses' }));
    expect(guesses.failed('first', 'another-guess-of-it', 0)).toBe(true);
    seen(guesses, 10_000, (n) => ({ address: `bot-${n}`, token: `${n}`.padStart(20, '0') }));
    expect(guesses.failed('first', 'another-guess-of-it', 0)).toBe(false);
  });
});
