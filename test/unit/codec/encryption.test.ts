import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecryptionError, EncryptionCodec, dataConverterOf } from '../../../src/codec/encryption.ts';
import { KeyRingError, parseKeyRing } from '../../../src/codec/keys.ts';

const newKey = (): string => randomBytes(32).toString('base64');
const codecOf = (text: string): EncryptionCodec => new EncryptionCodec(parseKeyRing(text)!);
const roundTrip = async (one: EncryptionCodec, other: EncryptionCodec, payload: Payload): Promise<Payload> =>
  (await other.decode(await one.encode([payload])))[0]!;

describe('payload encryption', () => {
  const old = `old=${newKey()}`;
  const fresh = `new=${newKey()}`;

  it('gives back what it was given', async () => {
    const codec = codecOf(old);
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const opened = await roundTrip(codec, codec, defaultPayloadConverter.toPayload(value));
        expect(defaultPayloadConverter.fromPayload(opened)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('shows nothing of the value or of its type', async () => {
    const [sealed] = await codecOf(old).encode([defaultPayloadConverter.toPayload('a table of customers')]);
    const bytes = Buffer.concat([Buffer.from(sealed!.data!), ...Object.values(sealed!.metadata!).map((one) => Buffer.from(one))]);
    expect(bytes.includes('customers')).toBe(false);
    expect(bytes.includes('json/plain')).toBe(false);
  });

  it('reads what an earlier key wrote, after a rotation', async () => {
    const opened = await roundTrip(codecOf(old), codecOf(`${fresh},${old}`), defaultPayloadConverter.toPayload(7));
    expect(defaultPayloadConverter.fromPayload(opened)).toBe(7);
  });

  it('says which key is missing', async () => {
    await expect(roundTrip(codecOf(old), codecOf(fresh), defaultPayloadConverter.toPayload(7))).rejects.toThrow(/key "old"/);
  });

  it('refuses a payload of which one bit was changed', async () => {
    const codec = codecOf(old);
    const [sealed] = await codec.encode([defaultPayloadConverter.toPayload(7)]);
    const { length } = sealed!.data!;
    for (const at of [0, 12, length - 1]) {
      const data = Uint8Array.from(sealed!.data!);
      data[at]! ^= 1;
      await expect(codec.decode([{ ...sealed, data }])).rejects.toThrow(DecryptionError);
    }
  });

  it('lets payloads pass that nobody encrypted', async () => {
    const plain = defaultPayloadConverter.toPayload('plain');
    expect(await codecOf(old).decode([plain])).toEqual([plain]);
  });

  it('is off without keys', () => {
    expect(dataConverterOf({})).toBeUndefined();
    expect(dataConverterOf({ LONGHAUL_ENCRYPTION_KEYS: old })?.payloadCodecs).toHaveLength(1);
  });
});

describe('the key ring', () => {
  it.each(['no-equals', 'a=c2hvcnQ=', `a=${newKey()},a=${newKey()}`, `=${newKey()}`])('refuses %j and repeats no key', (text) => {
    const failure = (): unknown => parseKeyRing(text);
    expect(failure).toThrow(KeyRingError);
    const key = text.split('=')[1];
    if (key) expect(failure).not.toThrow(new RegExp(key.replace(/[+/]/g, '\\$&')));
  });
});
