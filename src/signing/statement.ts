/** What a signature of a decision covers: all of it, and where and when it counts. Ed25519 (RFC 8032) over canonical JSON. */
import { createHash, type KeyObject } from 'node:crypto';
import { canonicalJson } from '../contract/canonical-json.ts';
import type { Signature } from '../contract/decisions.ts';

export interface Statement {
  readonly run: string;
  /** The search; null: the run. */
  readonly search: string | null;
  /** One of `UPDATES`. */
  readonly decision: string;
  /** Of the update; its signature is left out. */
  readonly payload: Readonly<Record<string, unknown>>;
}

export function signedText(
  { payload, ...statement }: Statement,
  { value: _value, ...signature }: Omit<Signature, 'value'> & { value?: string },
): Buffer {
  const { signed: _signed, ...rest } = payload;
  return Buffer.from(canonicalJson({ longhaul: 'decision-1', ...statement, payload: rest, signature }));
}

/** 16 hex digits of a public key. */
export const keyIdOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
