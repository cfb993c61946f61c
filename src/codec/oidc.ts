/** Who may read: tokens of an OIDC provider, as Temporal's web UI passes them on. */
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import { isNamed } from '../contract/persons.ts';
import { groupsOf, namesOf, TOKEN_ALGORITHMS } from '../contract/token-claims.ts';
import { GRACES } from '../rules/durations.ts';

export interface OidcOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer publishes its keys; null: where its configuration says. */
  readonly jwks: URL | null;
  /** Addresses and subjects. Where neither people nor groups are named: everybody who has a token. */
  readonly people: readonly string[];
  readonly groups: readonly string[];
  readonly groupsClaim: string;
}

/** Thrown when the provider's keys cannot be had: nothing can be said of a token. */
export class ProviderAwayError extends Error {
  constructor(issuer: string, cause: unknown) {
    super(`the keys of ${issuer} cannot be read`, { cause });
    this.name = 'ProviderAwayError';
  }
}

/** `unknown`: the token proves nobody; `stranger`: it does, but somebody who may not read. */
type Reader = 'reader' | 'stranger' | 'unknown';

/** @throws ProviderAwayError */
export function createOidcCheck(options: OidcOptions): (token: string) => Promise<Reader> {
  const { issuer, audience } = options;
  let keys: ReturnType<typeof createRemoteJWKSet> | null = options.jwks === null ? null : createRemoteJWKSet(options.jwks);
  return async (token) => {
    if (token.split('.').length !== 3) return 'unknown';
    try {
      keys ??= createRemoteJWKSet(await jwksOf(issuer));
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: TOKEN_ALGORITHMS,
        clockTolerance: GRACES.tokenClockSkewSeconds,
        requiredClaims: ['exp', 'sub'],
      });
      return mayRead(payload, options) ? 'reader' : 'stranger';
    } catch (error) {
      // What is wrong with the token has a name of its own; the rest is the way to the provider.
      if (isAboutToken(error)) return 'unknown';
      throw new ProviderAwayError(issuer, error);
    }
  };
}

const isAboutToken = (error: unknown): boolean =>
  error instanceof errors.JOSEError &&
  !(error instanceof errors.JWKSTimeout) &&
  !(error instanceof errors.JWKSInvalid) &&
  error.code !== 'ERR_JOSE_GENERIC';

function mayRead(claims: JWTPayload, { people, groups, groupsClaim }: OidcOptions): boolean {
  if (people.length === 0 && groups.length === 0) return true;
  const of = groupsOf(claims, groupsClaim);
  return isNamed(people, namesOf(claims)) || groups.some((group) => of.includes(group));
}

/** https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig */
async function jwksOf(issuer: string): Promise<URL> {
  const answer = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(GRACES.oidcAnswerMs),
  });
  const { jwks_uri: uri, issuer: named } = (await answer.json()) as { readonly jwks_uri?: unknown; readonly issuer?: unknown };
  if (named !== issuer || typeof uri !== 'string') throw new Error(`its configuration is that of ${String(named)}`);
  return new URL(uri);
}
