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
});
