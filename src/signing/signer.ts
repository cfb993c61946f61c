/** Signs decisions with the key of a person or a console. */
import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { HowVerified, Signature } from '../contract/decisions.ts';
import { InvalidInputError } from '../contract/errors.ts';
import { keyIdOf, signedText, type Statement } from './statement.ts';

const KEY_VARIABLE = 'LONGHAUL_SIGNING_KEY';

export type Signer = (statement: Statement, how: HowVerified, asked?: number) => Signature;

export function createSigner(key: KeyObject, now: () => number = Date.now): Signer {
  const id = keyIdOf(createPublicKey(key));
  return (statement, how, asked) => {
    const signature = { key: id, at: now(), how, ...(asked === undefined ? {} : { asked }) };
    return { ...signature, value: sign(null, signedText(statement, signature), key).toString('base64') };
  };
}

/**
 * null: there is no key.
 * @throws InvalidInputError the file that LONGHAUL_SIGNING_KEY names is none of an Ed25519 key
 */
export function signerOf(environment: NodeJS.ProcessEnv = process.env): Signer | null {
  const file = environment[KEY_VARIABLE];
  if (file === undefined || file === '') return null;
  try {
    const key = createPrivateKey(readFileSync(file));
    if (key.asymmetricKeyType === 'ed25519') return createSigner(key);
  } catch {
    // A library's words on what it found may hold a part of the key.
  }
  const hint = `openssl genpkey -algorithm ed25519 -out ${file}`;
  throw new InvalidInputError([
    { file, message: `${KEY_VARIABLE} names no key that can be read`, expected: 'an Ed25519 private key (PEM)', hint },
  ]);
}
