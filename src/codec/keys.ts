/** Keys of the payload encryption, out of the environment (a Secret), never out of a file of the project. */

export const KEYS_VARIABLE = 'LONGHAUL_ENCRYPTION_KEYS';
const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9_.-]{1,64}$/;

/** By name, in the order written: the first one encrypts, all of them decrypt. */
export type KeyRing = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** Thrown when the variable's text is not `name=base64,…`; never holds a part of a key. */
export class KeyRingError extends Error {
  constructor(detail: string) {
    super(
      `${KEYS_VARIABLE}: ${detail}; expected NAME=BASE64[,NAME=BASE64…], each key ${KEY_BYTES} bytes (openssl rand -base64 ${KEY_BYTES})`,
    );
    this.name = 'KeyRingError';
  }
}

/**
 * null: nothing is to be encrypted.
 * @throws KeyRingError
 * @example parseKeyRing('2026-11=…base64…,2026-05=…base64…')
 */
export function parseKeyRing(text: string | undefined): KeyRing | null {
  if (text === undefined || text.trim() === '') return null;
  const ring = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [index, entry] of text.split(',').entries()) {
    const at = entry.indexOf('=');
    const name = entry.slice(0, Math.max(at, 0)).trim();
    if (!KEY_ID.test(name)) throw new KeyRingError(`entry ${index + 1} has no name of letters, digits, _ . -`);
    const key = Buffer.from(entry.slice(at + 1).trim(), 'base64');
    if (key.length !== KEY_BYTES) throw new KeyRingError(`key ${name} has ${key.length} bytes`);
    if (ring.has(name)) throw new KeyRingError(`key ${name} is there twice`);
    ring.set(name, new Uint8Array(key));
  }
  return ring;
}
