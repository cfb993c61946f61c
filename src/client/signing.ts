/** Puts the signature of whoever has a key on a decision. */
import type { WorkflowHandle } from '@temporalio/client';
import { INTERNAL_SIGNALS } from '../contract/names.ts';
import type { Who } from '../contract/search-updates.ts';
import { signerOf } from '../signing/signer.ts';

/** Goes to the run by a signal, which the server keeps until a worker comes. */
export async function tellDecided(handle: WorkflowHandle, decision: string, { by, why, vouched }: Who, more: object = {}): Promise<void> {
  const who = { ...(by === undefined ? {} : { by }), ...(why === undefined ? {} : { why }), ...(vouched === undefined ? {} : { vouched }) };
  const payload = await signedPayload({ ...more, ...who }, { run: handle.workflowId, search: null, decision });
  await handle.signal(INTERNAL_SIGNALS.decided, { decision, payload });
}

/**
 * Before anything is begun that is to be told of afterwards.
 * @throws InvalidInputError LONGHAUL_SIGNING_KEY names no key
 */
export function checkSigner({ vouched }: Pick<Who, 'vouched'>): void {
  if (vouched !== null) signerOf();
}

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
