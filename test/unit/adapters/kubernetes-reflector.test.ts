import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, expect, it } from 'vitest';
import { KubeClient } from '../../../src/adapters/kubernetes/client.ts';
import { KubeError } from '../../../src/adapters/kubernetes/errors.ts';
import { Reflector } from '../../../src/adapters/kubernetes/reflector.ts';
import { WAITS } from '../../../src/rules/durations.ts';
import type { KubeObject } from '../../../src/adapters/kubernetes/reflector.ts';

const object = (name: string, version: number, uid = `${name}-uid`): object => ({
  metadata: { name, uid, resourceVersion: String(version) },
});
const list =
  (version: number, ...items: object[]) =>
  (_request: URL, response: ServerResponse): void =>
    void response.end(JSON.stringify({ metadata: { resourceVersion: String(version) }, items }));
const event = (type: string, what: object): string => `${JSON.stringify({ type, object: what })}\n`;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Answer = (request: URL, response: ServerResponse) => void;

/** Answers requests in turn, the last answer again and again; shows what the reflector made of them. A watch may be silent for long. */
const reflect = (...answers: readonly Answer[]) => reflectFor({}, ...answers);

async function reflectFor(options: { silenceMs?: number }, ...answers: readonly Answer[]) {
  const asked: URL[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push(url);
    answer?.(url, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const config = new KubeConfig();
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  config.loadFromClusterAndUser({ name: 'c', server: address, skipTLSVerify: true }, { name: 'u' });
  const seen: string[] = [];
  const note = (what: string) => (one: KubeObject) => void seen.push(`${what} ${one.metadata?.name} ${one.metadata?.resourceVersion}`);
  const forbidden: string[] = [];
  const reflector = new Reflector<KubeObject>(new KubeClient(config, 'n'), {
    path: '/things',
    set: note('set'),
    delete: note('delete'),
    forbidden: (error) => forbidden.push(error.message),
    ...options,
  });
  closers.push(() => reflector.close());
  return { asked, seen, forbidden, reflector };
}
const silent = (_request: URL, response: ServerResponse): void => {
  response.writeHead(200).flushHeaders();
};

it('takes up a watch that ended where it ended, bookmarks included', async () => {
  const { asked, seen } = await reflect(
    list(1, object('a', 1)),
    (_url, response) => void response.end(event('MODIFIED', object('a', 5)) + event('BOOKMARK', { metadata: { resourceVersion: '9' } })),
    silent,
  );
  await expect.poll(() => asked.length).toBeGreaterThanOrEqual(3);
  expect(seen).toEqual(['set a 1', 'set a 5']);
  expect(asked.map((url) => url.searchParams.get('resourceVersion'))).toEqual([null, '1', '9']);
});

it('lists anew when its place in the history is gone, and finds what it missed', async () => {
  const { seen } = await reflect(
    list(1, object('a', 1), object('b', 1)),
    (_url, response) => void response.end(event('ERROR', { code: 410, reason: 'Expired', message: 'too old resource version' })),
    list(7, object('b', 1), object('c', 6)),
    silent,
  );
  await expect.poll(() => seen).toEqual(['set a 1', 'set b 1', 'set c 6', 'delete a 1']);
});

it('takes an object of the same name for another one when its uid is another', async () => {
  const { seen } = await reflect(
    list(1, object('a', 1, 'first')),
    (_url, response) => {
      response.write(event('ADDED', object('a', 3, 'second')));
    },
    silent,
  );
  await expect.poll(() => seen).toEqual(['set a 1', 'delete a 1', 'set a 3']);
});

it('asks again when a watch says nothing, when a connection breaks, and when the server has no answer', async () => {
  const { asked, seen } = await reflectFor(
    { silenceMs: 300 },
    list(1, object('a', 1)),
    silent,
    (_url, response) => void response.destroy(),
    (_url, response) => void response.writeHead(503).end('away'),
    // Again and again: on a busy machine its own answer may come after the silence.
    (_url, response) => {
      response.write(event('MODIFIED', object('a', 2)));
    },
  );
  await expect.poll(() => seen).toContain('set a 2');
  expect(seen.slice(0, 2)).toEqual(['set a 1', 'set a 2']);
  expect(asked.slice(1, 5).every((url) => url.searchParams.get('resourceVersion') === '1')).toBe(true);
});

it('tells once that it may not look', async () => {
  const { forbidden, reflector } = await reflect(
    (_url, response) => void response.writeHead(403).end(JSON.stringify({ message: 'nodes is forbidden', reason: 'Forbidden' })),
  );
  await expect.poll(() => forbidden).toEqual(['nodes is forbidden']);
  expect(reflector.isSynced).toBe(false);
});

it('reads why the API server refused', () => {
  const status = { message: 'no', reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } };
  expect(KubeError.of(403, JSON.stringify(status), 'POST /x')).toMatchObject({
    status: 403,
    reason: 'Forbidden',
    causes: ['NamespaceTerminating'],
  });
  expect(KubeError.of(502, '<html>bad gateway', 'GET /x').message).toBe('GET /x: HTTP 502 <html>bad gateway');
});

it('tells once that it may list and may not watch', async () => {
  const { forbidden, asked } = await reflect(list(1), (_url, response) => {
    response.writeHead(403).end(JSON.stringify({ message: 'cannot watch nodes', reason: 'Forbidden' }));
  });
  await expect.poll(() => asked.length).toBeGreaterThan(4);
  expect(forbidden).toEqual(['cannot watch nodes']);
});

it('begins a list anew whose next page is not known any more, and takes nothing for gone meanwhile', async () => {
  const page =
    (version: number, next: string | undefined, ...items: object[]) =>
    (_url: URL, response: ServerResponse) =>
      void response.end(JSON.stringify({ metadata: { resourceVersion: String(version), continue: next }, items }));
  const expired = (_url: URL, response: ServerResponse): void => {
    const body = {
      kind: 'Status',
      code: 410,
      reason: 'Expired',
      message: 'The provided continue parameter is too old',
      metadata: { continue: 'other' },
    };
    response.writeHead(410).end(JSON.stringify(body));
  };
  const { asked, seen } = await reflect(
    page(3, undefined, object('a', 1), object('b', 2)),
    (_url, response) => void response.end(event('ERROR', { code: 410, reason: 'Expired', message: 'too old' })),
    page(7, 'second', object('a', 6)),
    expired,
    page(9, 'second', object('a', 6)),
    page(9, '', object('b', 2), object('c', 8)),
    silent,
  );
  await expect.poll(() => seen.at(-1)).toBe('set c 8');
  expect(seen).toEqual(['set a 1', 'set b 2', 'set a 6', 'set c 8']);
  await expect.poll(() => asked.length).toBeGreaterThanOrEqual(7);
  expect(asked.map((url) => url.searchParams.get('continue'))).toEqual(expect.arrayContaining([null, 'second']));
  expect(asked[6]?.searchParams.get('resourceVersion')).toBe('9');
});

it('lists anew where the server was set back, and its place is yet to come', async () => {
  const tooLarge = { code: 504, reason: 'Timeout', message: 'Too large resource version: 900, current: 12' };
  const { seen } = await reflect(
    list(900, object('a', 900), object('b', 3)),
    (_url, response) => void response.writeHead(504).end(JSON.stringify(tooLarge)),
    list(12, object('b', 3)),
    silent,
  );
  await expect.poll(() => seen).toEqual(['set a 900', 'set b 3', 'delete a 900']);
});

it('asks ever more seldom where each watch is closed at once', async () => {
  const begun = performance.now();
  const { asked } = await reflect(list(1), (_url, response) => void response.writeHead(200).end());
  await expect.poll(() => asked.length).toBeGreaterThanOrEqual(6);
  const watches = asked.length - 1;
  // Each pause is half of what it may be, at least.
  const least = Array.from({ length: watches - 1 }, (_, n) => Math.min(WAITS.watchRetryLongestMs, WAITS.watchRetryFirstMs * 2 ** n) / 2);
  expect(performance.now() - begun).toBeGreaterThan(least.reduce((sum, ms) => sum + ms, 0));
});
