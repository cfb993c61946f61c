/** A decision as the ledger has it, with what proves whose it is. */
import type { ReceivedDecision, Verdict } from '../contract/decisions.ts';
import { InvalidInputError } from '../contract/errors.ts';
import type { LedgerRow } from '../contract/ledger.ts';
import { verified, type Signers } from './signers.ts';

export function decisionRow(pipeline: string, run: string, heard: ReceivedDecision, signers: () => Signers): LedgerRow<'decisions'> {
  const { by: _by, why, signed, trial, step: _step, ...details } = heard.payload;
  const { by, how, refused } = heard.verdict ?? verdictOf(signers, run, heard);
  return {
    pipeline,
    run,
    time: new Date(heard.heardAt).toISOString(),
    id: heard.id,
    step: heard.step,
    trial: typeof trial === 'number' ? trial : null,
    decision: heard.decision,
    by,
    how,
    why: typeof why === 'string' ? why : null,
    outcome: heard.verdict && refused !== null ? 'refused' : 'counted',
    reason: heard.verdict || signed !== undefined ? refused : null,
    details: JSON.stringify(details),
  };
}

/** Nobody is known by a file that cannot be read: what was decided is kept for all that, and says why. */
export function verdictOf(signers: () => Signers, run: string, decision: ReceivedDecision): Verdict {
  try {
    return verified(signers(), run, decision);
  } catch (error) {
    if (error instanceof InvalidInputError) return { ...verified(new Map(), run, decision), refused: error.message };
    throw error;
  }
}
