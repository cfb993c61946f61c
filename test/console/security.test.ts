import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startConsole, type ConsoleServer } from '../../src/console/index.ts';
import { parseTokens } from '../../src/console/tokens.ts';
import { makeRun } from '../support/run-data.ts';
import { FixtureSource, movedToNow } from './fixture-source.ts';
import { OPTIONS, startHarness, type Harness } from './harness.ts';

const RUN = 'grocery-ranking-20261120-080000-live';
const OPERATOR = 'operator-token-of-this-test';
const VIEWER = 'viewer-token-of-this-test';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

/** `fetch` forbids the headers that an attacker would set. */
function ask(
  url: string,
  { method = 'GET', headers = {}, body = '' }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { method, headers, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

const typeOf = (answer: Answer): string => (JSON.parse(answer.body) as { error: { type: string } }).error.type;
const newSource = (): FixtureSource => new FixtureSource([movedToNow(makeRun({ stage: 'running', trials: 6, run: RUN }))]);

describe('a console on this machine', () => {
  let source: FixtureSource;
  let server: ConsoleServer;
  beforeAll(async () => {
    source = newSource();
    server = await startConsole(source, OPTIONS);
  });
  afterAll(() => server.close());

  const pause = (headers: Record<string, string>): Promise<Answer> =>
    ask(`${server.url}/api/runs/${RUN}/controls/pause`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{}',
    });
  const csrf = async (): Promise<string> => (JSON.parse((await ask(`${server.url}/api/session`)).body) as { csrf: string }).csrf;

  it('forbids scripts and styles that are not its own, frames and guesses of types', async () => {
    const { headers, body } = await ask(`${server.url}/runs/${RUN}`);
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(body).not.toMatch(/<script>|\son\w+=|style=/);
  });

  it('answers to its own names only, so that no stranger’s page can read it by DNS rebinding', async () => {
    const foreign = await ask(`${server.url}/api/session`, { headers: { host: 'attacker.example:80' } });
    expect([foreign.status, typeOf(foreign)]).toEqual([421, 'UnknownHost']);
    expect((await ask(`${server.url}/api/session`, { headers: { host: `localhost:${new URL(server.url).port}` } })).status).toBe(200);
  });

  it.each([
    ['without the CSRF token', async () => ({})],
    ['with a wrong one', async () => ({ 'x-csrf-token': 'x'.repeat(43) })],
    ['from another site', async () => ({ 'x-csrf-token': await csrf(), origin: 'https://attacker.example' })],
    ['from a frame of another site', async () => ({ 'x-csrf-token': await csrf(), 'sec-fetch-site': 'cross-site' })],
    ['from a page without an origin', async () => ({ 'x-csrf-token': await csrf(), origin: 'null' })],
  ])('refuses a button %s', async (_, headers) => {
    const answer = await pause(await headers());
    expect([answer.status, typeOf(answer)]).toEqual([403, 'Csrf']);
    expect(source.sent).toEqual([]);
  });

  it('refuses what is too large, no JSON or no control', async () => {
    const token = await csrf();
    const post = (name: string, body: string): Promise<Answer> =>
      ask(`${server.url}/api/runs/${RUN}/controls/${name}`, { method: 'POST', headers: { 'x-csrf-token': token }, body });
    expect((await post('pause', '{')).status).toBe(400);
    // It stops reading; whether its answer arrives before the connection ends is a matter of timing.
    const large = await post('pause', `{"why":"${'x'.repeat(300_000)}"}`).catch(() => ({ status: 413 }));
    expect(large.status).toBe(413);
    expect((await post('__proto__', '{}')).status).toBe(404);
    expect((await post('stop-trial', '{"step":"search","trial":"1; DROP TABLE"}')).status).toBe(422);
    expect(source.sent).toEqual([]);
  });

  it.each(['/assets/..%2f..%2fpackage.json', '/assets/%2e%2e/server.ts', '/assets/../package.json'])(
    'serves no file by %s',
    async (path) => {
      const { body } = await ask(`${server.url}${path}`);
      expect(body).not.toContain('dependencies');
      expect(body).not.toContain('import ');
    },
  );

  it('nobody presses a button on a console that is read only', async () => {
    const readOnly = await startConsole(source, { ...OPTIONS, readOnly: true });
    const session = JSON.parse((await ask(`${readOnly.url}/api/session`)).body) as { csrf: string; role: string };
    const answer = await ask(`${readOnly.url}/api/runs/${RUN}/controls/pause`, {
      method: 'POST',
      headers: { 'x-csrf-token': session.csrf },
      body: '{}',
    });
    expect([session.role, answer.status, typeOf(answer)]).toEqual(['viewer', 403, 'ReadOnly']);
    await readOnly.close();
  });
});

describe('a console with tokens', () => {
  let harness: Harness;
  let source: FixtureSource;
  beforeAll(async () => {
    source = newSource();
    harness = await startHarness(source, { tokens: parseTokens('tokens', `${OPERATOR} operator ada\n${VIEWER} viewer bob\n`) });
  });
  afterAll(() => harness.close());

  it('tells strangers nothing', async () => {
    for (const path of [
      '/api/session',
      '/api/overview',
      '/api/overview/events',
      '/api/runs',
      `/api/runs/${RUN}`,
      `/api/runs/${RUN}/events`,
      `/api/runs/${RUN}/report`,
    ])
      expect((await ask(`${harness.server.url}${path}`)).status, path).toBe(401);
    const forged = await ask(`${harness.server.url}/api/session`, {
      headers: { cookie: 'longhaul=guessed', authorization: `Bearer ${OPERATOR}` },
    });
    expect(forged.status).toBe(401);
  });

  it('lets an operator in by a cookie that scripts cannot read, and out again', async () => {
    await harness.onPage(
      'sign in',
      async (page) => {
        await page.run(RUN);
        expect(await page.violations()).toEqual([]);
        await page.page.getByLabel('Token').fill('a wrong token');
        await page.page.getByRole('button', { name: 'Sign in' }).click();
        await page.page.getByText('not known here').waitFor();
        await page.page.getByLabel('Token').fill(OPERATOR);
        await page.page.getByRole('button', { name: 'Sign in' }).click();
        await page.heading('Graph').waitFor();
        const [cookie] = await page.page.context().cookies();
        expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
        await page.press('Controls of the run', 'Pause run', 'Pause');
        expect(source.sent.at(-1)?.payload).toEqual({ by: 'ada', vouched: 'token' });
        await page.page.getByRole('button', { name: 'Sign out' }).click();
        await page.page.getByLabel('Token').waitFor();
        expect((await ask(`${harness.server.url}/api/session`, { headers: { cookie: `longhaul=${cookie?.value ?? ''}` } })).status).toBe(
          401,
        );
      },
      { expected: /401/ },
    );
  });

  it('shows a viewer no buttons', async () => {
    await harness.onPage(
      'viewer',
      async (page) => {
        await page.search(RUN);
        await page.page.getByLabel('Token').fill(VIEWER);
        await page.page.getByRole('button', { name: 'Sign in' }).click();
        await page.heading('Trials').waitFor();
        await page.page.getByText('read only').waitFor();
        expect(await page.page.getByRole('group', { name: /^Controls/ }).count()).toBe(0);
      },
      { expected: /401/ },
    );
  });

  it('slows down those who guess', async () => {
    const guess = (token: string): Promise<Answer> =>
      ask(`${harness.server.url}/api/sign-in`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
      });
    const statuses: number[] = [];
    for (let i = 0; i < 40; i++) statuses.push((await guess(`guess ${i}`)).status);
    expect(statuses.at(-1)).toBe(429);
    // Whoever holds a token is not locked out by those who hold none.
    expect((await guess(OPERATOR)).status).toBe(200);
  });
});

describe('a console behind a proxy that signs who the person is', () => {
  let keys: Server;
  let server: ConsoleServer;
  let own: CryptoKey;
  let foreign: CryptoKey;
  const ISSUER = 'https://proxy.example';
  const AUDIENCE = '/projects/1/apps/console';

  beforeAll(async () => {
    const pair = await generateKeyPair('ES256');
    own = pair.privateKey;
    foreign = (await generateKeyPair('ES256')).privateKey;
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
    keys = createServer((_, answer) => answer.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] })));
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', () => resolve()));
    const jwks = new URL(`http://127.0.0.1:${(keys.address() as AddressInfo).port}/keys`);
    const proxy = { header: 'x-goog-iap-jwt-assertion', jwks, issuer: ISSUER, audience: AUDIENCE, operators: ['ada@shop.example'] };
    server = await startConsole(newSource(), { ...OPTIONS, proxy });
  });
  afterAll(async () => {
    await server.close();
    keys.close();
  });

  interface Claims {
    readonly email?: string;
    readonly issuer?: string;
    readonly audience?: string;
    readonly expires?: string;
    readonly key?: CryptoKey;
  }
  const signed = ({
    email = 'ada@shop.example',
    issuer = ISSUER,
    audience = AUDIENCE,
    expires = '5m',
    key = own,
  }: Claims = {}): Promise<string> =>
    new SignJWT({ email })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setSubject('accounts:1')
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(expires)
      .sign(key);
  const session = async (token: string): Promise<Answer> =>
    ask(`${server.url}/api/session`, { headers: { 'x-goog-iap-jwt-assertion': token } });

  it('knows operators from viewers', async () => {
    expect(JSON.parse((await session(await signed())).body)).toMatchObject({ user: 'ada@shop.example', role: 'operator' });
    expect(JSON.parse((await session(await signed({ email: 'bob@shop.example' }))).body)).toMatchObject({ role: 'viewer' });
  });

  it('believes no header that the proxy did not sign for it, and in time', async () => {
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ email: 'ada@shop.example', sub: 'x', iss: ISSUER, aud: AUDIENCE, exp: 4e9 })).toString('base64url')}.`;
    const tokens = {
      none: '',
      unsigned,
      'of another key': await signed({ key: foreign }),
      'of another issuer': await signed({ issuer: 'https://other.example' }),
      'for another audience': await signed({ audience: '/projects/2' }),
      expired: await signed({ expires: '-2m' }),
    };
    for (const [name, token] of Object.entries(tokens)) expect((await session(token)).status, name).toBe(401);
    expect((await ask(`${server.url}/api/session`, { headers: { 'x-goog-authenticated-user-email': 'ada@shop.example' } })).status).toBe(
      401,
    );
  });
});

describe('names and lines from outside', () => {
  const ATTACK = '<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>"\'>${1}';

  it('are shown as they are and never run', async () => {
    const made = movedToNow(makeRun({ stage: 'running', trials: 4, run: RUN }));
    const { run, searches } = made;
    run.reason = ATTACK;
    run.approvals.push({ step: 'release', message: ATTACK, since: Date.now(), until: Date.now() + 1e6 });
    Object.assign(run.steps[1]!, { reason: ATTACK, outputs: { table: ATTACK, rows: 1 } });
    Object.assign(made.document, { description: ATTACK });
    const [trial] = searches.search!.trials;
    Object.assign(trial!, {
      reason: ATTACK,
      origin: ATTACK,
      pool: ATTACK,
      parameters: { ...trial!.parameters, [ATTACK]: ATTACK },
      metrics: { [ATTACK]: 1 },
    });
    searches.search!.decisions.push({ at: Date.now(), trial: 0, text: ATTACK });
    const source = new FixtureSource(
      [made],
      [
        {
          pipeline: run.pipeline,
          run: RUN,
          time: new Date().toISOString(),
          model: ATTACK,
          stage: 'champion',
          why: ATTACK,
          metrics: ATTACK,
        },
      ],
    );
    source.log('search', [ATTACK, '\u001b[31mred\u001b[0m', 'javascript:alert(1)']);
    source.files_ = {
      checkpoints: [{ name: ATTACK, step: 1, samples: 1, reason: ATTACK, bytes: 1, latest: true }],
      exports: [{ name: ATTACK, uri: 'javascript:alert(1)', step: 1, samples: 1, bytes: 1, best: true, time: 1, metrics: { [ATTACK]: 1 } }],
    };
    const harness = await startHarness(source);
    try {
      await harness.onPage('attack', async (page) => {
        for (const path of [
          '/',
          `/runs/${RUN}`,
          `/runs/${RUN}/search/search`,
          `/runs/${RUN}/search/search/trial/0`,
          `/runs/${RUN}/models`,
          `/runs/${RUN}/config`,
        ]) {
          await page.open(path);
          await page.page.locator('.loading').first().waitFor({ state: 'detached' });
          expect(
            await page.page.evaluate(
              '[String(window.attacked), document.querySelectorAll("img, script:not([src])").length, document.querySelectorAll("a[href^=javascript]").length]',
            ),
            path,
          ).toEqual(['undefined', 0, 0]);
          if (path.endsWith('/trial/0')) await page.page.getByRole('log').getByText(ATTACK).waitFor();
          if (path === `/runs/${RUN}`) expect(await page.page.getByText(ATTACK).count()).toBeGreaterThan(2);
        }
      });
      await harness.onPage('attack report', async (page) => {
        await page.page.goto(`${harness.server.url}/api/runs/${RUN}/report`);
        expect(await page.page.evaluate('[String(window.attacked), document.querySelectorAll("img").length]')).toEqual(['undefined', 0]);
      });
    } finally {
      await harness.close();
    }
  });
});
