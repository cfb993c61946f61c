/** Whose signatures count: the control workers' file of public keys. */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ReceivedDecision, Signature, Verdict } from '../contract/decisions.ts';
import { InvalidInputError, type Problem } from '../contract/errors.ts';
import { GRACES } from '../rules/durations.ts';
import { keyIdOf, signedText } from './statement.ts';

const SIGNERS_VARIABLE = 'LONGHAUL_SIGNERS';
/** The line of a console, which speaks for the persons that it verified. */
const CONSOLE = 'console';

interface KnownSigner {
  readonly key: KeyObject;
  /** Null: a console. */
  readonly person: string | null;
}
/** By `keyIdOf`. */
export type Signers = ReadonlyMap<string, KnownSigner>;

/**
 * One key a line: `PUBLICKEY console`, or `PUBLICKEY PERSON`; `#` begins a comment. The key is base64 of its DER (SPKI).
 * @throws InvalidInputError
 */
export function parseSigners(file: string, text: string): Signers {
  const signers = new Map<string, KnownSigner>();
  const problems: Problem[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const [given = '', ...name] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (given === '') continue;
    const key = publicKeyOf(given);
    const person = name.join(' ');
    if (key === null || person === '')
      problems.push({
        file,
        line: index + 1,
        message: 'not a signer',
        expected: 'PUBLICKEY console, or PUBLICKEY PERSON',
        hint: 'openssl pkey -in key.pem -pubout -outform DER | base64',
      });
    else signers.set(keyIdOf(key), { key, person: person === CONSOLE ? null : person });
  }
  if (problems.length > 0) throw new InvalidInputError(problems);
  return signers;
}

function publicKeyOf(text: string): KeyObject | null {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
}

/** Read for each decision, so that a line which is taken out counts at once. @throws InvalidInputError */
export function signersOf(environment: NodeJS.ProcessEnv = process.env): Signers {
  const file = environment[SIGNERS_VARIABLE];
  if (file === undefined || file === '') return new Map();
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new InvalidInputError([
      { file, message: `${SIGNERS_VARIABLE} names a file that cannot be read`, expected: 'a file of public keys' },
    ]);
  }
  return parseSigners(file, text);
}

const EARLY_MS = GRACES.tokenClockSkewSeconds * 1000;

/** Who it was. `refused` says why nothing proves it; whether it counts all the same, the caller decides. */
export function verified(signers: Signers, run: string, { search, decision, payload, heardAt, again = false }: ReceivedDecision): Verdict {
  const typed = typeof payload.by === 'string' ? payload.by : 'unknown';
  const no = (refused: string): Verdict => ({ by: typed, how: null, refused });
  const signed = payload.signed as Partial<Signature> | null | undefined;
  if (signed === undefined) return no('it has no signature');
  if (
    typeof signed !== 'object' ||
    signed === null ||
    typeof signed.key !== 'string' ||
    typeof signed.value !== 'string' ||
    typeof signed.at !== 'number' ||
    typeof signed.how !== 'string'
  )
    return no('its signature cannot be read');
  const signature = signed as Signature;
  // Other spellings of the same bytes would not be known as used.
  if (Buffer.from(signature.value, 'base64').toString('base64') !== signature.value) return no('its signature cannot be read');
  const signer = signers.get(signature.key);
  if (!signer) return no(`the control worker does not know the key that signed it; ${SIGNERS_VARIABLE} names whose count`);
  if (!verify(null, signedText({ run, search, decision, payload }, signature), signer.key, Buffer.from(signature.value, 'base64')))
    return no('its signature is not that of this decision');
  if (again) return no('its signature was used before');
  if (heardAt - signature.at > GRACES.signatureMs) return no('its signature is too old; decide again');
  if (signature.at - heardAt > EARLY_MS) return no('its signature is of a time to come; a clock is wrong');
  if ((signature.how === 'key') !== (signer.person !== null))
    return no(
      signer.person === null ? 'a console signs only for persons whom it has verified' : `the key of ${signer.person} is not a console's`,
    );
  return { by: signer.person ?? typed, how: signature.how, refused: null };
}
