/** Who decided: signatures are checked here, where keys may be read, and the ledger hears of every decision. */
import type { CheckDecisionInput, RecordDecisionsInput, Verdict } from '../src/contract/decisions.ts';
import { ledgerKey } from '../src/contract/ids.ts';
import type { Ports } from '../src/ports/index.ts';
import { decisionRow, verdictOf } from '../src/signing/decision-row.ts';
import { signersOf, type Signers } from '../src/signing/signers.ts';
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
      const rows = decisions.map((decision) => decisionRow(pipeline, run, decision, signers));
      const key = ledgerKey(run, 'decisions', first.id, decisions.length);
      await withHeartbeat(() => asTransientRefusal(async () => (await ports.warehouse(profile)).append('decisions', rows, key)));
    },
  });
export type DecisionActivities = ReturnType<typeof createDecisionActivities>;
