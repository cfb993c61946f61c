/** Who decided: signatures are checked here, where keys may be read, and the ledger hears of every decision. */
import type { CheckDecisionInput, HeardDecision, RecordDecisionsInput, Verdict } from '../src/contract/decisions.ts';
import { InvalidInputError } from '../src/contract/errors.ts';
import { ledgerKey } from '../src/contract/ids.ts';
import type { LedgerRow } from '../src/contract/ledger.ts';
import type { Ports } from '../src/ports/index.ts';
import { signersOf, verified, type Signers } from '../src/signing/signers.ts';
import { failure, translated } from './failures.ts';
import { asTransientRefusal } from './foreign-systems.ts';
import { withHeartbeat } from './heartbeat.ts';

/** @param signers whose signatures count now */
export const createDecisionActivities = (ports: Ports, signers: () => Signers = signersOf) =>
  translated({
    /** Of a step that counts only signed answers. */
    checkDecision: ({ run, decision }: CheckDecisionInput): Promise<Verdict> => Promise.resolve(verdictOf(signers, run, decision)),

    async recordDecisions({ profile, pipeline, run, decisions }: RecordDecisionsInput): Promise<void> {
      const [first] = decisions;
      if (!first) throw failure('InvalidInput', 'no decision to record');
      const rows = decisions.map((decision) => rowOf(pipeline, run, decision, signers));
      const key = ledgerKey(run, 'decisions', first.id, decisions.length);
      await withHeartbeat(() => asTransientRefusal(async () => (await ports.warehouse(profile)).append('decisions', rows, key)));
    },
  });
export type DecisionActivities = ReturnType<typeof createDecisionActivities>;

function rowOf(pipeline: string, run: string, heard: HeardDecision, signers: () => Signers): LedgerRow<'decisions'> {
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
function verdictOf(signers: () => Signers, run: string, decision: HeardDecision): Verdict {
  try {
    return verified(signers(), run, decision);
  } catch (error) {
    if (error instanceof InvalidInputError) return { ...verified(new Map(), run, decision), refused: error.message };
    throw error;
  }
}
