/** What a verified token says of a person. Pure. */

type Claims = Readonly<Record<string, unknown>>;

/** Symmetric algorithms and `none` are not among them. */
export const TOKEN_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'EdDSA'];

/**
 * An address that its provider did not verify is only what somebody typed, and may be an operator's: it gives no role. Providers that say
 * nothing, as IAP, hand out verified ones only; some write the claim as a text.
 */
export const isVerified = ({ email_verified: verified = true }: Claims): boolean => verified === true || verified === 'true';

/** The subject always; the address, where it counts, comes first. */
export const namesOf = (claims: Claims): readonly string[] =>
  [isVerified(claims) ? claims['email'] : undefined, claims['sub']].filter((name) => typeof name === 'string');

/** Names of claims have dots too (`https://shop.example/groups`): the whole name goes before the path. One text is one group. */
export function groupsOf(claims: Claims, claim: string): readonly string[] {
  const found = Object.hasOwn(claims, claim)
    ? claims[claim]
    : claim.split('.').reduce<unknown>((value, key) => (isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined), claims);
  const values: readonly unknown[] = Array.isArray(found) ? found : [found];
  return values.filter((one) => typeof one === 'string');
}

const isRecord = (value: unknown): value is Claims => typeof value === 'object' && value !== null;
