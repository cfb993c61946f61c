/** Somebody who may look, and wants to be in the way of those who may look too. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdapterError } from '../../../src/contract/errors.ts';
import { startConsole, type ConsoleServer } from '../../../src/console/index.ts';
import { MOST_STREAMS, OpenStreams } from '../../../src/console/open-streams.ts';
import type { HttpError } from '../../../src/console/failures.ts';
import { parseTokens } from '../../../src/console/tokens.ts';
import { makeRun } from '../../support/run-data.ts';
import { FixtureSource, movedToNow } from '../../console/fixture-source.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0, readOnly: false, tokens: [], proxy: null, hostNames: [], https: false };
const [ADA, EVE] = ['ada-ada-ada-ada-ada-ada', 'eve-eve-eve-eve-eve-eve'];

describe('streams of one person', () => {
  const refusal = (streams: OpenStreams, user: string, address: string): unknown => {
    try {
      streams.enter(user, address)();
      return null;
    } catch (error) {
      return [(error as HttpError).status, (error as HttpError).afterSeconds];
    }
  };
  const fill = (streams: OpenStreams, user: string, address: string): (() => void)[] => {
    const leave: (() => void)[] = [];
    while (refusal(streams, user, address) === null) leave.push(streams.enter(user, address));
    return leave;
  };

  it('are bounded at each address, whatever the spelling of either, and keep out neither others nor the same person elsewhere', () => {
    const streams = new OpenStreams();
    const leave = fill(streams, 'eve@shop.example', '192.0.2.7');
    expect(leave).toHaveLength(MOST_STREAMS);
    expect(refusal(streams, 'Eve@Shop.example', '::ffff:192.0.2.7')).toEqual([429, expect.any(Number)]);
    expect(refusal(streams, 'ada@shop.example', '192.0.2.7')).toBeNull();
    expect(refusal(streams, 'eve@shop.example', '192.0.2.8')).toBeNull();
    leave[0]?.();
    leave[0]?.();
    expect(fill(streams, 'eve@shop.example', '192.0.2.7')).toHaveLength(1);
  });

  it('are bounded in all, and leave room at an address where there are none', () => {
    const streams = new OpenStreams();
    let many = 0;
    for (let address = 0; address < 10; address++) many += fill(streams, 'eve', `192.0.2.${address}`).length;
    expect(many).toBeLessThan(6 * MOST_STREAMS);
    expect(refusal(streams, 'eve', '192.0.2.99')).toBeNull();
  });

  it('count as of one machine from all addresses of its network', () => {
    const streams = new OpenStreams();
    fill(streams, 'eve', '2001:db8:0:7::1');
    expect(refusal(streams, 'eve', '2001:db8::7:ffff:0:0:2')).toEqual([429, expect.any(Number)]);
    expect(refusal(streams, 'eve', '2001:db8:0:8::1')).toBeNull();
  });
});

describe('a console that somebody reads without reading', () => {
  let server: ConsoleServer;
  let source: FixtureSource;
  const runs = Array.from({ length: 45 }, (_, index) =>
    movedToNow(makeRun({ stage: 'running', trials: 2, run: `grocery-ranking-20261120-080000-r${String(index).padStart(3, '0')}` })),
  );
  const sockets: Socket[] = [];
  beforeAll(async () => {
    source = new FixtureSource(runs);
    const tokens = parseTokens('tokens', `${ADA} viewer ada\n${EVE} viewer eve\n`);
    server = await startConsole(source, { ...LOOPBACK, tokens });
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await server.close();
  });

  const signIn = async (token: string): Promise<string> => {
    const answer = await fetch(`${server.url}/api/sign-in`, { method: 'POST', body: JSON.stringify({ token }) });
    return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  };
  const asked = async (path: string, cookie: string): Promise<{ status: number; after: string | null; socket: Socket }> => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: ${cookie}\r\n\r\n`);
    const [head] = (await once(socket, 'data')) as [Buffer];
    socket.pause();
    const text = head.toString();
    return { status: Number(text.split(' ')[1]), after: /^retry-after: (.*)\r$/im.exec(text)?.[1] ?? null, socket };
  };

  it('says when there are too many, to nobody else, and has room again when some are closed', async () => {
    const [ada, eve] = [await signIn(ADA), await signIn(EVE)];
    const open: Socket[] = [];
    for (let each = 0; each < MOST_STREAMS; each++) open.push((await asked('/api/runs/events', eve)).socket);
    const last = await asked(`/api/runs/${runs[0]?.run.run}/events`, eve);
    expect([last.status, Number(last.after)]).toEqual([429, expect.any(Number)]);
    expect(Number(last.after)).toBeGreaterThan(0);
    expect((await asked('/api/runs/events', ada)).status).toBe(200);
    for (const socket of open) socket.destroy();
    await expect.poll(async () => (await asked('/api/runs/events', eve)).status).toBe(200);
  });

  it('keeps every run current that somebody watches, however many others are opened', async () => {
    const [ada, eve] = [await signIn(ADA), await signIn(EVE)];
    const watched = await fetch(`${server.url}/api/runs/${runs[0]?.run.run}/events`, { headers: { cookie: ada } });
    const reader = watched.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
    for (const { run } of runs.slice(1)) expect((await asked(`/api/runs/${run.run}/events`, eve)).status).toBe(200);
    const text = new TextDecoder();
    let heard = '';
    for (let look = 0; !heard.includes('still told'); look++) {
      source.change(runs[0]?.run.run ?? '', ({ run }) => (run.reason = `still told ${look}`));
      heard += text.decode((await reader?.read())?.value);
    }
    await reader?.cancel();
  });

  it.each(['/api/compare?run=../up', `/api/compare?run=${runs[0]?.run.run}%2Fsearch`, `/api/runs/${runs[0]?.run.run}%2Fsearch`])(
    'knows no run by %s',
    async (path) => {
      const answer = await fetch(`${server.url}${path}`, { headers: { cookie: await signIn(ADA) } });
      expect([answer.status, await answer.json()]).toEqual([404, { error: expect.objectContaining({ type: 'UnknownRun' }) as unknown }]);
    },
  );
});

it('of a run whose rows it may not read the console shows how it stands, and why there is no more', async () => {
  class Forbidden extends FixtureSource {
    override ledger = (): Promise<never> => Promise.reject(new AdapterError('AccessDenied', 'the rule "buckets" does not allow "south"'));
  }
  const made = movedToNow(makeRun({ stage: 'failed' }));
  const server = await startConsole(new Forbidden([made]), LOOPBACK);
  const answer = await fetch(`${server.url}/api/runs/${made.run.run}`);
  expect([answer.status, await answer.json()]).toEqual([
    200,
    expect.objectContaining({
      state: expect.objectContaining({ status: 'failed' }) as unknown,
      trouble: expect.stringContaining('south') as unknown,
    }),
  ]);
  await server.close();
});

describe('what no page of ours asks', () => {
  const RUN = 'grocery-ranking-20261120-080000-odd';
  const unforeseen: unknown[] = [];
  let server: ConsoleServer;
  let source: FixtureSource;
  beforeAll(async () => {
    source = new FixtureSource([movedToNow(makeRun({ stage: 'running', trials: 2, run: RUN }))]);
    server = await startConsole(source, LOOPBACK, (error) => unforeseen.push(error));
  });
  afterAll(() => server.close());

  const ODD = ['%', '%E0%A4%A', '%00', '%2e%2e', '..%2f..%2fetc%2fpasswd', '%0d%0aset-cookie:%20a=b', '__proto__', 'constructor', '%F0%9F%92%A3', 'x'.repeat(4000), '-1', '1e9', '9'.repeat(40), "'%20OR%201=1", '{}', '[]']; // prettier-ignore
  const PATHS = [
    '/api/X', '/api/runs/X', '/api/runs/X/document', '/api/runs/X/results', '/api/runs/X/report', '/api/compare?run=X', '/api/runs?status=X&pipeline=X',
    ...[`/api/runs/${RUN}/steps`].flatMap((steps) => [`${steps}/X/curves`, `${steps}/search/curves?metric=X`, `${steps}/X/importance`, `${steps}/search/trials/X`, `${steps}/X/trials/0`, `${steps}/X/logs`, `${steps}/search/logs?trial=X`, `${steps}/search/logs?attempt=X`]),
    '/assets/X', '/X',
  ]; // prettier-ignore

  it('is answered without an accident, and with nothing that was not ours', async () => {
    const answers: string[] = [];
    for (const path of PATHS)
      for (const odd of ODD) {
        const answer = await fetch(`${server.url}${path.replaceAll('X', odd)}`, { signal: AbortSignal.timeout(60_000) });
        const isStream = answer.headers.get('content-type')?.includes('event-stream') === true;
        const text = isStream ? '' : await answer.text();
        if (isStream) await answer.body?.cancel();
        if (answer.status >= 500 || answer.headers.has('set-cookie') || /node_modules|root:x:0|at .+:\d+:\d+/.test(text))
          answers.push(`${path} ${odd.slice(0, 40)}: ${answer.status} ${text.slice(0, 200)}`);
      }
    expect(answers).toEqual([]);
    expect(unforeseen).toEqual([]);
  });

  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
  it.each([
    ['a prototype', 'pause', '{"__proto__":{"by":"eve"},"why":"x"}', 422],
    ['a prototype among parameters', 'add-trial', '{"step":"search","parameters":{"__proto__":{"polluted":1}}}', 200],
    ['a name of another', 'pause', '{"by":"eve","vouched":"iap"}', 422],
    ['a signature of its own', 'approve', '{"signed":{"key":"k","value":"v"}}', 422],
    ['infinity', 'prioritise', '{"step":"search","trial":0,"priority":1e999}', 422],
    ['infinity among parameters', 'add-trial', '{"step":"search","parameters":{"rate":1e999}}', 422],
    ['a number beyond all integers', 'stop-trial', `{"step":"search","trial":${'9'.repeat(30)}}`, 422],
    ['a budget below nothing', 'set-budget', '{"step":"search","cost":-1}', 422],
    ['a hundred thousand levels', 'add-trial', `{"step":"search","parameters":{"rate":${deep(100_000)}}}`, 422],
    ['a thousand levels', 'add-trial', `{"step":"search","parameters":{"rate":${deep(1000)}}}`, 422],
    ['another encoding', 'pause', Buffer.from('{"why":"x"}', 'utf16le'), 400],
    ['a text that is no UTF-8', 'pause', Buffer.from([0x7b, 0x22, 0x77, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 422],
    ['no object', 'pause', '[]', 422],
    ['nothing', 'pause', 'null', 422],
  ])('a button with %s is refused in words, or does what it says', async (_, name, body, status) => {
    const { csrf } = (await (await fetch(`${server.url}/api/session`)).json()) as { csrf: string };
    const before = source.sent.length;
    const press = { method: 'POST', headers: { 'x-csrf-token': csrf, 'content-type': 'application/json' }, body };
    const answer = await fetch(`${server.url}/api/runs/${RUN}/controls/${name}`, press);
    expect([answer.status, await answer.text()]).toEqual([status, expect.not.stringMatching(/at .+:\d+|Maximum call/)]);
    for (const { payload } of source.sent.slice(before)) expect(payload).toMatchObject({ by: 'console' });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(unforeseen).toEqual([]);
  });
});
