/** Sessions in signed cookies: whoever has the key knows them, so that every replica of a console does. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { InvalidInputError } from '../contract/errors.ts';
import type { Token } from './tokens.ts';

const Session = z.object({
  id: z.string().min(1),
  /** Digest of the token that it was begun with: when that token goes, or gets another role, so does the session. */
  token: z.string(),
  /** The last revocation of the person's sessions when this one began; empty: none. */
  revocation: z.string(),
  /** ms since 1970. */
  endsAt: z.number(),
});
export type Session = Readonly<z.infer<typeof Session>>;

const KEY_VARIABLE = 'LONGHAUL_CONSOLE_KEY';
const SHORTEST_KEY = 32;

/**
 * What replicas of a console share; null: there is none, and a console that is alone makes one for itself.
 * @throws InvalidInputError
 */
export function sessionKeyOf(environment: NodeJS.ProcessEnv = process.env): string | null {
  const key = environment[KEY_VARIABLE]?.trim() ?? '';
  if (key === '') return null;
  if (key.length >= SHORTEST_KEY) return key;
  // What was found is not repeated.
  throw new InvalidInputError([
    { file: KEY_VARIABLE, message: 'key too short', expected: `at least ${SHORTEST_KEY} characters`, hint: 'openssl rand -base64 32' },
  ]);
}

export class SessionSigner {
  readonly #key: Buffer | string;

  constructor(key: string | null) {
    this.#key = key ?? randomBytes(32);
  }

  /** What only a holder of the key can say, for one purpose each. */
  sign(purpose: 'cookie' | 'csrf' | 'token', text: string | Buffer): string {
    return createHmac('sha256', this.#key).update(`longhaul ${purpose}\n`).update(text).digest('base64url');
  }

  seal(token: Token, revocation: string, endsAt: number): { readonly session: Session; readonly cookie: string } {
    const session = { id: randomBytes(16).toString('base64url'), token: this.sign('token', token.sha256), revocation, endsAt };
    const text = Buffer.from(JSON.stringify(session)).toString('base64url');
    return { session, cookie: `${text}.${this.sign('cookie', text)}` };
  }

  /** null: not signed with this key, or over. */
  open(cookie: string, now: number): Session | null {
    const [text = '', signature = ''] = cookie.split('.');
    if (!same(signature, this.sign('cookie', text))) return null;
    const parsed = Session.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    return parsed.success && parsed.data.endsAt > now ? parsed.data : null;
  }
}

export function same(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
