/** Puts the signature of whoever has a key on a decision. */
import type { Who } from '../contract/search.ts';
import { signerOf } from '../signing/signer.ts';

export interface Signed {
  readonly run: string;
  /** Null: the run. */
  readonly search: string | null;
  readonly decision: string;
  /** When the approval step began to ask, and whether it is one. */
  readonly asked?: () => Promise<number | undefined>;
}

/**
 * The payload as it is sent.
 * @throws InvalidInputError LONGHAUL_SIGNING_KEY names no key
 */
export async function signedPayload(given: Who, { asked, ...statement }: Signed): Promise<object> {
  const { vouched, ...payload } = given;
  const signer = vouched === null ? null : signerOf();
  if (signer === null || payload.signed !== undefined) return payload;
  return { ...payload, signed: signer({ ...statement, payload: { ...payload } }, vouched ?? 'key', await asked?.()) };
}
