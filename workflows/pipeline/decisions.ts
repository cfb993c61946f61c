/** Decisions of people about a run: who it was is checked where it matters, and the ledger hears of all of them. */
import { CancellationScope, log, patched } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { DecidedSignal, ReceivedDecision, Verdict } from '../../src/contract/decisions.ts';
import { DECISIONS, UPDATES } from '../../src/contract/names.ts';
import type { UpdateAnswer } from '../../src/contract/search-updates.ts';
import { receivedDecision } from '../decisions.ts';
import { control } from '../policies.ts';
import type { Decision } from './approvals.ts';
import type { Run } from './run.ts';

/** Beside what it decides: a ledger that is away holds nobody up before the run's end. */
function record(run: Run, decision: ReceivedDecision): void {
  const { name, document } = run;
  const { recordings } = run;
  recordings.underWay += 1;
  const input = { profile: document.profile, pipeline: document.pipeline, run: name, decisions: [decision] };
  CancellationScope.nonCancellable(() => control.recordDecisions.executeWithOptions({ summary: `ledger: ${decision.decision}` }, [input]))
    .catch((error: unknown) => {
      log.warn('a decision could not be recorded', { decision: decision.decision, error });
    })
    .finally(() => {
      recordings.underWay -= 1;
    })
    .catch(() => undefined);
}

/** Of an update that counts whoever sent it. */
export function recordUpdate(run: Run, name: string, payload: object | undefined, step: string | null = null): void {
  if (run.recordsDecisions) record(run, receivedDecision(run.signatures, name, payload, { search: null, step }));
}

/** What was told to the run and done otherwise: its cancellation, or that it was begun anew. Other names are none of these. */
export function receiveDecision(run: Run, told: DecidedSignal | undefined): void {
  const decision = Object.values(DECISIONS).find((name) => name === told?.decision);
  if (decision === undefined) return;
  if (decision === DECISIONS.cancel) run.cancelHeard = true;
  // Workers of 0.2 got it from newer clients, and did nothing.
  if (patched('decided-recorded')) recordUpdate(run, decision, told?.payload);
}

/** Temporal's own cancellation says nothing of who asked for it. */
export function recordUnheardCancel(run: Run): void {
  if (run.cancelHeard || !patched('cancel-recorded')) return;
  run.cancelHeard = true;
  recordUpdate(run, DECISIONS.cancel, { by: 'unverified', why: 'Temporal was asked to cancel it, and not Longhaul' });
}

/** An answer to an approval step. */
export async function answerApproval(run: Run, approved: boolean, decision: Decision | undefined): Promise<UpdateAnswer> {
  const name = approved ? UPDATES.approve : UPDATES.reject;
  const { step, signedOnly, since } = run.approvals.asked(decision);
  if (!signedOnly) {
    const answer = run.approvals.decide(approved, decision);
    recordUpdate(run, name, decision, step);
    return answer;
  }
  const heard = receivedDecision(run.signatures, name, decision, { search: null, step });
  const verdict = await checked(run, heard, since);
  const refused = verdict.refused ?? run.approvals.objection(step, since, approved, verdict.by);
  // Counted before anything is waited for: what was found true is true still.
  const answer = refused === null ? run.approvals.vote(step, approved, verdict.by, decision?.why) : null;
  record(run, { ...heard, verdict: { ...verdict, refused } });
  if (answer !== null) return answer;
  throw ApplicationFailure.nonRetryable(`step ${step} counts only signed answers, and this one does not: ${refused}`, 'InvalidInput');
}

async function checked(run: Run, heard: ReceivedDecision, since: number): Promise<Verdict> {
  const signed = heard.payload.signed as { readonly asked?: unknown } | undefined;
  const verdict = await control.checkDecision.executeWithOptions({ summary: 'check who decides' }, [{ run: run.name, decision: heard }]);
  if (verdict.refused !== null || signed?.asked === since) return verdict;
  return { ...verdict, refused: 'its signature is that of an answer to another question' };
}
