/** Who may sign in with which token. The file keeps tokens out of command lines, environments and shell histories. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { InvalidInputError, type Problem } from '../contract/errors.ts';
import type { Role } from './wire.ts';

export interface Token {
  readonly sha256: Buffer;
  readonly user: string;
  readonly role: Role;
  /** `user` is a person's name, and not only the role. */
  readonly named: boolean;
}

const SHORTEST = 16;
const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

/**
 * One token a line: `TOKEN [operator|viewer] [name]`; `#` begins a comment.
 *
 * @example parseTokens('tokens', 'aaaaaaaaaaaaaaaaaaaa operator ada\nbbbbbbbbbbbbbbbbbbbb viewer\n')
 * @throws InvalidInputError
 */
export function parseTokens(file: string, text: string): Token[] {
  const problems: Problem[] = [];
  const tokens: Token[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const [token = '', role = 'operator', ...name] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (token === '') continue;
    const at = { file, line: index + 1 };
    // What was found is not repeated: it may be a token with a slip.
    if (token.length < SHORTEST)
      problems.push({ ...at, message: 'token too short', expected: `at least ${SHORTEST} characters`, hint: 'openssl rand -hex 24' });
    else if (role !== 'operator' && role !== 'viewer')
      problems.push({ ...at, message: 'unknown role', expected: 'TOKEN operator NAME, or TOKEN viewer NAME' });
    else tokens.push({ sha256: hashOf(token), role, user: name.join(' ') || role, named: name.length > 0 });
  }
  if (problems.length === 0 && tokens.length === 0)
    problems.push({ file, message: 'no token in it', expected: 'TOKEN [operator|viewer] [name]' });
  if (problems.length > 0) throw new InvalidInputError(problems);
  return tokens;
}

/** Compares with all tokens in constant time. */
export function tokenOf(tokens: readonly Token[], given: string): Token | null {
  const hash = hashOf(given);
  return tokens.filter((token) => timingSafeEqual(token.sha256, hash))[0] ?? null;
}
