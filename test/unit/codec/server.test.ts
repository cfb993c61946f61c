import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { EncryptionCodec } from '../../../src/codec/encryption.ts';
import { parseKeyRing } from '../../../src/codec/keys.ts';
import { createCodecApp } from '../../../src/codec/server.ts';

const codec = new EncryptionCodec(parseKeyRing(`k=${randomBytes(32).toString('base64')}`)!);
const app = createCodecApp({ codec, token: 'secret', origins: ['https://ui.example.com'] });
const post = (path: string, body: unknown, headers: Record<string, string> = { Authorization: 'Bearer secret' }): Promise<Response> =>
  Promise.resolve(app.request(path, { method: 'POST', body: JSON.stringify(body), headers }));
const base64 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('base64');

describe('the codec server', () => {
  it("decodes as Temporal's web UI asks for it", async () => {
    const [sealed] = await codec.encode([defaultPayloadConverter.toPayload({ rows: 3 })]);
    const metadata = Object.fromEntries(Object.entries(sealed!.metadata!).map(([name, value]) => [name, base64(value)]));
    const answer = await post('/decode', { payloads: [{ metadata, data: base64(sealed!.data) }] });
    const { payloads } = (await answer.json()) as { payloads: { data: string; metadata: { encoding: string } }[] };
    expect(Buffer.from(payloads[0]!.data, 'base64').toString()).toBe('{"rows":3}');
    expect(Buffer.from(payloads[0]!.metadata.encoding, 'base64').toString()).toBe('json/plain');
    const again = await (await post('/decode', await (await post('/encode', { payloads })).json())).json();
    expect(again).toEqual({ payloads });
  });

  it.each([{}, { Authorization: 'Bearer wrong' }, { Authorization: 'secret' }])('wants its token, not %j', async (headers) => {
    expect((await post('/decode', { payloads: [] }, headers as Record<string, string>)).status).toBe(401);
  });

  it('answers browsers of the named origins only', async () => {
    const allowed = async (origin: string): Promise<string | null> =>
      (
        await app.request('/decode', { method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' } })
      ).headers.get('Access-Control-Allow-Origin');
    expect(await allowed('https://ui.example.com')).toBe('https://ui.example.com');
    expect(await allowed('https://elsewhere.example.com')).toBeNull();
  });

  it('says what it expected when the body is something else', async () => {
    expect((await post('/decode', { rows: [] })).status).toBe(400);
    expect(
      (
        await post('/decode', {
          payloads: [{ metadata: { encoding: btoa('binary/encrypted'), 'encryption-key-id': btoa('k') }, data: btoa('short') }],
        })
      ).status,
    ).toBe(400);
  });

  it.each([
    ...[
      'null',
      '5',
      '"x"',
      '[]',
      '{"metadata":5}',
      '{"metadata":["eA=="]}',
      '{"metadata":{"encoding":7}}',
      '{"metadata":{"encoding":null}}',
    ],
    ...['{"metadata":{"encoding":"%%%"}}', '{"data":"%%%"}', '{"data":{}}', '{"data":[1,2]}', '{"data":7}'],
    // As many bytes as it says, wherever one looks at it.
    ...['{"data":{"length":1e9}}', '{"metadata":{"encoding":{"length":1e9}}}', '{"metadata":{"__proto__":{"length":1e9}}}'],
  ])('takes %s for no payload', async (payload) => {
    const headers = { Authorization: 'Bearer secret' };
    for (const way of ['encode', 'decode']) {
      const answer = await app.request(`/${way}`, { method: 'POST', body: `{"payloads":[${payload}]}`, headers });
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('expected {')]);
    }
  });

  it('reads nothing of what a stranger sends', async () => {
    let given = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        given += 65_536;
        if (given > 64 * 1024 * 1024) controller.close();
        else controller.enqueue(new Uint8Array(65_536));
      },
    });
    const asking = { method: 'POST', body: endless, duplex: 'half', headers: { Authorization: 'Bearer wrong' } };
    expect((await app.request('/decode', asking as RequestInit)).status).toBe(401);
    expect(given).toBeLessThan(256 * 1024);
  });
});
