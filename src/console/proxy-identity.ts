/** Who the person is, by a token that an identity-aware proxy signed (Google's IAP, an OIDC proxy). The header alone proves nothing: it is verified. */
import { createRemoteJWKSet, jwtVerify, type JWTPayload } from 'jose';
import { isNamed } from '../contract/persons.ts';
import { groupsOf, isVerified, namesOf, TOKEN_ALGORITHMS } from '../contract/token-claims.ts';
import type { Role } from './wire.ts';
import { GRACES } from '../rules/durations.ts';

export interface ProxyIdentityOptions {
  /** Header that carries the token, with or without `Bearer `. */
  readonly header: string;
  /** Where the proxy publishes its keys. */
  readonly jwks: URL;
  readonly issuer: string;
  readonly audience: string;
  /** E-mail addresses or subjects that may press buttons. Where neither people nor groups are named: everyone whom the proxy lets in. */
  readonly operators: readonly string[];
  readonly groups?: GroupRoles;
}

/** Which groups of the identity provider give which role. */
interface GroupRoles {
  /** Claim with the names of the groups, or a path to it (`realm_access.roles`). */
  readonly claim: string;
  readonly operators: readonly string[];
  /** Where some are named, whoever is in none of them and is no operator may not even look. */
  readonly viewers: readonly string[];
}

const NO_GROUPS: GroupRoles = { claim: 'groups', operators: [], viewers: [] };

/** https://cloud.google.com/iap/docs/signed-headers-howto */
export const IAP = {
  header: 'x-goog-iap-jwt-assertion',
  jwks: new URL('https://www.gstatic.com/iap/verify/public_key-jwk'),
  issuer: 'https://cloud.google.com/iap',
} as const;

interface ProxyUser {
  readonly user: string;
  /** All that the person may be called by: the verified address, and the subject. */
  readonly names: readonly string[];
  /** null: known, and without any right here. */
  readonly role: Role | null;
  /** When the token was made, ms since 1970; null: it does not say. */
  readonly since: number | null;
}

/** Verifies a header's value; null when it is absent, expired, meant for others or not signed by the proxy. */
type ProxyIdentity = (header: string | undefined) => Promise<ProxyUser | null>;

export function createProxyIdentity({ jwks, issuer, audience, ...roles }: ProxyIdentityOptions): ProxyIdentity {
  const keys = createRemoteJWKSet(jwks);
  return async (header) => {
    if (header === undefined) return null;
    const token = header.replace(/^Bearer\s+/i, '');
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: TOKEN_ALGORITHMS,
        clockTolerance: GRACES.tokenClockSkewSeconds,
        requiredClaims: ['exp', 'sub'],
      });
      const names = namesOf(payload);
      return {
        user: names[0] ?? '',
        names,
        role: roleOf(payload, names, roles),
        since: typeof payload.iat === 'number' ? payload.iat * 1000 : null,
      };
    } catch {
      return null;
    }
  };
}

/** What gives most wins. */
function roleOf(
  payload: JWTPayload,
  names: readonly string[],
  { operators, groups = NO_GROUPS }: Pick<ProxyIdentityOptions, 'operators' | 'groups'>,
): Role | null {
  const of = groupsOf(payload, groups.claim);
  const among = (wanted: readonly string[], found: readonly string[]): boolean => wanted.some((one) => found.includes(one));
  if (isNamed(operators, names) || among(groups.operators, of)) return 'operator';
  const nobodyNamed = [operators, groups.operators, groups.viewers].every(({ length }) => length === 0);
  if (nobodyNamed) return isVerified(payload) ? 'operator' : 'viewer';
  return groups.viewers.length === 0 || among(groups.viewers, of) ? 'viewer' : null;
}
