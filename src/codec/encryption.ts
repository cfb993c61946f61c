/**
 * Encrypts payloads with AES-256-GCM before they leave the process: Temporal stores what it cannot read.
 * A payload becomes another one with `encoding: binary/encrypted`, the key's name, and nonce ‖ ciphertext ‖ tag of the whole old payload;
 * python/longhaul/client/codec.py is its counterpart in Python.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { KEYS_VARIABLE, parseKeyRing, type KeyRing } from './keys.ts';

const ALGORITHM = 'aes-256-gcm';
const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Thrown when a payload was encrypted with a key that is not there, or was changed. */
export class DecryptionError extends Error {
  constructor(detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'DecryptionError';
  }
}

/** @throws DecryptionError from `decode` */
export class EncryptionCodec implements PayloadCodec {
  readonly #ring: KeyRing;
  readonly #active: readonly [string, Uint8Array];

  constructor(ring: KeyRing) {
    const [first] = ring;
    if (!first) throw new Error('a key ring has at least one key');
    this.#ring = ring;
    this.#active = first;
  }

  encode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.resolve(payloads.map((payload) => this.#encrypt(payload)));
  }

  /** What is not encrypted passes: old histories, and `temporal workflow start --input-file`. */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (textOf(payload, 'encoding') === ENCODING ? this.#decrypt(payload) : payload));
  }

  #encrypt(payload: Payload): Payload {
    const [name, key] = this.#active;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(name));
    const data = Buffer.concat([
      nonce,
      cipher.update(proto.temporal.api.common.v1.Payload.encode(payload).finish()),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return { metadata: { encoding: Buffer.from(ENCODING), [KEY_ID]: Buffer.from(name) }, data };
  }

  #decrypt(payload: Payload): Payload {
    const name = textOf(payload, KEY_ID);
    const key = this.#ring.get(name);
    if (!key) throw new DecryptionError(`a payload was encrypted with the key "${name}", which ${KEYS_VARIABLE} does not hold`);
    const data = payload.data ?? new Uint8Array();
    try {
      const decipher = createDecipheriv(ALGORITHM, key, data.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(name))
        .setAuthTag(data.subarray(data.length - TAG_BYTES));
      const plain = Buffer.concat([decipher.update(data.subarray(NONCE_BYTES, data.length - TAG_BYTES)), decipher.final()]);
      return proto.temporal.api.common.v1.Payload.decode(plain);
    } catch (error) {
      throw new DecryptionError(`a payload encrypted with the key "${name}" does not open: it was changed, or the key is another one`, {
        cause: error,
      });
    }
  }
}

const textOf = (payload: Payload, name: string): string => Buffer.from(payload.metadata?.[name] ?? []).toString();

/** Reading needs no other one: what is encoded says so. */
export const FAILURE_CONVERTER = fileURLToPath(new URL(`failure-converter${extname(import.meta.filename)}`, import.meta.url));

/** For clients and workers: encrypts if the environment holds keys. */
export function dataConverterOf(environment: NodeJS.ProcessEnv = process.env): DataConverter | undefined {
  const ring = parseKeyRing(environment[KEYS_VARIABLE]);
  return ring ? { payloadCodecs: [new EncryptionCodec(ring)], failureConverterPath: FAILURE_CONVERTER } : undefined;
}
