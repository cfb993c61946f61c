/** Who the person is, by a token that an identity-aware proxy signed (Google's IAP, an OIDC proxy). The header alone proves nothing: it is verified. */
import { createRemoteJWKSet, jwtVerify, type JWTPayload } from 'jose';
import type { Role } from './wire.ts';
import { GRACES } from '../rules/durations.ts';

export interface ProxyIdentityOptions {
  /** Header that carries the token, with or without `Bearer `. */
  readonly header: string;
  /** Where the proxy publishes its keys. */
  readonly jwks: URL;
  readonly issuer: string;
  readonly audience: string;
  /** E-mail addresses or subjects that may press buttons; empty: everyone whom the proxy lets in. */
  readonly operators: readonly string[];
}

/** https://cloud.google.com/iap/docs/signed-headers-howto */
export const IAP = {
  header: 'x-goog-iap-jwt-assertion',
  jwks: new URL('https://www.gstatic.com/iap/verify/public_key-jwk'),
  issuer: 'https://cloud.google.com/iap',
} as const;

/** Symmetric algorithms and `none` are not among them. */
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'EdDSA'];

interface ProxyUser {
  readonly user: string;
  readonly role: Role;
}

/** Verifies a header's value; null when it is absent, expired, meant for others or not signed by the proxy. */
type ProxyIdentity = (header: string | undefined) => Promise<ProxyUser | null>;

export function createProxyIdentity({ jwks, issuer, audience, operators }: ProxyIdentityOptions): ProxyIdentity {
  const keys = createRemoteJWKSet(jwks);
  return async (header) => {
    if (header === undefined) return null;
    const token = header.replace(/^Bearer\s+/i, '');
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: GRACES.tokenClockSkewSeconds,
        requiredClaims: ['exp', 'sub'],
      });
      const verified = isVerified(payload);
      const names = [verified ? payload.email : undefined, payload.sub].filter((name) => typeof name === 'string');
      const user = names[0] ?? '';
      const everyone = operators.length === 0 && verified;
      return { user, role: everyone || names.some((name) => operators.includes(name)) ? 'operator' : 'viewer' };
    } catch {
      return null;
    }
  };
}

/**
 * An address that its provider did not verify is only what somebody typed, and may be an operator's: it gives no role. Providers that say
 * nothing, as IAP, hand out verified ones only; some write the claim as a text.
 */
const isVerified = ({ email_verified: verified = true }: JWTPayload): boolean => verified === true || verified === 'true';
