/** What a workflow heard of people, for the ledger. */
import { uuid4 } from '@temporalio/workflow';
import type { ReceivedDecision } from '../src/contract/decisions.ts';

/** Signatures that came lately: older ones are refused by their age. */
const SIGNATURES_KEPT = 1000;

/** @param used signatures that came before; this one is added */
export function receivedDecision(
  used: Set<string>,
  decision: string,
  payload: object | undefined,
  { search, step }: Pick<ReceivedDecision, 'search' | 'step'>,
): ReceivedDecision {
  const given = (payload ?? {}) as ReceivedDecision['payload'];
  const value = (given.signed as { readonly value?: unknown } | undefined)?.value;
  const signature = typeof value === 'string' ? value : null;
  const again = signature !== null && used.has(signature);
  if (signature !== null) used.add(signature);
  const [oldest] = used;
  if (used.size > SIGNATURES_KEPT && oldest !== undefined) used.delete(oldest);
  return { id: uuid4(), search, step, decision, payload: given, heardAt: Date.now(), ...(again ? { again } : {}) };
}
